"""Shamir's secret sharing (1979) with the standard library: contributors and result parties need no MPC runtime.

Party number i computes at x = i + 1, the secret is at 0, as in MPyC.
"""

from __future__ import annotations

import functools
import secrets
import struct
from collections.abc import Sequence

FIELD = 2**96 - 17
"""The largest Blum prime below 2^96: of -1 it has no square root."""
WIDTH = (FIELD.bit_length() + 7) // 8
HALVES = struct.Struct("<QI")
UPPER = b"\xff" * (WIDTH - 1)


class ShareError(ValueError):
    """Shares of a wrong length, outside the field, or of a wrong degree."""


def split(values: Sequence[int], threshold: int, parties: int, field: int = FIELD) -> list[list[int]]:
    """Shares of `values` (length n): `parties` rows of n, on fresh polynomials of degree at most `threshold`."""
    coefficients = [random(len(values), field) for _ in range(threshold)]
    rows = []
    for x in range(1, parties + 1):
        # A row at a time, Horner's rule inside: twice as fast as number by number, which counts at 50,000 bits.
        row = [0] * len(values)
        for column in coefficients:
            row = [(share + coefficient) * x for share, coefficient in zip(row, column, strict=True)]
        rows.append([(share + value) % field for share, value in zip(row, values, strict=True)])
    return rows


def random(count: int, field: int) -> list[int]:
    """`count` uniform numbers below `field`, from one call of the system's generator."""
    width = (field.bit_length() + 7) // 8
    surplus = 8 * width - field.bit_length()
    from_bytes, data = int.from_bytes, secrets.token_bytes(count * width)
    numbers = [from_bytes(data[at : at + width], "little") >> surplus for at in range(0, len(data), width)]
    # Rejected, not reduced: every number below the field stays equally likely.
    return [number if number < field else secrets.randbelow(field) for number in numbers]


def pack(row: Sequence[int], width: int = WIDTH) -> bytes:
    """`row` as little-endian numbers of `width` bytes."""
    return b"".join(value.to_bytes(width, "little") for value in row)


def unpack(data: bytes | bytearray | memoryview, length: int, field: int = FIELD, width: int = WIDTH) -> list[int]:
    """`length` numbers below `field`. Raises ShareError."""
    if len(data) != length * width:
        raise ShareError(f"{len(data)} bytes where {length * width} belong")
    row = numbers(data, width)
    if row and max(row) >= field:
        raise ShareError("a share outside the field")
    return row


def numbers(data: bytes | bytearray | memoryview, width: int = WIDTH) -> list[int]:
    """Little-endian numbers of `width` bytes, one after the other."""
    if width == HALVES.size:
        return [low | high << 64 for low, high in HALVES.iter_unpack(data)]  # in 60 % of the time of the general way
    return [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]


def check(data: bytes, length: int) -> None:
    """Raise ShareError unless these are `length` numbers below the field; without making the numbers, if possible."""
    # A number outside has the field's upper bytes, all ones. Where these are nowhere there is no such number; where
    # they are, by chance once in 2^88 or because somebody sent them, the numbers tell.
    if len(data) != length * WIDTH or UPPER in data:
        unpack(data, length)


def recombine(rows: Sequence[Sequence[int]], threshold: int, field: int = FIELD) -> list[int]:
    """The secrets behind all parties' `rows`. Raises ShareError unless each column is of degree <= threshold."""
    bad = inconsistent(rows, threshold, field)
    if bad:
        raise ShareError(f"the shares of {len(bad)} numbers do not lie on a polynomial of degree {threshold}")
    weights = lagrange(tuple(range(1, threshold + 2)), 0, field)
    return [sum(w * row[c] for w, row in zip(weights, rows, strict=False)) % field for c in range(len(rows[0]))]


def inconsistent(rows: Sequence[Sequence[int]], threshold: int, field: int = FIELD) -> list[int]:
    """Columns whose shares do not lie on one polynomial of degree <= threshold."""
    if len(rows) <= threshold or len({len(row) for row in rows}) != 1:
        raise ShareError("shares of parties are missing, or rows of unequal length")
    points = tuple(range(1, threshold + 2))
    bad = []
    checks = [(rows[x - 1], lagrange(points, x, field)) for x in range(threshold + 2, len(rows) + 1)]
    for column in range(len(rows[0])):
        for row, weights in checks:
            if sum(w * rows[i][column] for i, w in enumerate(weights)) % field != row[column]:
                bad.append(column)
                break
    return bad


@functools.cache
def lagrange(points: tuple[int, ...], at: int, field: int) -> tuple[int, ...]:
    """Weights of the values at `points` for the value at `at`."""
    weights = []
    for i in points:
        above = below = 1
        for j in points:
            if i != j:
                above = above * (at - j) % field
                below = below * (i - j) % field
        weights.append(above * pow(below, -1, field) % field)
    return tuple(weights)
