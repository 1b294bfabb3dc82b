"""Pseudorandom sharing: keys reach whom they belong to, and the numbers are of the degree and size that they say."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from station_image.runtime.data import shares
from station_image.runtime.mpc import sharing

SIZES = pytest.mark.parametrize("parties", [3, 5, 7])


def dealt(parties: int) -> list[dict[tuple[int, ...], bytes]]:
    """Each party's keys, as they are made and told."""
    keys = [sharing.made(number, parties) for number in range(parties)]
    for one, other in itertools.permutations(range(parties), 2):
        heard = sharing.heard(sharing.told(keys[one], one, other), other, parties, one)
        assert heard is not None
        keys[other] |= heard
    return keys


@SIZES
def test_each_party_has_the_keys_of_its_sets_and_all_members_have_the_same(parties: int) -> None:
    keys = dealt(parties)
    sets = sharing.keyed_sets(parties)
    assert {len(members) for members in sets} == {(parties + 1) // 2}
    for members in sets:
        assert [number for number in range(parties) if members in keys[number]] == list(members)
        assert len({keys[number][members] for number in members}) == 1
    assert len({key for row in keys for key in row.values()}) == len(sets)


def test_keys_of_another_length_are_none() -> None:
    assert sharing.heard(bytes(15), 1, 3, 0) is None
    assert sharing.heard(b"", 0, 3, 1) == {}
    assert sharing.heard(bytes(16), 0, 3, 1) is None


@SIZES
def test_numbers_are_of_degree_t_and_others_at_each_place(parties: int) -> None:
    keys, threshold = dealt(parties), (parties - 1) // 2
    one, same, other = (
        [sharing.numbers(keys[number], number, parties, place, 5).tolist() for number in range(parties)]
        for place in (b"1", b"1", b"2")
    )
    values = shares.recombine(one, threshold)
    assert one == same
    assert len({*values, *shares.recombine(other, threshold)}) == 10
    assert shares.inconsistent(one, threshold - 1) == list(range(5)), "t parties together know nothing of them"


@SIZES
def test_bounded_numbers_are_sums_of_one_of_each_key(parties: int) -> None:
    keys, bits = dealt(parties), 20
    rows = [sharing.numbers(keys[number], number, parties, b"1", 200, bits).tolist() for number in range(parties)]
    values = shares.recombine(rows, (parties - 1) // 2)
    assert (1 << bits) < max(values) < len(sharing.keyed_sets(parties)) << bits


@SIZES
def test_zeros_are_zero_on_polynomials_of_twice_the_degree(parties: int) -> None:
    keys, threshold = dealt(parties), (parties - 1) // 2
    rows = [sharing.zeros(keys[number], number, parties, b"1", 4).tolist() for number in range(parties)]
    assert shares.recombine(rows, 2 * threshold) == [0] * 4
    assert shares.inconsistent(rows, 2 * threshold - 1) == [0, 1, 2, 3]


def test_mpyc_reads_no_arguments_of_the_program_and_logs_nothing_to_its_output() -> None:
    """Of this one it would print its help, and take the rest for its parties."""
    code = "import sys; from station_image.runtime.mpc import sharing; print(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "-H", "-M5", "-P", "somewhere"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['-H', '-M5', '-P', 'somewhere']\n"
