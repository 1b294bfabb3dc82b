"""All that an analysis may do with shares. Every product is recorded; nothing is opened before all records hold."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import gmpy2
import numpy as np

from ...data import shares
from ..mesh import PartyLostError
from . import folding
from .party import P, Party

PARTS = 16
"""Into so many the vectors are cut: six levels for sixteen million products."""
MOST_RECORDS, MOST_NUMBERS = 10_000, 1 << 19
"""So much waits at most to be verified, as memory is bounded: a chain of products has a record for each."""
BLOCK = 16
"""Bytes per weight: within 2^-32 of uniform."""
WIDE = 64
"""Numbers in a row from which on doubles are faster."""
LEAST_SPARE = 60
"""Bits by which a comparison's mask is longer than what it hides, at least."""


class Verified(Party):
    """A party whose products are verified."""

    _records: list[tuple[Any, Any, Any]]
    _waiting = 0
    """Numbers in the records' rows."""

    async def start(self) -> None:
        """As of a party; nothing is recorded yet."""
        self._records = []
        await super().start()

    async def multiply(self, left: Any, right: Any) -> Any:
        """Products, number by number."""
        return await self.inner(left.reshape(-1, 1), right.reshape(-1, 1))

    async def inner(self, left: Any, right: Any) -> Any:
        """Inner products of the rows of two arrays of shape (count, width)."""
        products = await self._reshare((left * right).sum(axis=1) % P)
        self._records.append((left, right, products))
        self._waiting += left.size
        if len(self._records) > MOST_RECORDS or self._waiting > MOST_NUMBERS:
            await self.verify()
        return products

    async def bits(self, count: int) -> Any:
        """Random bits that nobody knows, to be verified before anything that they hide is opened."""
        root = self.random(count)
        squares = await self._open_unchecked((root * root + self.zeros(count)) % P)
        if 0 in squares:
            raise PartyLostError(None, "a random number was 0; try again")
        one = root.reshape(-1, 1)
        self._records.append((one, one, np.array(squares, dtype=object)))
        # Of -1 no square is in this field, so this is one over a root of v where v has one.
        inverse = np.array([int(value) for value in gmpy2.powmod_base_list(squares, (P - 3) // 4, P)], dtype=object)
        return (root * inverse + 1) * ((P + 1) // 2) % P

    async def open(self, own: Any) -> list[int]:
        """Numbers of degree t, opened to all computing parties, after everything so far is verified."""
        await self.verify()
        return await self._open(own)

    async def zero(self, own: Any) -> list[bool]:
        """Which of these numbers are 0; of the others nothing is told."""
        masked = await self.multiply(own, self.random(len(own)))
        return [value == 0 for value in await self.open(masked)]

    async def below(self, own: Any, minimum: int, largest: int) -> Any:
        """Bits: whether numbers from 0 to `largest` are below `minimum`.

        y = number - minimum + 2^l has l + 1 bits, the highest says it. c = y + r is opened, with r = 2^l * high + low:
        `low` of random bits, `high` of one random number per key, each of `spare` bits.
        """
        length, count = max(largest, minimum).bit_length(), len(own)
        spare = P.bit_length() - 2 - length - math.comb(self.parties, self.threshold).bit_length()
        if spare < LEAST_SPARE:
            raise ValueError(f"numbers up to {largest} are too large for a comparison")
        bits = (await self.bits(length * count)).reshape(length, count)  # the highest first
        powers = np.array([1 << place for place in reversed(range(length))], dtype=object)
        low, high = powers @ bits % P, self.random(count, spare)
        shifted = (own - minimum + (1 << length)) % P
        masked = np.array(await self.open((shifted + low + (high << length)) % P), dtype=object)
        told = masked & ((1 << length) - 1)
        borrowed = await self._less(np.array([told >> place & 1 for place in reversed(range(length))]), bits)
        rest = told - low + (borrowed << length)
        return (1 - (shifted - rest) * pow(1 << length, -1, P)) % P

    async def _less(self, public: Any, bits: Any) -> Any:
        """Whether public numbers are below shared ones, both as bits (length, count), the highest first.

        In blocks of a square root of the length, side by side, then over the blocks: length - 1 products.
        """
        length, count = bits.shape
        equal = (1 - public - bits + 2 * public * bits) % P
        size = math.isqrt(length - 1) + 1
        blocks = -(-length // size)
        heads = list(range(0, length, size))
        prefix = equal[heads]
        less = (1 - public[heads]) * (1 - prefix) % P
        for place in range(1, size):
            full = blocks if heads[-1] + place < length else blocks - 1
            if not full:
                break
            rows = [head + place for head in heads[:full]]
            longer = (await self.multiply(prefix[:full].reshape(-1), equal[rows].reshape(-1))).reshape(full, count)
            less[:full] = (less[:full] + (1 - public[rows]) * (prefix[:full] - longer)) % P
            prefix = np.concatenate((longer, prefix[full:]))
        if blocks == 1:
            return less[0]
        above = [prefix[0]]
        for block in range(1, blocks - 1):
            above.append(await self.multiply(above[-1], prefix[block]))
        return (less[0] + await self.inner(np.array(above).T, less[1:].T)) % P

    async def outcome(self, own: Any) -> Any:
        """Numbers shared anew for the result parties, after everything is verified."""
        fresh = await self.multiply(own, np.ones(len(own), dtype=object))
        await self.verify()
        return fresh

    async def verify(self) -> None:
        """Abort unless all recorded products are right. `__init__.py` says how and why."""
        if not self._records:
            return
        mask = self.random(2)
        product = await self._reshare(mask[:1] * mask[1:] % P)
        records = [(mask[:1].reshape(1, 1), mask[1:].reshape(1, 1), product), *self._records]
        self._records, self._waiting = [], 0
        left, right, claimed = self._joined(records, await self.coin())
        while len(left) > 1:
            left, right, claimed = await self._folded(left, right, claimed)
        await self.meet()
        last = [*folding.numbers(left), *folding.numbers(right), claimed]
        one, other, told = await self._open(last)
        if one * other % P != told:
            raise PartyLostError(None, "a product is not what it says: a computing party did not do its part")

    def _joined(self, records: list[tuple[Any, Any, Any]], coin: bytes) -> tuple[Any, Any, int]:
        """One inner product of all `records`, as limbs; the first one, which hides, with weight 1."""
        weights = _weights(coin, sum(len(products) for _, __, products in records))
        weights[0] = 1
        lefts, rights, claimed, at = [], [], 0, 0
        for left, right, products in records:
            own = weights[at : at + len(products)]
            at += len(products)
            lefts.extend(_weighed(left, own))
            rights.append(folding.limbs(right.reshape(-1)))
            claimed += int(products @ own)
        return np.concatenate(lefts), np.concatenate(rights), claimed % P

    async def _folded(self, left: Any, right: Any, claimed: int) -> tuple[Any, Any, int]:
        """Vectors of a part's length, and the inner product that they must have."""
        parts = min(PARTS, len(left))
        left, right = folding.cut(left, parts), folding.cut(right, parts)
        table = folding.table(left, right, parts)
        apart = [distance for distance in range(1 - parts, parts) if distance]
        mine = [
            sum(table[at + distance][at] for at in range(parts) if 0 <= at + distance < parts) for distance in apart
        ]
        cross = await self._reshare(np.array(mine, dtype=object) % P)
        z = 1 + int.from_bytes(await self.coin(), "little") % (P - 1)
        for distance, value in zip(apart, cross, strict=True):
            claimed += pow(z, distance, P) * int(value)
        forth, back = ([pow(z, way * place, P) for place in range(parts)] for way in (1, -1))
        return folding.folded(left, forth), folding.folded(right, back), claimed % P


def _weighed(left: Any, weights: Any) -> list[Any]:
    """The rows of `left`, each times its weight, as limbs."""
    if left.shape[1] < WIDE:
        return [folding.limbs((left * weights.reshape(-1, 1)).reshape(-1))]
    return [
        folding.carried(folding.limbs(row) @ folding.times(int(weight)))
        for row, weight in zip(left, weights, strict=True)
    ]


def _weights(coin: bytes, count: int) -> Any:
    data = hashlib.shake_256(b"werkplaats records|" + coin).digest(BLOCK * count)
    return np.array(shares.numbers(data, BLOCK), dtype=object) % P
