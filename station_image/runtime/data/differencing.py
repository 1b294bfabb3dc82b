"""Two results that could be subtracted from each other are not both given out.

A computing party remembers of each opened result who contributed which edition of its data, which cells it was about
and its minima. It has part in a next result about some of the same only when one of these holds:

- nobody's data differ, and it opens equal cells under equal minima where cells meet;
- cells that meet are equal, and at least the minimum of organisations differ: by joining, leaving, other data;
- at least the minimum of organisations brought new data.

The minimum is the larger one of both results, which may be of two networks: a station's data are the same in all of
them. Two sessions about some of the same never run at once: neither would know of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import editions

DIFFERENT = "its result would differ from an earlier one in"


@dataclass(frozen=True)
class Earlier:
    """An opened result about some of what is asked now. `contributors` is station → edition.

    `apart`: which cells of the two could be subtracted; "" for none. `alike`: whether both are about the same columns.
    """

    contributors: Mapping[str, str]
    minimum: int
    apart: str
    alike: bool
    named: str

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON; `Earlier(**content)` reads it."""
        return asdict(self)


def refused(earlier: Iterable[Earlier], contributors: Mapping[str, str]) -> str:
    """Why a result over `contributors` (station → edition) may not be opened next to `earlier` ones; "" if it may.

    An organisation counts as different when it is in one of the two only, or brought another edition.
    """
    for before in earlier:
        different = {
            station
            for station in {*before.contributors, *contributors}
            if not editions.same(before.contributors.get(station), contributors.get(station), before.alike)
        }
        new = different & contributors.keys()
        if before.apart and len(new) < before.minimum:
            return subtracted(before, len(new))
        if 0 < len(different) < before.minimum:
            return f"contributors: {DIFFERENT} {len(different)} organisations ({', '.join(sorted(different))}) only"
    return ""


def subtracted(before: Earlier, new: int = 0) -> str:
    """The sentence on two results that could be subtracted, of which `new` organisations brought new data."""
    return (
        f"cells: {before.apart} of {before.named} can be subtracted; "
        f"ask for equal cells and minima, or after {before.minimum} brought new data, not {new}"
    )
