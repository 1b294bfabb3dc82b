"""Cells: the sets of records that a result has numbers about, and whether two results could be subtracted.

An analysis states its cells in groups. A group is a product: of each column some runs, and a run is neighbouring parts
of equal width. `over={"age": ((0, 99, 10),), "postcode4": ((7001, 7040, 1),)}` is 10 times 40 cells, `over={}` is one:
all records. A column that is not named may have any value. Values are whole numbers; parts of one column in one group
have no value in common. A total is a cell too, in a group of its own. `opens` says what is opened of each.

Two cells meet when a record can be in both. Where all that meet are equal, and are opened under the same minima, two
results over the same data are parts of one partition: what follows from both follows from one of them.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import records
from .records import Row, Rows

Run = tuple[int, int, int]
"""First value, last value (both included), and how many values a part has."""
Part = tuple[int, int]
COUNT = "count"


@dataclass(frozen=True)
class Group:
    """Cells of which the same is opened."""

    over: Mapping[str, tuple[Run, ...]]
    opens: str = COUNT

    def __hash__(self) -> int:
        return hash((frozenset(self.over.items()), self.opens))

    @property
    def content(self) -> dict[str, Any]:
        """The group as JSON."""
        return {
            "over": {column: [list(run) for run in runs] for column, runs in self.over.items()},
            "opens": self.opens,
        }


Cells = tuple[Group, ...]


@dataclass(frozen=True)
class Asked:
    """What decides which numbers a result has. `cells` is None where the analysis states none.

    `parameters` is a digest of all parameters. `by_region`: the cells of each regional network are opened too.
    """

    analysis: str
    parameters: str
    cells: Cells | None
    minimum_cell: int
    minimum_contributors: int
    by_region: bool = False

    @property
    def content(self) -> dict[str, Any]:
        """It as JSON, in which an earlier release finds nothing new where nothing is."""
        cells = None if self.cells is None else [group.content for group in self.cells]
        found = {**vars(self), "cells": cells}
        return found if self.by_region else {name: value for name, value in found.items() if name != "by_region"}

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Asked:
        """From its JSON. Raises TypeError, ValueError, KeyError."""
        cells = content["cells"]
        return cls(**{**content, "cells": None if cells is None else tuple(_group(group) for group in cells)})

    @property
    def minima(self) -> tuple[int, int]:
        """The minimum cell and the minimum of contributors."""
        return self.minimum_cell, self.minimum_contributors

    @property
    def regions(self) -> int:
        """The minimum of contributors of a region that is told about; 0 where none is."""
        return self.minimum_contributors if self.by_region else 0

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that its cells are about; None where that is not known."""
        return None if self.cells is None else frozenset(column for group in self.cells for column in group.over)


def meet(before: Asked, now: Asked) -> bool:
    """Whether a record can count in both."""
    if before.cells is None or now.cells is None or before.cells == now.cells:
        return before.cells != () and now.cells != ()
    return any(_parts_that_meet(one, other) is not None for one in before.cells for other in now.cells)


def apart(before: Asked, now: Asked) -> str:
    """Which cells of `now` meet other ones of `before`, so that one could be subtracted; "" where there are none."""
    if not meet(before, now) or _repeated(before, now):
        return ""
    if before.cells is None or now.cells is None:
        return "an analysis that does not say which cells it opens"
    if before.minima != now.minima:
        return "minima {} and {} beside {} and {}".format(*now.minima, *before.minima)
    for one in before.cells:
        for other in now.cells:
            if found := _unequal(one, other):
                return f"{_named(found[1], other)} beside {_named(found[0], one)}"
    return ""


def counted(cells: Cells | None, columns: Sequence[str], rows: Iterable[Row]) -> Rows:
    """Those of `rows` that are in a cell; all where none are stated."""
    counts = records.counted(rows)
    if cells is None:
        return Rows(counts)
    places = [[(columns.index(column), sorted(runs)) for column, runs in group.over.items()] for group in cells]
    inside = (row for row in counts if any(all(_within(row[place], runs) for place, runs in group) for group in places))
    return Rows(Counter({row: counts[row] for row in inside}))


