"""Two results that could be subtracted from each other are not both given out.

A computing party remembers of each opened result who contributed which edition of its data, which cells it was about
and its minima. It has part in a next result about some of the same only when one of these holds:

- nobody's data differ, and it opens equal cells under equal minima where cells meet;
- cells that meet are equal, and at least the minimum of organisations differ: by joining, leaving, other data;
- at least the minimum of organisations brought new data.

A result by region is as many results as unions of its parts (`regions`): each of them is held to this, beside each
that is told of the other. So a region's part of a federation's result is a result of that region.

The minimum is the larger one of both results, which may be of two networks: a station's data are the same in all of
them. Two sessions about some of the same never run at once: neither would know of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from typing import Any

from . import editions, regions

DIFFERENT = "its result would differ from an earlier one in"


@dataclass(frozen=True)
class Earlier:
    """An opened result about some of what is asked now. `contributors` is station → edition.

    `apart`: which cells of the two could be subtracted; "" for none. `alike`: whether both are about the same columns.
    `regions`: the minimum of contributors of a region that it tells about, 0 where it is not by region.
    """

    contributors: Mapping[str, str]
    minimum: int
    apart: str
    alike: bool
    named: str
    regions: int = 0

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON; `Earlier(**content)` reads it."""
        return asdict(self)


def refused(earlier: Iterable[Earlier], contributors: Mapping[str, str], by_region: int = 0) -> str:
    """Why a result over `contributors` (station → edition) may not be opened next to `earlier` ones; "" if it may.

    `by_region`: the minimum of contributors of a region that it tells about, 0 where it is not by region. An
    organisation counts as different when it is in one of the two only, or brought another edition.
    """
    now = regions.parts(contributors, by_region)
    for before in earlier:
        different = _different(before, contributors)
        if before.apart:
            fresh = [contributors.keys(), *(part for part in now.each if part & before.contributors.keys())]
            new = min(len(different & part) for part in fresh)
            if new < before.minimum:
                return subtracted(before, new)
        few: Set[str] = different if len(different) < before.minimum else set()
        if before.regions or by_region:
            few = few or _few(before, now, different)
        if few:
            return f"contributors: {DIFFERENT} {len(few)} organisations ({', '.join(sorted(few))}) only"
    return ""


def _different(before: Earlier, contributors: Mapping[str, str]) -> set[str]:
    """Who is in one of the two only, or brought other data."""
    return {
        station
        for station in {*before.contributors, *contributors}
        if not editions.same(before.contributors.get(station), contributors.get(station), before.alike)
    }


def _few(before: Earlier, now: regions.Parts, different: Set[str]) -> Set[str]:
    """Fewer organisations than the minimum in which two unions differ, one of the parts of each; else nobody.

    Each region is in a union or not whatever the others are: they are looked at one by one, with the differences below
    the minimum that those before it come to.
    """
    told = regions.parts(before.contributors, before.regions)
    for with_together in itertools.product(*((True, False) if one.together else (False,) for one in (told, now))):
        # Whether there is anything in either union yet, and in how many they differ → in whom.
        found: dict[tuple[bool, bool, int], Set[str]] = {(False, False, 0): set()}
        for choices in _choices((told, now), with_together):
            reached: dict[tuple[bool, bool, int], Set[str]] = {}
            for ((some, others, _), names), (one, other) in itertools.product(found.items(), choices):
                differing = names | (one ^ other) | (one & other & different)
                if len(differing) < before.minimum:
                    reached.setdefault((some or bool(one), others or bool(other), len(differing)), differing)
            found = reached
        if few := [names for (some, others, count), names in found.items() if some and others and count]:
            return min(few, key=len)
    return set()


def _choices(
    both: tuple[regions.Parts, regions.Parts], with_together: tuple[bool, ...]
) -> Iterator[list[tuple[frozenset[str], ...]]]:
    """Of each region, who of it can be in the two unions: a part that stands alone is in or not, others as told."""
    there = [regions.grouped(itertools.chain.from_iterable(parts.each)) for parts in both]
    nobody = frozenset[str]()
    for name in sorted({name for own in there for name in own}):
        sides = []
        for parts, own, together in zip(both, there, with_together, strict=True):
            stations = frozenset(own.get(name, ()))
            sides.append([stations, nobody] if name in parts.alone else [stations if together else nobody])
        yield list(itertools.product(*sides))


def subtracted(before: Earlier, new: int = 0) -> str:
    """The sentence on two results that could be subtracted, of which `new` organisations brought new data."""
    return (
        f"cells: {before.apart} of {before.named} can be subtracted; "
        f"ask for equal cells and minima, or after {before.minimum} brought new data, not {new}"
    )
