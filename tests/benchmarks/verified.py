"""What the verification of products costs: a session of `hotspots` over all areas, with and without it, in turn.

Without it a lying computing party opens what it likes (`tests/station_image/runtime/mpc/test_lying_party.py`); the
parties of that row are of no use but to be measured. All parties share the cores of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from station_image.runtime.analyses import Source, hotspots
from tests.benchmarks import session
from tests.station_image.runtime.analyses.parties import MOST_PARTIES, Job, Parties, Ran

RUNS = 5
PROMISED = 2.5
"""A session that is verified takes at most so much of one that is not, which opened what a liar liked."""


def measure(areas: int = session.AREAS) -> Iterator[dict[str, Any]]:
    """Seconds of wall clock, medians, of both in turn, and their ratio: 3, 5 and 7 parties."""
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


def _ratio(size: int, medians: dict[str, float]) -> dict[str, Any]:
    return {
        "name": f"session: verified over not verified, {size} parties, medians of {RUNS}",
        "organisations": session.CONTRIBUTORS,
        "value": round(medians["verified"] / medians["not verified"], 3),
        "unit": f"times (promised: at most {PROMISED})",
        "floor": 1.0,
        "phases": medians,
    }
