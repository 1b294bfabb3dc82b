"""Own shares of many contributors, packed as they came: 44,000 numbers of each of 625 take 2 GB as Python numbers.

A row becomes numbers when it is looked at, and is forgotten afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..data import shares

LIMB = np.dtype("<u4")
"""Three of these make a share; in 64 bits the sum of four thousand million of them fits."""
LIMBS = shares.WIDTH // LIMB.itemsize


class Rows:
    """Shares of shape (contributors, numbers); each of `packed` is what one contributor brought."""

    def __init__(self, packed: Sequence[bytes], length: int) -> None:
        self._packed = packed
        self.shape = len(packed), length

    @classmethod
    def of(cls, numbers: Sequence[Sequence[int]]) -> Rows:
        """Rows of these numbers."""
        return cls([shares.pack(row) for row in numbers], len(numbers[0]))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        """One row after the other, each a flat object array."""
        for body in self._packed:
            yield np.array(shares.numbers(body), dtype=object)

    def __getitem__(self, some: slice) -> Rows:
        """Some of the rows."""
        return Rows(self._packed[some], self.shape[1])

    def at(self, places: Iterable[int]) -> Rows:
        """The rows at these places, in this order."""
        return Rows([self._packed[place] for place in places], self.shape[1])

    def columns(self, first: int, stop: int) -> Any:
        """The numbers from `first` to before `stop` of every row, all at once: object array."""
        width = shares.WIDTH
        found = [shares.numbers(memoryview(body)[first * width : stop * width]) for body in self._packed]
        return np.array(found, dtype=object).reshape(len(found), stop - first)

    def sum(self) -> Any:
        """The sum of all rows, below the field: a flat object array."""
        limbs = np.zeros(self.shape[1] * LIMBS, dtype=np.uint64)
        for body in self._packed:
            limbs += np.frombuffer(body, LIMB)
        split = limbs.astype(object).reshape(-1, LIMBS)
        return sum(split[:, place] << 32 * place for place in range(LIMBS)) % shares.FIELD
