"""Long vectors of numbers of the field as six limbs of 16 bits in doubles: products of matrices, all of them exact.

Millions of numbers are folded in a verification, and numpy multiplies doubles fifty times as fast as Python numbers. A
double holds whole numbers up to 2^53. A limb is at most 2^16 here, so that a sum of up to 2^20 products of limbs fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data import shares
from .party import P

LIMBS = 6
BASE = 1 << 16
OVER = (1 << 96) - P
"""2^96 counts as so much."""
MOST_ROWS = 1 << 19
"""Products of limbs that are summed before they become Python numbers: half of what fits."""


def limbs(numbers: Any) -> Any:
    """Array (count, limbs) of whole numbers, modulo the field."""
    data = b"".join([(int(number) % P).to_bytes(shares.WIDTH, "little") for number in numbers])
    return np.frombuffer(data, "<u2").reshape(-1, LIMBS).astype(np.float64)


def numbers(split: Any) -> list[int]:
    """The numbers of an array (count, limbs)."""
    return [sum(int(limb) << 16 * place for place, limb in enumerate(row)) % P for row in split]


def times(factor: int) -> Any:
    """The matrix (limbs, limbs) by which a row of limbs is multiplied by `factor`; the result is to be `carried`."""
    shifted = [factor * (1 << 16 * place) % P for place in range(LIMBS)]
    return np.array([[number >> 16 * place & BASE - 1 for place in range(LIMBS)] for number in shifted], dtype=float)


def carried(columns: Any) -> Any:
    """Limbs of at most 2^16 again, from columns below 2^45; the same numbers modulo the field. In place."""
    # Twice over all: the first time the top carries up to 2^29 of 2^96 down to the lowest limb, then at most 1.
    for _ in range(2):
        carry = 0.0
        for place in range(LIMBS):
            columns[:, place] += carry
            carry = np.floor(columns[:, place] / BASE)
            columns[:, place] -= carry * BASE
        columns[:, 0] += OVER * carry
    carry = np.floor(columns[:, 0] / BASE)
    columns[:, 0] -= carry * BASE
    columns[:, 1] += carry
    return columns


def cut(split: Any, parts: int) -> Any:
    """`parts` parts of equal length side by side, the last filled up with zeros: (length, parts * limbs)."""
    length = -(-len(split) // parts)
    filled = np.zeros((parts * length, LIMBS))
    filled[: len(split)] = split
    return filled.reshape(parts, length, LIMBS).transpose(1, 0, 2).reshape(length, parts * LIMBS)


def table(left: Any, right: Any, parts: int) -> list[list[int]]:
    """Inner products of every part of `left` with every part of `right`, both `cut`."""
    found = [[0] * parts for _ in range(parts)]
    for start in range(0, len(left), MOST_ROWS):
        sums = left[start : start + MOST_ROWS].T @ right[start : start + MOST_ROWS]
        blocks = sums.reshape(parts, LIMBS, parts, LIMBS).transpose(0, 2, 1, 3)
        for one in range(parts):
            for other in range(parts):
                found[one][other] += _number(blocks[one, other])
    return [[value % P for value in row] for row in found]


def folded(parts: Any, factors: Sequence[int]) -> Any:
    """The sum of all parts, `cut`, each times its factor: (length, limbs)."""
    return carried(parts @ np.vstack([times(factor) for factor in factors]))


def _number(block: Any) -> int:
    return sum(int(block[one, other]) << 16 * (one + other) for one in range(LIMBS) for other in range(LIMBS))
