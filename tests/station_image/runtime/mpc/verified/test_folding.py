"""Doubles against Python numbers, at the largest limbs too."""

from __future__ import annotations

import random

import numpy as np
import pytest

from station_image.runtime.mpc.verified import folding
from station_image.runtime.mpc.verified.party import P

EDGES = [0, 1, 17, 2**16 - 1, 2**16, 2**80, P - 1, P - 2, 2**95]


def some(seed: int, count: int) -> list[int]:
    chance = random.Random(seed)  # noqa: S311  # reproducible, no secret
    return (EDGES + [chance.randrange(P) for _ in range(count)])[:count]


@pytest.mark.parametrize("parts", [1, 2, 7, 16])
@pytest.mark.parametrize("count", [1, 2, 30, 1001])
def test_a_table_and_a_fold_are_those_of_python_numbers(count: int, parts: int) -> None:
    one, other, factors = some(1, count), some(2, count)[::-1], some(3, parts)
    length = -(-count // parts)
    cut = [
        (row + [0] * (parts * length - count))[at * length :][:length] for row in (one, other) for at in range(parts)
    ]
    lefts, rights = cut[:parts], cut[parts:]
    left, right = (folding.cut(folding.limbs(row), parts) for row in (one, other))
    wanted = [[sum(a * b for a, b in zip(x, y, strict=True)) % P for y in rights] for x in lefts]
    assert folding.table(left, right, parts) == wanted
    sums = [sum(f * x[at] for f, x in zip(factors, lefts, strict=True)) % P for at in range(length)]
    assert folding.numbers(folding.folded(left, factors)) == sums


def test_many_of_the_largest_limbs_are_summed_exactly() -> None:
    """More than are summed at once, each limb as large as carrying leaves it."""
    count = folding.MOST_ROWS + 3
    largest = np.full((count, folding.LIMBS), float(folding.BASE))
    value = folding.numbers(largest[:1])[0]
    assert folding.table(largest, largest, 1) == [[count * value * value % P]]


def test_what_was_folded_can_be_folded_again_and_again() -> None:
    """Limbs stay at most 2^16: else sums of their products would no longer be exact."""
    split, factors = folding.limbs(some(4, 160)), [P - 1] * 16
    expected = some(4, 160)
    while len(split) > 1:
        length = -(-len(split) // 16)
        filled = expected + [0] * (16 * length - len(expected))
        expected = [sum((P - 1) * filled[part * length + at] for part in range(16)) % P for at in range(length)]
        split = folding.folded(folding.cut(split, 16), factors)
        assert split.min() >= 0
        assert split.max() <= folding.BASE
        assert folding.numbers(split) == expected
