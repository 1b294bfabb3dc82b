"""How long a reader takes over publications: one region of 25 organisations, and 25 of those as a national reader has.

Each is read from its folder with what was read before, as every `up` and every follower does: signatures, digests, each
document, each certificate. The floor is the reading of the same bytes, without a look at them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from network_topology import load
from publication import publication
from tests.harness import coordinator
from tests.publication import published
from werkplaats.operations.coordinator import publish as publishing

REGIONS, RUNS = 25, 5
MOST = {1: 0.3, REGIONS: 5.0}
"""Seconds, by the number of regions."""


def measure() -> list[dict[str, Any]]:
    """Seconds for one publication of 25 organisations and for 25 of them: the median of five runs."""
    with tempfile.TemporaryDirectory() as name:
        place, network, organisations = _published(Path(name))
        kept = Path(name) / "kept.json"
        root = publication.read(place, network).root
        publication.read(place, network, kept, root=root)
        return [
            {
                "name": f"publication: read and check {regions} of {organisations} organisations",
                "value": _median(regions, lambda: publication.read(place, network, kept)),
                "unit": "s",
                "floor": _median(regions, lambda: [one.read_bytes() for one in place.rglob("*") if one.is_file()]),
                "most": most,
                "organisations": regions * organisations,
                "phases": {},
            }
            for regions, most in MOST.items()
        ]


def _published(folder: Path) -> tuple[Path, str, int]:
    """A publication of the largest example; returns its folder, its network and how many stations that has."""
    definition = load.find("twente-volledig", coordinator.NETWORKS)
    made = coordinator.founded(folder, definition)
    for organisation in definition.stations:
        made.approve(organisation)
    place = folder / "publication"
    releases = {definition.release: published.release(definition.release)}
    publishing.publish(place, definition, releases, made.authority)
    return place, definition.network, len(definition.stations)


def _median(times: int, work: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 4)
