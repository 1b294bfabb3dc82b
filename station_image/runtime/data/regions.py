"""Regions: contributors by the regional network that each station's id names, and which of them a result tells about.

A result by region tells about each region and about the whole, and so about every union of regions. A region with fewer
contributors than the minimum is told about together with others only: all such regions are one part, and the smallest
of the others are in it until that part has as many. So what follows from the whole, less all that is told, has enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Parts(NamedTuple):
    """Of whom a result tells: `together` (nobody, or of who is told as one) and each region in `alone`."""

    together: frozenset[str]
    alone: dict[str, frozenset[str]]

    @property
    def each(self) -> list[frozenset[str]]:
        """All parts."""
        return [*([self.together] if self.together else []), *self.alone.values()]


def region(station: str) -> str:
    """The regional network of a station: `salland-united` of `salland-united.carinova`."""
    return station.rpartition(".")[0]


def grouped(stations: Iterable[str]) -> dict[str, list[str]]:
    """Region → its stations, both in alphabetical order."""
    found: dict[str, list[str]] = {}
    for station in sorted(stations, key=lambda one: (region(one), one)):
        found.setdefault(region(station), []).append(station)
    return found


def parts(stations: Iterable[str], minimum: int) -> Parts:
    """The parts of a result by region under this minimum of contributors; 0 of one that is not by region."""
    if not minimum:
        return Parts(frozenset(stations), {})
    # The order is nobody's choice, and in `alone` the smallest come first.
    regions = sorted(grouped(stations).items(), key=lambda one: (len(one[1]), one[0]))
    together: set[str] = set()
    while regions and (len(regions[0][1]) < minimum or 0 < len(together) < minimum):
        together.update(regions.pop(0)[1])
    return Parts(frozenset(together), {name: frozenset(own) for name, own in regions})
