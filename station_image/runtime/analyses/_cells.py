"""Counts per cell: how contributors share them, how lies are found, and which totals may be opened.

A contributor shares the bits of its count of every cell, not the count: that a number is a bit can be checked without a
comparison, and a comparison is right only for numbers of known size. It also shares, for every group of cells, whether
it has anything there (presence). A group's total is opened only when it reaches the minimum cell *and* enough
contributors are present, so that nobody can lift a cell over the minimum alone with an invented count, and take its own
count off the total that it then sees.

What this leaves: a contributor can still lie within its cap, and who lifts a cell that enough *others* have cases in
learns their sum. Small caps (`bits`) make the lie small, they do not prevent it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data import records, shares
from . import AnalysisError

AT_ONCE = 1 << 17
"""Numbers of contributors that are checked together, at most: all at once would need memory for all of them twice."""
BITS = 10
MOST_BITS = 16


@dataclass(frozen=True)
class Cells:
    """`count` cells of `bits` bits; `groups` are (start, stop) of neighbouring cells that share a presence bit.

    A contributor's numbers are the bits of cell 0, lowest first, of cell 1, …, then the presence bits.
    """

    count: int
    bits: int
    groups: tuple[tuple[int, int], ...]

    @classmethod
    def single(cls, count: int, bits: int) -> Cells:
        """Every cell a group of its own."""
        return cls(count, bits, tuple((cell, cell + 1) for cell in range(count)))

    @property
    def cap(self) -> int:
        """The largest count that a contributor can have in a cell."""
        return int(2**self.bits) - 1

    @property
    def length(self) -> int:
        """Numbers that a contributor shares."""
        return self.count * self.bits + len(self.groups)

    def largest_total(self, contributors: int) -> int:
        """The largest total that a group can have."""
        return contributors * self.cap * max(stop - start for start, stop in self.groups)

    def numbers(self, counts: Sequence[int]) -> list[int]:
        """A contributor's numbers from its counts per cell. Raises RecordsError above the cap."""
        if max(counts) > self.cap:
            raise records.RecordsError(
                [f"more than {self.cap} rows fall in one cell; agree on a larger parameter `bits`, up to {MOST_BITS}"]
            )
        bits = [count >> bit & 1 for count in counts for bit in range(self.bits)]
        sums = list(itertools.accumulate(counts, initial=0))
        return bits + [int(sums[stop] > sums[start]) for start, stop in self.groups]

    def counts(self, row: Any) -> tuple[Any, Any]:
        """Counts per cell and presences per group from an object array of numbers or of shares of them."""
        import numpy as np

        powers = np.array([1 << bit for bit in range(self.bits)], dtype=object)
        split = self.count * self.bits
        return row[:split].reshape(self.count, self.bits) @ powers % shares.FIELD, row[split:]

    def grouped(self, counts: Any) -> Any:
        """Sums per group of `counts` per cell."""
        import numpy as np

        sums = np.concatenate((np.zeros(1, dtype=object), np.cumsum(counts)))
        starts, stops = (list(ends) for ends in zip(*self.groups, strict=True))
        return (sums[stops] - sums[starts]) % shares.FIELD


def read_bits(given: Mapping[str, Any]) -> int:
    """The parameter `bits`."""
    return whole(given, "bits", 1, MOST_BITS, BITS)


def whole(given: Mapping[str, Any], name: str, low: int, high: int, default: int | None = None) -> int:
    """The parameter `name`, a whole number from `low` to `high`. Raises AnalysisError."""
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise AnalysisError(f"{name}: a whole number from {low} to {high}")
    return value


def only(given: Mapping[str, Any], *names: str) -> None:
    """Raise AnalysisError when a parameter is none of `names`."""
    others = sorted(set(given) - set(names))
    if others:
        raise AnalysisError(f"{str(others[0])[:40]!r} is no parameter of this analysis; it takes {', '.join(names)}")


async def check(run: Any, cells: Cells) -> list[int]:
    """Positions of contributors of whom a number is not a bit, or who have counts where they are not present.

    Per contributor one random combination of b(b - 1) over all numbers and of count * (1 - presence) over all groups,
    with a coin from after the shares were fixed: it is 0 when all of these are, and otherwise by chance only, 2^-96.
    """
    import asyncio  # a session has them; who only asks for the columns of an analysis waits for their import

    import numpy as np

    weights = run.weights("cells", cells.length + len(cells.groups))
    of_bits, of_groups = weights[: cells.length], weights[cells.length :]
    rows, found = run.rows(), []
    together = max(1, AT_ONCE // len(weights))
    for start in range(0, len(rows), together):
        lefts, rights = [], []
        for row in rows[start : start + together]:
            counts, present = cells.counts(row)
            lefts.append(np.concatenate((row * of_bits, cells.grouped(counts) * of_groups)) % shares.FIELD)
            rights.append(np.concatenate((row - 1, 1 - present)) % shares.FIELD)
            await asyncio.sleep(0)
        found.append(await run.inner(np.array(lefts), np.array(rights)))
    zero = await run.zero(np.concatenate(found))
    return [position for position, is_zero in enumerate(zero) if not is_zero]


def totals(run: Any, cells: Cells) -> tuple[Any, Any]:
    """Own shares of the totals per cell, and of the number of contributors present per group."""
    return cells.counts(run.rows().sum())


async def enough_present(run: Any, present: Any) -> Any:
    """Bits: whether so many contributors are present that none of them lifts a cell alone."""
    return 1 - await run.below(present, run.minimum_contributors, len(run.contributors))


async def suppress(run: Any, cells: Cells, sums: Any, present: Any) -> tuple[Any, Any]:
    """Of groups, from own shares of totals and presences: ok * total, and ok, which is 1 or 0."""
    if run.minimum_cell < 1:
        raise AnalysisError("minimum_cell: at least 1 for an analysis of data")
    few = await run.below(sums, run.minimum_cell, cells.largest_total(len(run.contributors)))
    ok = await run.multiply((1 - few) % shares.FIELD, await enough_present(run, present))
    return await run.multiply(ok, sums), ok


def opened(values: Sequence[int], flags: Sequence[int], minimum: int) -> list[int | None]:
    """The totals that were opened, None where one was suppressed. Raises AnalysisError when these cannot be right."""
    if len(values) != len(flags):
        raise AnalysisError("the result has another length than this analysis gives")
    for value, ok in zip(values, flags, strict=True):
        if (ok, value) != (0, 0) and (ok != 1 or value < minimum):
            raise AnalysisError("the result is not what this analysis gives; a computing party did not do its part")
    return [value if ok else None for value, ok in zip(values, flags, strict=True)]