def _within(value: int, runs: Sequence[Run]) -> bool:
    """Whether a value is in one of these runs, sorted."""
    place = bisect.bisect_right(runs, value, key=lambda run: run[0])
    return place > 0 and value <= runs[place - 1][1]


def _repeated(before: Asked, now: Asked) -> bool:
    """Whether both open exactly the same of the same data."""
    alike = (before.analysis, before.cells, before.minima) == (now.analysis, now.cells, now.minima)
    return alike and (now.cells is not None or before.parameters == now.parameters)


def _group(content: Mapping[str, Any]) -> Group:
    over = {str(column): tuple(_run(run) for run in runs) for column, runs in content["over"].items()}
    return Group(over, str(content["opens"]))


def _run(content: Iterable[Any]) -> Run:
    low, high, width = (int(number) for number in content)
    if width < 1 or high < low:
        raise ValueError("no run of parts")
    return low, high, width


Found = dict[str, tuple[Part, Part]]
"""Of each column that both name, a part of the one and a part of the other."""


def _parts_that_meet(one: Group, other: Group) -> Found | None:
    """A cell of `one` and a cell of `other` that meet; None where there are no such two."""
    found = {column: _overlap(one.over[column], other.over[column]) for column in one.over.keys() & other.over.keys()}
    if any(pair is None for pair in found.values()):
        return None
    return {column: pair for column, pair in found.items() if pair is not None}


def _unequal(one: Group, other: Group) -> tuple[dict[str, Part], dict[str, Part]] | None:
    """A cell of `one` and a cell of `other` that meet and are not equal; None where there are no such two."""
    found = _parts_that_meet(one, other)
    if found is None:
        return None
    if one.over.keys() == other.over.keys() and one.opens == other.opens:
        # In a product each column has its part for itself: one column with two parts that meet and differ suffices.
        unlike = {column: _overlap(one.over[column], other.over[column], unequal=True) for column in one.over}
        differing = {column: pair for column, pair in unlike.items() if pair is not None}
        if not differing:
            return None
        found |= differing
    return {column: pair[0] for column, pair in found.items()}, {column: pair[1] for column, pair in found.items()}


def _overlap(one: tuple[Run, ...], other: tuple[Run, ...], unequal: bool = False) -> tuple[Part, Part] | None:
    """A part of `one` and a part of `other` with a value in common; with `unequal` two that are not the same."""
    if unequal and one == other:
        return None
    theirs = sorted(other)
    ends = [high for _, high, _ in theirs]
    for run in one:
        for place in range(bisect.bisect_left(ends, run[0]), bisect.bisect_right(theirs, (run[1], ends[-1] + 1, 0))):
            for value in _telling(run, theirs[place]):
                mine, yours = _part(run, value), _part(theirs[place], value)
                if not unequal or mine != yours:
                    return mine, yours
    return None


def _telling(one: Run, other: Run) -> Iterator[int]:
    """Values of two runs that overlap, the lowest first; where their parts are equal at these, they are everywhere.

    From the end of two equal parts on, parts of equal width are equal up to the last one, that may be cut off.
    """
    low, high = max(one[0], other[0]), min(one[1], other[1])
    yield low
    following = _part(one, low)[1] + 1
    if following <= high:
        yield following
        yield high


def _part(run: Run, value: int) -> Part:
    """The part of `run` with this value."""
    low, high, width = run
    start = value - (value - low) % width
    return start, min(start + width - 1, high)


def _named(found: Mapping[str, Part], group: Group) -> str:
    """A cell in words."""
    others = sorted(group.over.keys() - found.keys())
    named = [f"{column} {low}" if low == high else f"{column} {low}-{high}" for column, (low, high) in found.items()]
    return " and ".join([*named, *(f"each {column}" for column in others)]) or "all records"
