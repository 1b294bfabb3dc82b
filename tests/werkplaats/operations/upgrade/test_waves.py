"""In which order stations move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import errors
from werkplaats.operations.upgrade import waves

COMPUTING = ("ggd", "ziekenhuis", "thuiszorg")
FOUR = (*COMPUTING, "huisartsen")


def test_who_only_contributes_goes_first_and_computing_parties_one_at_a_time() -> None:
    assert waves.waves(FOUR, COMPUTING) == (("huisartsen",), ("ggd",), ("ziekenhuis",), ("thuiszorg",))


def test_who_volunteers_goes_first() -> None:
    assert waves.waves(FOUR, COMPUTING, canary="ziekenhuis") == (
        ("ziekenhuis",),
        ("huisartsen", "ggd"),
        ("thuiszorg",),
    )


def test_where_all_compute_the_last_of_them_goes_first() -> None:
    assert waves.waves(COMPUTING, COMPUTING) == (("thuiszorg",), ("ggd",), ("ziekenhuis",))


def test_none_moves_where_none_is_to() -> None:
    assert waves.waves((), COMPUTING) == ()


def test_a_canary_that_does_not_move_and_a_group_of_none_are_refused() -> None:
    with pytest.raises(errors.UsageError, match="ggz does not move; name one of: ggd, huisartsen"):
        waves.waves(FOUR, COMPUTING, canary="ggz")
    with pytest.raises(errors.UsageError, match="a group of 0 is none"):
        waves.waves(FOUR, COMPUTING, group=0)


@given(
    stations=st.sets(st.integers(0, 30).map("o{}".format)),
    computing=st.lists(st.integers(0, 30).map("o{}".format), unique=True, max_size=7),
    group=st.integers(1, 8),
)
def test_each_moves_once_in_groups_with_one_that_computes_at_most(
    stations: set[str], computing: list[str], group: int
) -> None:
    planned = waves.waves(stations, computing, group=group)
    assert sorted(one for wave in planned for one in wave) == sorted(stations)
    assert all(0 < len(wave) <= group and len({*wave} & {*computing}) <= 1 for wave in planned)
    assert not planned or len(planned[0]) == 1
    assert waves.back(waves.back(planned)) == planned


def test_it_takes_as_long_as_each_station_took_before() -> None:
    planned = waves.waves(FOUR, COMPUTING)
    assert waves.estimate(planned, {"huisartsen": 3.0, "ggd": 4.0}, 10.0) == [3.0, 4.0, 10.0, 10.0]
