"""One session of `hotspots` over all areas of the country: over gateways against plain TCP, near and 10 ms apart.

From the moment the computing parties' processes are asked for until the last of them has its outcome, contributors'
shares being there. All parties share the cores of this machine, the gateways and the relay too: on servers of their own
the parties are faster and the gateways weigh less. With gateways the floor is what plain TCP took in the same run.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from station_image.runtime.analyses import Source, hotspots
from tests.benchmarks.wires.wires import Gateways, Wires
from tests.station_image.runtime.analyses.parties import Job, Parties, Ran

RUNS = 3
PARTIES = (3, 5, 7)
FIRST, AREAS, CONTRIBUTORS = 1000, 4000, 25
ROUND_TRIPS = (0.0, 0.010)
PROMISED = 1.05
"""A session over the mesh costs at most so much of the same over plain TCP: 3 parties, 10 ms apart."""
WIRES: dict[str, type[Wires]] = {"gateways": Gateways, "plain TCP": Wires}


def measure() -> Iterator[dict[str, Any]]:
    """Seconds of wall clock, medians of three, and what the mesh costs."""
    parties = Parties()
    try:
        for size in PARTIES:
            yield from _sized(parties, size)
    finally:
        parties.stop()


def _sized(parties: Parties, size: int) -> Iterator[dict[str, Any]]:
    given = {"areas": [f"{FIRST}-{FIRST + AREAS - 1}"]}
    cases = _cases()
    completed = hotspots.parameters(given)
    numbers = {
        name: hotspots.numbers(Source("", name, completed), [(area,) for area in rows]) for name, rows in cases.items()
    }
    job = Job("hotspots/1", given, numbers, size)
    for round_trip in ROUND_TRIPS:
        ran = _alternating(parties, job, size, round_trip)
        for found in (runs[0] for runs in ran.values()):
            _sound(job.outcome(found.ends), cases)
        plain = _row("plain TCP", size, round_trip, ran["plain TCP"])
        mesh = _row("gateways", size, round_trip, ran["gateways"]) | {"floor": plain["value"]}
        yield from (mesh, plain)
        if size == PARTIES[0] and round_trip:
            yield _ratio(mesh, plain)


def _alternating(parties: Parties, job: Job, size: int, round_trip: float) -> dict[str, list[Ran]]:
    """Runs over both kinds of wires in turn, so that a machine that becomes slower does so for both."""
    ran: dict[str, list[Ran]] = {name: [] for name in WIRES}
    with ExitStack() as stack:
        made = {name: stack.enter_context(kind(size, round_trip)) for name, kind in WIRES.items()}
        for _ in range(RUNS):
            for name, wires in made.items():
                ran[name].append(parties.run(job, wires.pairs))
    return ran


def _cases() -> dict[str, list[int]]:
    """Areas of the cases of each contributor: few areas have many, as places with many people do."""
    chance = random.Random(1)  # noqa: S311  # reproducible, no secret
    weights = [chance.random() ** 4 for _ in range(AREAS)]
    areas = range(FIRST, FIRST + AREAS)
    return {f"n.{number}": chance.choices(areas, weights, k=1500) for number in range(CONTRIBUTORS)}


def _sound(found: dict[str, Any], cases: dict[str, list[int]]) -> None:
    totals = Counter(area for rows in cases.values() for area in rows)
    present = Counter(area for rows in cases.values() for area in set(rows))
    wanted = {str(area): total for area, total in totals.items() if total >= 10 and present[area] >= 3}
    if {row["area"]: row["cases"] for row in found["areas"]} != wanted or found["left_out"]:
        raise AssertionError("a session with a wrong result measures nothing")


def _row(wires: str, size: int, round_trip: float, runs: list[Ran]) -> dict[str, Any]:
    seconds = [run.connecting + run.computing for run in runs]
    typical = runs[seconds.index(statistics.median(seconds))]
    told, _ = typical.ends[0]
    return {
        "name": f"session: {size} parties, {AREAS} areas, {wires}, {1000 * round_trip:.0f} ms round trip",
        "organisations": CONTRIBUTORS,
        "value": round(statistics.median(seconds), 2),
        "unit": "s",
        "floor": None,
        "phases": {
            "connect": round(typical.connecting, 3),
            **{name: milliseconds / 1000 for name, milliseconds in told["steps"].items()},
            "processor of one party": told["processor"] / 1000,
        },
    }


def _ratio(mesh: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "session: gateways over plain TCP, 3 parties, 10 ms round trip",
        "organisations": CONTRIBUTORS,
        "value": round(mesh["value"] / plain["value"], 3),
        "unit": f"times (promised: at most {PROMISED})",
        "floor": 1.0,
        "phases": {"gateways": mesh["value"], "plain TCP": plain["value"]},
    }
