"""Shares of many contributors: as numbers a row at a time, and summed without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from station_image.runtime.data import shares
from station_image.runtime.mpc.rows import Rows

P = shares.FIELD
NUMBERS = [[0, P - 1, 7], [5, P - 1, 2**64], [1, P - 1, 2**32 - 1]]
MB = 1024 * 1024


def test_they_are_the_numbers_that_were_packed() -> None:
    rows = Rows.of(NUMBERS)
    assert (rows.shape, len(rows)) == ((3, 3), 3)
    assert [list(row) for row in rows] == NUMBERS
    assert [list(row) for row in rows[1:]] == NUMBERS[1:]
    assert [list(row) for row in rows.at([2, 0])] == [NUMBERS[2], NUMBERS[0]]
    assert rows.columns(1, 3).tolist() == [row[1:] for row in NUMBERS]


def test_their_sum_is_that_of_the_numbers() -> None:
    wanted = [sum(column) % P for column in zip(*NUMBERS, strict=True)]
    assert list(Rows.of(NUMBERS).sum()) == wanted
    assert list(Rows.of(NUMBERS)[:0].sum()) == [0, 0, 0]


def test_a_party_holds_them_packed_and_one_row_of_numbers() -> None:
    """Of 625 contributors with 44,000 numbers all as Python numbers took 2 GB, which is all that a computer has."""
    body = shares.pack([P - 1] * 20_000)
    rows = Rows([body] * 400, 20_000)
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew: proc(5)
    before = _peak()
    assert sum(int(row[0]) for row in rows) == 400 * (P - 1)
    assert rows.sum().dtype == np.dtype(object)
    assert _peak() - before < 20 * MB


def _peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
