"""descriptive: count, sum, mean, variance and histogram of one whole number per person or event.

A contributor shares how often each single value occurs, at most 1,000 values; count, sum, sum of squares and histogram
are linear in that, so that they cannot contradict each other. A bin is opened when it has enough rows of enough
contributors. Count and sums over all are opened only when what the suppressed bins hold together is nothing, or has
itself enough rows of enough contributors: otherwise a single suppressed bin would follow by subtraction. Where bins
have one value, three suppressed ones would follow from count, sum and sum of squares: then nothing may be suppressed.

Sums tell about single values. Of the values 0 and 1 the sum is how many have 1, and of 0 to 3 count, sum and sum of
squares give how many have 1 or 2. A quadratic polynomial takes no value more than twice, so where each bin has at least
five values none of them, with what is added per bin, is 0 or 1 everywhere: no such count follows. Bins of fewer values
have no sums, but those of one value, of which everything is opened.

By region the same is told of each regional network of a federation too, of what it may be told of (`_regions`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..data import records, regions, shares
from ..data.cells import Cells, Group
from . import AnalysisError, Opened, Source, _cells, _regions

VERSION = 1
DATA = True
MOST_VALUES = 1000
MOST_BINS = 50
BINS = 10
LARGEST = 1_000_000_000
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MOMENTS = 3
WIDE = 5


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """`field`: the column; `low` and `high`: its smallest and largest value; `bins`: 10 unless told; `bits`; `by`."""
    _cells.only(given, "field", "low", "high", "bins", "bits", _regions.PARAMETER)
    field = given.get("field")
    if not isinstance(field, str) or not FIELD_NAME.fullmatch(field):
        raise AnalysisError("field: the name of a column, in lower-case letters, digits and underscores")
    low = _cells.whole(given, "low", 0, LARGEST)
    high = _cells.whole(given, "high", low, low + MOST_VALUES - 1)
    most = min(MOST_BINS, high - low + 1)
    bins = _cells.whole(given, "bins", 1, most, min(BINS, most))
    bits = _cells.read_bits(given)
    return {"field": field, "low": low, "high": high, "bins": bins, "bits": bits, **_regions.read(given)}


def columns(parameters: Mapping[str, Any]) -> dict[str, records.Column]:
    """The one column."""
    return {parameters["field"]: records.Integer(parameters["low"], parameters["high"])}


def cells(parameters: Mapping[str, Any]) -> Cells:
    """The bins, and the whole."""
    field, low, high = (parameters[name] for name in ("field", "low", "high"))
    bins = tuple((low + start, low + stop - 1, stop - start) for start, stop in _bins(parameters))
    return Group({field: bins}), Group({field: ((low, high, high - low + 1),)}, "count, sum and sum of squares")


def by_region(parameters: Mapping[str, Any]) -> bool:
    """Whether the same is opened of each regional network too."""
    return _regions.asked(parameters)


def length(parameters: Mapping[str, Any]) -> int:
    """Bits of every value, presence per bin and over all."""
    return _layout(parameters).length


def numbers(source: Source, rows: Collection[records.Row]) -> list[int]:
    """How often each value occurs. Raises RecordsError above what the bits hold."""
    found = records.counted(rows)
    values = range(source.parameters["low"], source.parameters["high"] + 1)
    return _layout(source.parameters).numbers([found[value,] for value in values])


async def check(run: Any) -> list[int]:
    """Contributors whose numbers are not counts with presences."""
    return await _cells.check(run, _layout(run.parameters))


async def compute(run: Any) -> Any:
    """Bins where they suffice; count, sum and sum of squares over all; which of these are opened; then each region."""
    import numpy as np

    layout, bins = _layout(run.parameters), run.parameters["bins"]
    counts, present = _cells.totals(run, layout)
    sums = layout.grouped(counts)
    kept, ok = await _cells.suppress(run, layout, sums, present)
    rest = (sums[-1:] - kept[:bins].sum()) % shares.FIELD
    whole = await run.multiply(ok[bins:], await rest_may_be_known(run, layout, rest, (1 - ok[:bins]) % shares.FIELD))
    known = await run.multiply(whole.repeat(MOMENTS), np.array(_moments(run.parameters, counts), dtype=object))
    parts = [kept[:bins], ok[:bins], known, whole]
    if by_region(run.parameters):
        parts += await _parts(run, layout)
    return await run.shared(parts)


async def _parts(run: Any, layout: _cells.Cells) -> list[Any]:
    """The same of each region, where it may be told."""
    import numpy as np

    parts = _regions.split(run, layout)
    shown, opened, whole = await _regions.suppress(run, layout, parts)
    moments = np.array([_moments(run.parameters, part.counts) for part in parts.values()], dtype=object)
    known = (await run.multiply(whole.repeat(MOMENTS), moments.ravel())).reshape(moments.shape)
    return [np.concatenate(row) for row in zip(shown, opened, known, whole.reshape(-1, 1), strict=True)]


def _moments(parameters: Mapping[str, Any], counts: Any) -> list[Any]:
    """Count, sum and sum of squares of shared counts per value, from `low` on; 0 for sums that may not be opened."""
    import numpy as np

    if not _has_sums(parameters):
        return [counts.sum() % shares.FIELD, 0, 0]
    offsets = np.arange(len(counts)).astype(object)
    return [(counts @ weights) % shares.FIELD for weights in (offsets**0, offsets, offsets * offsets)]


async def rest_may_be_known(run: Any, layout: _cells.Cells, rest: Any, suppressed: Any) -> Any:
    """A bit: whether `rest`, the rows of all `suppressed` bins together, may be derived from the outcome."""
    bins, largest = run.parameters["bins"], layout.largest_total(len(run.contributors))
    none = await run.below(rest, 1, largest)
    if layout.count < 2 * bins:
        return none
    # In how many suppressed bins each contributor is present; at least one makes it present in the rest.
    first = layout.count * layout.bits
    present = run.rows().columns(first, first + bins)
    found = await run.inner(present, suppressed.reshape(1, bins).repeat(len(present), axis=0))
    each = 1 - await run.below(found, 1, bins)
    there = each.sum(keepdims=True) % shares.FIELD
    many = (1 - await run.below(rest, run.minimum_cell, largest)) % shares.FIELD
    return (none + await run.multiply(many, await _cells.enough_present(run, there))) % shares.FIELD


def outcome(opened: Opened) -> dict[str, Any]:
    """Numbers for people; None where they were suppressed. The variance is that of a sample (n - 1)."""
    people = regions.grouped(opened.contributors) if by_region(opened.parameters) else {}
    size = 2 * opened.parameters["bins"] + MOMENTS + 1
    if len(opened.values) != size * (1 + len(people)):
        raise AnalysisError("the result has another length than this analysis gives")
    rows = (opened.values[start : start + size] for start in range(0, len(opened.values), size))
    whole, *parts = (_told(opened.parameters, row, opened.minimum_cell) for row in rows)
    if not people:
        return whole
    each = zip(people.items(), parts, strict=True)
    return {**whole, "regions": {name: {"contributors": len(own), **part} for (name, own), part in each}}


def _told(parameters: Mapping[str, Any], values: Sequence[int], minimum: int) -> dict[str, Any]:
    """What was opened of the whole, or of one region."""
    bins, low = parameters["bins"], parameters["low"]
    *moments, ok = values[2 * bins :]
    counts = _cells.opened(values[:bins], values[bins : 2 * bins], minimum)
    [count] = _cells.opened(moments[:1], [ok], minimum)
    histogram: list[dict[str, Any]] = [
        {"bin": label, "count": found} if found is not None else {"bin": label, "suppressed": True}
        for label, found in zip(_labels(parameters), counts, strict=True)
    ]
    result: dict[str, Any] = dict.fromkeys(("count", "sum", "mean", "variance"))
    if count is not None:
        _, total, squares = moments
        result.update(count=count)
        if _has_sums(parameters):
            result.update(sum=total + count * low, mean=round(low + total / count, 6))
        if count > 1 and _has_sums(parameters):
            # Whole numbers until the last step, and from `low` on: no difference of two large roundings.
            result["variance"] = round((count * squares - total * total) / (count * (count - 1)), 6)
    return {**result, "histogram": histogram, "suppressed": counts.count(None)}


def _layout(parameters: Mapping[str, Any]) -> _cells.Cells:
    """A cell per value; a group per bin, and the whole as the last group."""
    values = parameters["high"] - parameters["low"] + 1
    return _cells.Cells(values, parameters["bits"], (*_bins(parameters), (0, values)))


def _bins(parameters: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(start, stop) of bins of nearly equal width, as distances from `low`."""
    values, bins = parameters["high"] - parameters["low"] + 1, parameters["bins"]
    ends = [number * values // bins for number in range(bins + 1)]
    return list(itertools.pairwise(ends))


def _has_sums(parameters: Mapping[str, Any]) -> bool:
    """Whether sum and sum of squares may be opened: no count of some of the values follows from them."""
    values, bins = parameters["high"] - parameters["low"] + 1, parameters["bins"]
    return bool(values == bins or values >= WIDE * bins)


def _labels(parameters: Mapping[str, Any]) -> list[str]:
    low = parameters["low"]
    spans = [(low + start, low + stop - 1) for start, stop in _bins(parameters)]
    return [str(first) if first == last else f"{first}-{last}" for first, last in spans]
