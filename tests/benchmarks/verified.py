"""What the verification of products costs: a session of `hotspots` over all areas, with and without it, in turn.

Without it a lying computing party opens what it likes (`tests/station_image/runtime/mpc/test_lying_party.py`); the
parties of that row are of no use but to be measured. All parties share the cores of this machine.

And the memory of one party with the most areas and many contributors: sessions at once share a container's.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from station_image.runtime.analyses import Source, hotspots
from tests.benchmarks import session
from tests.station_image.runtime.analyses.parties import MOST_PARTIES, Job, Parties, Ran

RUNS = 5
PROMISED = 2.5
"""A session that is verified takes at most so much of one that is not, which opened what a liar liked."""


CONTRIBUTORS = 50
MOST_MB = 500
"""The computer of a station has 2 GiB, and its agent lets four sessions about data run at once."""
LOOK_EVERY = 0.05


def measure(areas: int = session.AREAS) -> Iterator[dict[str, Any]]:
    """Seconds of wall clock, medians, of both in turn, and their ratio: 3, 5 and 7 parties. Then the memory of one."""
    yield from _seconds(areas)
    yield _memory(hotspots.MOST_AREAS)


def _seconds(areas: int) -> Iterator[dict[str, Any]]:
    given = {"areas": [f"{session.FIRST}-{session.FIRST + areas - 1}"]}
    completed = hotspots.parameters(given)
    cases = {name: [area for area in rows if area < session.FIRST + areas] for name, rows in session._cases().items()}
    numbers = {
        name: hotspots.numbers(Source("", name, completed), [(area,) for area in rows]) for name, rows in cases.items()
    }
    made: dict[str, Parties] = {}
    try:
        made["verified"] = Parties()
        made["not verified"] = Parties(dict.fromkeys(range(MOST_PARTIES), "no_verification"))
        for size in session.PARTIES:
            job = Job("hotspots/1", given, numbers, size)
            ran: dict[str, list[Ran]] = {name: [] for name in made}
            for _ in range(RUNS):
                for name, parties in made.items():
                    ran[name].append(parties.run(job))
                    session._sound(job.outcome(ran[name][-1].ends), cases)
            rows = {name: session._row(name, size, 0.0, runs) for name, runs in ran.items()}
            yield from rows.values()
            yield _ratio(size, {name: row["value"] for name, row in rows.items()})
    finally:
        for parties in made.values():
            parties.stop()


def _memory(areas: int) -> dict[str, Any]:
    """Megabytes that the process of one session ever held, at the party that held most."""
    given = {"areas": [f"{session.FIRST}-{session.FIRST + areas - 1}"]}
    completed = hotspots.parameters(given)
    held = hotspots.numbers(Source("", "n", completed), [(session.FIRST + area,) for area in range(areas)])
    parties, over, peaks = Parties(), threading.Event(), list[int]()
    watching = threading.Thread(target=functools.partial(_watch, parties.pids, over, peaks))
    watching.start()
    try:
        parties.run(Job("hotspots/1", given, {f"n.{number}": held for number in range(CONTRIBUTORS)}, 3))
    finally:
        over.set()
        watching.join()
        parties.stop()
    return {
        "name": f"session: memory of one of 3 parties, {areas} areas",
        "organisations": CONTRIBUTORS,
        "value": round(max(peaks) / 1024, 1),
        "unit": "MB",
        "floor": None,
        "most": MOST_MB,
        "phases": {},
    }


def _watch(computers: list[int], over: threading.Event, peaks: list[int]) -> None:
    """Note how many kB each process of a session ever held, until all is over: proc(5), VmHWM."""
    while not over.wait(LOOK_EVERY):
        for computer in computers:
            for child in Path(f"/proc/{computer}/task/{computer}/children").read_text().split():
                try:
                    lines = Path(f"/proc/{child}/status").read_text().splitlines()
                except (FileNotFoundError, ProcessLookupError):
                    continue  # its session ended a moment ago
                peaks += [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]


def _ratio(size: int, medians: dict[str, float]) -> dict[str, Any]:
    return {
        "name": f"session: verified over not verified, {size} parties, medians of {RUNS}",
        "organisations": session.CONTRIBUTORS,
        "value": round(medians["verified"] / medians["not verified"], 3),
        "unit": f"times (promised: at most {PROMISED})",
        "floor": 1.0,
        "phases": medians,
    }
