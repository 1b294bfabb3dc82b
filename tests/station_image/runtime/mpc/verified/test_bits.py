"""Random bits come from squares that a liar can make what it likes. What that opens, and that it opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from station_image.runtime.data import shares
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified
from tests.station_image.runtime.mpc.verified.parties import own, ran
from tests.station_image.runtime.mpc.verified.test_lies import LIAR, Trusting, noticed

MINIMUM, LARGEST = 10, 1023
LENGTH = LARGEST.bit_length()


class Bending(Verified):
    """It waits for all others' points of the squares, and sends such that each becomes what `bent` makes of it.

    Then it reads what the comparison opens.
    """

    seen: list[int] = []  # noqa: RUF012  # the test empties it
    wanted: Callable[[int, int], int]

    async def _open_unchecked(self, own: Any) -> list[int]:
        others = [number for number in range(self.parties) if number != self.number]
        rows = {number: shares.unpack(await self._wire.receive(number), len(own)) for number in others}
        rows[self.number] = [int(value) for value in own]
        weights = self._weights_at_0()
        squares = [sum(weights[n] * rows[n][at] for n in rows) % P for at in range(len(own))]
        bent = [type(self).wanted(at, square) for at, square in enumerate(squares)]
        back = pow(weights[self.number], -1, P)
        mine = [(o + (b - s) * back) % P for o, b, s in zip(rows[self.number], bent, squares, strict=True)]
        for number in others:
            self._wire.send(number, shares.pack(mine))
        self._transcript.update(shares.pack(bent))
        return bent

    async def _open(self, own: Any) -> list[int]:
        opened = await super()._open(own)
        self.seen.extend(opened)
        return opened


def lengthened(at: int, square: int) -> int:
    """Such that the bit of place i, of (1 +- 1/u) / 2, is 1/2 and a multiple of 2^(l - i)."""
    count = 2
    place = LENGTH - 1 - at // count
    return square * pow(1 << LENGTH + 1 - place, -2, P) % P


class BendingTrusting(Bending, Trusting):
    """The same among parties that trust it."""

    wanted = staticmethod(lengthened)


class BendingOnly(Bending):
    wanted = staticmethod(lengthened)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_bits_of_a_liars_choice_open_what_is_compared_only_among_the_trusting(size: int) -> None:
    """The totals 4 and 7 are below the minimum, and no output of anybody says what they are."""
    rows = own([4, 7], size)

    async def work(party: Verified) -> Any:
        return await party.open(await party.below(rows[party.number], MINIMUM, LARGEST))

    Bending.seen.clear()
    ran(size, work, {LIAR: BendingTrusting}, honest=Trusting)
    half = ((1 << LENGTH) - 1) * pow(2, -1, P)
    assert [((c - half) % P + MINIMUM) % (1 << LENGTH) for c in Bending.seen[:2]] == [4, 7]
    Bending.seen.clear()
    noticed(ran(size, work, {LIAR: BendingOnly}), "a product is not what it says")
    assert len(Bending.seen) == 3, "what the verification opens, of numbers that nobody knows, and nothing after it"


def test_other_squares_for_one_party_are_seen_before_anything_is_opened() -> None:
    """It has other bits then, and the parties' shares of a mask do not belong together."""

    class Selective(Verified):
        async def _open_unchecked(self, own: Any) -> list[int]:
            self._wire.send(0, shares.pack([(int(value) + 1) % P for value in own]))
            self._wire.send(2, shares.pack([int(value) for value in own]))
            rows = [
                [int(value) for value in own]
                if number == self.number
                else shares.unpack(await self._wire.receive(number), len(own))
                for number in range(3)
            ]
            values = [int(v) for v in np.array(self._weights_at_0(), dtype=object) @ np.array(rows, dtype=object) % P]
            self._transcript.update(shares.pack(values))
            return values

    async def work(party: Verified) -> Any:
        return await party.open(await party.bits(3))

    noticed(ran(3, work, {LIAR: Selective}), "did not see the same public numbers")
