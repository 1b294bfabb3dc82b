"""Parts of an outcome by region: the same cells once more, of the contributors of each regional network.

The whole is opened as if nobody asked for regions. Of each of its cells a region's part is opened when it suffices by
itself, and only when what is not opened of that cell, of all other regions together, is nothing or suffices too: else
it would follow from the whole. Where it does not, the parts of more regions stay hidden, those with the fewest
contributors first, until it does. So every number that follows from an outcome is of nobody, or of enough.

A region's totals over all cells are opened only when nothing of the region is hidden: they would be a second way to
part the whole, and two ways tell more than both of them (docs/privacy.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data import regions, shares
from . import AnalysisError, _cells

PARAMETER, REGION = "by", "region"


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter `by`, as it is completed: nothing where it was left out. Raises AnalysisError."""
    asked = given.get(PARAMETER)
    if asked is None:
        return {}
    if asked != REGION:
        raise AnalysisError(f"{PARAMETER}: `{REGION}`, for the outcome of each regional network beside the whole")
    return {PARAMETER: REGION}


def asked(parameters: Mapping[str, Any]) -> bool:
    """Whether parts by region are asked for."""
    return parameters.get(PARAMETER) == REGION


@dataclass(frozen=True)
class Part:
    """Own shares of one region: its counts per cell, and who is present per group."""

    counts: Any
    present: Any


def split(run: Any, cells: _cells.Cells) -> dict[str, Part]:
    """The part of each region: one sum per region, and no message."""
    rows, places = run.rows(), {name: place for place, name in enumerate(run.contributors)}
    found = {}
    for name, own in regions.grouped(run.contributors).items():
        found[name] = Part(*cells.counts(rows.at(places[one] for one in own).sum()))
    return found


async def suppress(run: Any, cells: _cells.Cells, parts: Mapping[str, Part]) -> tuple[Any, Any, Any]:
    """Of each region, in the order of `parts`, and each group but the last, which is the whole of a region.

    Own shares: open * total; open, which is 1 or 0; and whether nothing of the region is hidden and it suffices.
    """
    import numpy as np

    shape = len(parts), len(cells.groups)
    sums = np.array([cells.grouped(part.counts) for part in parts.values()])
    present = np.array([part.present for part in parts.values()])
    alone = regions.parts(run.contributors, run.minimum_contributors).alone
    may = np.array([[int(name in alone)] * shape[1] for name in parts], dtype=object)
    found = await _cells.suppress(run, cells, sums.ravel(), present.ravel())
    kept, ok = (one.reshape(shape) * may for one in found)
    there = (await run.multiply(ok.ravel(), present.ravel())).reshape(shape)
    order = [list(parts).index(name) for name in alone]
    settled = await _settled(run, cells, order, (sums, kept), (present, there))
    wanted = np.concatenate((ok[order, :-1].ravel(), kept[order, :-1].ravel()))
    both = await run.multiply(wanted, np.concatenate((settled, settled)))
    shown, opened = np.zeros((2, shape[0], shape[1] - 1), dtype=object)
    opened[order], shown[order] = both.reshape(2, len(order), shape[1] - 1)
    hidden = (sums[:, -1] - shown.sum(axis=1)) % shares.FIELD
    nothing = await run.below(hidden, 1, cells.largest_total(len(run.contributors)))
    return shown, opened, await run.multiply(nothing, ok[:, -1])


async def _settled(run: Any, cells: _cells.Cells, order: list[int], total: Any, present: Any) -> Any:
    """Bits, of each region in `order` and each group but the last: whether what was hidden before it may be known.

    `total` and `present` are those of each region and what is left of them where they suffice by themselves.
    """
    import numpy as np

    largest = cells.largest_total(len(run.contributors))
    hidden, before = [], []
    for every, enough in (total, present):
        rest = (every - enough).sum(axis=0)[:-1]
        # What the regions that come first would add to it, were they hidden too.
        added = np.cumsum(np.vstack((np.zeros_like(rest), enough[order, :-1])), axis=0)[:-1]
        hidden.append(rest % shares.FIELD)
        before.append((rest + added).ravel() % shares.FIELD)
    none = np.tile(await run.below(hidden[0], 1, largest), len(order))
    many = (1 - await run.below(before[0], run.minimum_cell, largest)) % shares.FIELD
    enough = await run.multiply(many, await _cells.enough_present(run, before[1]))
    return (1 - await run.multiply((1 - none) % shares.FIELD, (1 - enough) % shares.FIELD)) % shares.FIELD
