"""What honest parties compute is right, at every size, and tells nothing else."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from station_image.runtime.mpc.verified import products
from station_image.runtime.mpc.verified.party import P
from station_image.runtime.mpc.verified.products import Verified
from tests.station_image.runtime.mpc.verified.parties import own, ran, told

SIZES = (3, 5, 7)


@pytest.mark.parametrize("size", SIZES)
def test_products_and_inner_products_are_right(size: int) -> None:
    chance = random.Random(size)  # noqa: S311  # reproducible, no secret
    left, right = ([chance.randrange(P) for _ in range(40)] for _ in range(2))
    lefts, rights = own(left, size), own(right, size)

    async def work(party: Verified) -> Any:
        one, other = lefts[party.number], rights[party.number]
        rows = await party.inner(one.reshape(8, 5), other.reshape(8, 5))
        return await party.open(np.concatenate((await party.multiply(one, other), rows)))

    products = [a * b % P for a, b in zip(left, right, strict=True)]
    wanted = products + [sum(products[at : at + 5]) % P for at in range(0, 40, 5)]
    assert ran(size, work) == [wanted] * size


@pytest.mark.parametrize("size", SIZES)
def test_random_bits_are_bits_of_both_kinds(size: int) -> None:
    async def work(party: Verified) -> Any:
        return await party.open(await party.bits(64))

    first, *others = ran(size, work)
    assert set(first) == {0, 1}
    assert all(other == first for other in others)


@pytest.mark.parametrize("largest", [1, 2, 3, 10, 1000, 25 * 1023])
def test_a_comparison_is_right_at_every_edge(largest: int) -> None:
    minima = sorted({1, 2, largest // 2 or 1, largest, largest + 1})
    values = sorted(
        {value for minimum in minima for value in (minimum - 1, minimum) if value <= largest} | {0, largest}
    )
    rows = own(values, 3)

    async def work(party: Verified) -> Any:
        return [await party.open(await party.below(rows[party.number], minimum, largest)) for minimum in minima]

    wanted = [[int(value < minimum) for value in values] for minimum in minima]
    assert ran(3, work) == [wanted] * 3


@pytest.mark.parametrize("size", SIZES)
def test_comparison_zero_and_outcome_at_every_size(size: int) -> None:
    rows = own([0, 9, 10, 11], size)

    async def work(party: Verified) -> Any:
        mine = rows[party.number]
        zero = await party.zero(mine)
        kept = await party.multiply(mine, 1 - await party.below(mine, 10, 100))
        return zero, await party.outcome(kept)

    ends = ran(size, work)
    assert [end[0] for end in ends] == [[True, False, False, False]] * size
    assert told([end[1] for end in ends], size) == [0, 0, 10, 11]


def test_a_number_that_a_comparison_cannot_hide_is_refused() -> None:
    async def work(party: Verified) -> Any:
        return await party.below(own([1], 3)[party.number], 1, 2**40)

    assert {type(end) for end in ran(3, work)} == {ValueError}


def test_what_waits_to_be_verified_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of products has one record for each, and some analyses have chains of a million."""
    monkeypatch.setattr(products, "MOST_RECORDS", 3)
    waited = []

    class Counting(Verified):
        async def verify(self) -> None:
            waited.append(len(self._records))
            await super().verify()

    async def work(party: Verified) -> Any:
        found = own([1], 3)[0] * 0 + 1
        for _ in range(10):
            found = await party.multiply(found, found)
        return await party.open(found)

    assert ran(3, work, honest=Counting) == [[1]] * 3
    assert waited == [4] * 6 + [2] * 3
