"""What an analysis sees of a session: its inputs as shares, and operations that are verified before anything opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import weights
from .rows import Rows
from .verified.products import Verified


@dataclass(frozen=True)
class Shared:
    """An outcome: own shares of numbers for the result parties, and numbers opened to all computing parties."""

    row: list[int]
    public: list[int]


class Run:
    """Handed to `check(run)` and `compute(run)` of an analysis. Numbers are object arrays of own shares.

    Sums, and products with public numbers, are made on the shares as they are. There is no other way to multiply or to
    open than what is here, and all of it is verified.
    """

    def __init__(
        self,
        party: Verified,
        plan: Mapping[str, Any],
        contributors: Sequence[str],
        rows: Rows,
        coin: bytes,
        opening: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.parameters: Mapping[str, Any] = plan["parameters"]
        self.minimum_cell: int = plan["minimum_cell"]
        self.minimum_contributors: int = plan["minimum_contributors"]
        self.contributors = list(contributors)
        self._party = party
        self._rows = rows
        self._coin = coin
        self._opening = opening

    def rows(self) -> Rows:
        """This party's shares, a row for each contributor; `sum` and `columns` of them. They are read anew each time.

        Linear work on them costs no message.
        """
        return self._rows

    def weights(self, purpose: str, count: int) -> Any:
        """Public random numbers that nobody could know before all shares were fixed; others for each `purpose`."""
        return weights(self._coin, f"analysis {purpose}", count)

    async def multiply(self, left: Any, right: Any) -> Any:
        """Products, number by number."""
        return await self._party.multiply(left, right)

    async def inner(self, left: Any, right: Any) -> Any:
        """Inner products of the rows of two arrays of shape (count, width)."""
        return await self._party.inner(left, right)

    async def below(self, own: Any, minimum: int, largest: int) -> Any:
        """Bits: whether numbers from 0 to `largest` are below `minimum`. All at once: each call verifies, and opens."""
        return await self._party.below(own, minimum, largest)

    async def zero(self, own: Any) -> list[bool]:
        """Which of these numbers are 0, told to all computing parties, who learn nothing else about the others."""
        return await self._party.zero(own)

    async def open(self, own: Any) -> list[int]:
        """Numbers opened to all computing parties, checked over all their shares. In `compute` only."""
        if self._opening is None:
            raise RuntimeError("an analysis opens nothing before it is agreed who contributed")
        await self._opening()
        await self._party.meet()  # all that are honest remember it before one of them gives a share away
        return await self._party.open(own)

    async def shared(self, parts: Sequence[Any], public: Sequence[int] = ()) -> Shared:
        """The outcome: flat arrays `parts` one after the other for the result parties, `public` as opened."""
        # Shared anew: all m shares are seen by the receivers, and the polynomial must tell nothing but its value.
        row = await self._party.outcome(np.concatenate(list(parts)))
        return Shared([int(share) for share in row], list(public))
