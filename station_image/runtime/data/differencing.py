"""Two results that differ in few organisations, or in few areas, tell about those few: such a pair is not given out.

A computing party remembers of each opened result who contributed which edition of its data, and which areas or values
it was about. It has part in a next result about some of the same only when the two differ in nothing, or in at least
the minimum. Two sessions about some of the same never run at once: neither would know of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import editions

DIFFERENT = "its result would differ from an earlier one in"


def refused(earlier: Iterable[Mapping[str, str]], contributors: Mapping[str, str], minimum_contributors: int) -> str:
    """Why a result over `contributors` (station → edition) may not be opened next to `earlier` ones; "" if it may.

    An organisation counts as different when it is in one of the two only, or brought another edition.
    """
    for before in earlier:
        different = {
            station
            for station in {*before, *contributors}
            if not editions.same(before.get(station), contributors.get(station))
        }
        if 0 < len(different) < minimum_contributors:
            return f"contributors: {DIFFERENT} {len(different)} organisations ({', '.join(sorted(different))}) only"
    return ""


def scope_refused(earlier: Iterable[frozenset[str]], scope: frozenset[str], minimum_cell: int) -> str:
    """Why a result about `scope` may not be opened next to those about `earlier` ones; "" if it may."""
    for before in earlier:
        different = before ^ scope
        if before & scope and 0 < len(different) < minimum_cell:
            return f"parameters: {DIFFERENT} {len(different)} areas or values only"
    return ""
