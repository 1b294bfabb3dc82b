"""Shamir shares: any t+1 give the secret, and shares that do not belong together are found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpyc import finfields

from station_image.runtime.data import shares

sizes = st.sampled_from([(1, 3), (2, 5), (3, 7)])


@settings(deadline=None)
@given(sizes, st.lists(st.integers(0, shares.FIELD - 1), min_size=1, max_size=5))
def test_what_was_split_is_recombined(size: tuple[int, int], values: list[int]) -> None:
    rows = shares.split(values, *size)
    assert shares.recombine(rows, size[0]) == values


@settings(deadline=None)
@given(sizes, st.data())
def test_one_changed_share_is_found_at_its_column(size: tuple[int, int], data: st.DataObject) -> None:
    rows = shares.split([1, 2, 3], *size)
    party, column = data.draw(st.integers(0, size[1] - 1)), data.draw(st.integers(0, 2))
    rows[party][column] = (rows[party][column] + data.draw(st.integers(1, shares.FIELD - 1))) % shares.FIELD
    assert shares.inconsistent(rows, size[0]) == [column]
    with pytest.raises(shares.ShareError, match="polynomial"):
        shares.recombine(rows, size[0])


def test_threshold_shares_of_two_secrets_look_alike() -> None:
    """Every share of one party is possible for every secret: t shares fit any value at 0."""
    row = shares.split([5], 1, 3)[0]
    for secret in (0, 5, 123456):
        slope = (row[0] - secret) % shares.FIELD
        assert (secret + slope) % shares.FIELD == row[0]


@given(st.lists(st.integers(0, shares.FIELD - 1), max_size=6))
def test_packed_rows_are_unpacked(row: list[int]) -> None:
    assert shares.unpack(shares.pack(row), len(row)) == row


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "0 bytes where 24"),
        (bytes(25), "25 bytes where 24"),
        (b"\xff" * 24, "outside the field"),
        (shares.FIELD.to_bytes(12, "little") * 2, "outside the field"),
    ],
)
def test_a_row_of_a_wrong_length_or_outside_the_field_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(shares.ShareError, match=why):
        shares.unpack(data, 2)


def test_the_field_is_the_blum_prime_that_mpyc_takes_for_its_bits() -> None:
    assert finfields.find_prime_root(8 * shares.WIDTH, n=2)[0] == shares.FIELD
    assert shares.FIELD % 4 == 3


def test_missing_or_unequal_rows_are_refused() -> None:
    rows = shares.split([1, 2], 1, 3)
    with pytest.raises(shares.ShareError):
        shares.recombine(rows[:1], 1)
    with pytest.raises(shares.ShareError):
        shares.recombine([rows[0], rows[1], rows[2][:1]], 1)


@pytest.mark.parametrize("position", [0, 1, 3])
@pytest.mark.parametrize(
    ("number", "within"),
    [(0, True), (shares.FIELD - 1, True), (shares.FIELD, False), (shares.FIELD + 1, False), (2**96 - 1, False)],
)
def test_a_share_outside_the_field_is_found_without_making_numbers(position: int, number: int, within: bool) -> None:
    data = b"".join((number if place == position else 1).to_bytes(12, "little") for place in range(4))
    if within:
        shares.check(data, 4)
        return
    with pytest.raises(shares.ShareError, match="outside the field"):
        shares.check(data, 4)


def test_bytes_that_are_all_ones_across_two_shares_are_no_share_outside() -> None:
    shares.check(bytes(6) + b"\xff" * 12 + bytes(6), 2)
    with pytest.raises(shares.ShareError, match="23 bytes where 24 belong"):
        shares.check(bytes(23), 2)


@given(st.lists(st.integers(0, 2**128 - 1)), st.integers(12, 20))
def test_numbers_of_any_width_are_read_as_they_were_packed(values: list[int], width: int) -> None:
    row = [value % 2 ** (8 * width) for value in values]
    assert shares.numbers(shares.pack(row, width), width) == row
