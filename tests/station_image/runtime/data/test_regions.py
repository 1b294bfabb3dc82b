"""A result by region is as many results as unions of its regions, and each is held against earlier ones."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime import analyses
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import differencing, regions
from station_image.runtime.data.differencing import Earlier
from tests.station_image.runtime.data.test_differencing import asked as asked

WEST, EAST = ("west.a", "west.b", "west.c"), ("east.d", "east.e", "east.f")
BOTH = dict.fromkeys((*WEST, *EAST), "1")
STATIONS = [f"{region}.{number}" for region in ("p", "q", "r") for number in range(4)]
MAPS = st.dictionaries(st.sampled_from(STATIONS), st.sampled_from("12"), min_size=1)


def test_a_region_with_too_few_is_told_of_together_with_the_smallest_others() -> None:
    few, more = ["klein.a"], ["zuid.a", "zuid.b", "zuid.c", "zuid.d"]
    found = regions.parts([*few, *WEST, *EAST, *more], 3)
    assert found.together == {*few, *EAST}, "of two that are equally small the first"
    assert found.alone == {"west": {*WEST}, "zuid": {*more}}
    west, east = frozenset(WEST), frozenset(EAST)
    assert regions.parts([*WEST, *few], 3) == regions.Parts(west | {*few}, {})
    assert regions.parts(BOTH, 3) == regions.Parts(frozenset(), {"west": west, "east": east})
    assert regions.parts(BOTH, 0) == regions.Parts(west | east, {})
    assert regions.region("n.sandbox.ggd") == "n.sandbox"


@given(st.sets(st.sampled_from(STATIONS), min_size=1), st.integers(1, 5))
def test_every_part_has_enough_where_all_together_have(stations: set[str], minimum: int) -> None:
    found = regions.parts(stations, minimum)
    assert sorted(itertools.chain(*found.each)) == sorted(stations)
    assert len(stations) < minimum or all(len(part) >= minimum for part in found.each)


def unions(contributors: Mapping[str, str], minimum: int) -> Iterator[dict[str, str]]:
    """All that a result tells of, the plain way."""
    each = regions.parts(contributors, minimum).each
    for chosen in itertools.product((True, False), repeat=len(each)):
        names = set().union(*itertools.compress(each, chosen))
        if names:
            yield {name: contributors[name] for name in names}


@settings(deadline=None)
@given(MAPS, MAPS, st.integers(1, 4), st.booleans(), st.booleans())
def test_each_union_of_the_one_differs_from_each_of_the_other_in_nothing_or_in_enough(
    before: dict[str, str], now: dict[str, str], minimum: int, told: bool, by_region: bool
) -> None:
    earlier = Earlier(before, minimum, "", True, "griep of 2026-11-25", minimum if told else 0)
    expected = any(
        0 < len({name for name, _ in one.items() ^ other.items()}) < minimum
        for one in unions(before, earlier.regions)
        for other in unions(now, minimum if by_region else 0)
    )
    assert bool(differencing.refused([earlier], now, minimum if by_region else 0)) == expected


@pytest.fixture
def by_region(asked: Plan) -> Plan:
    given = {"field": "postcode4", "low": 7001, "high": 7040, "bins": 8, "by": "region"}
    parameters = analyses.find("descriptive/1").parameters(given)
    return dataclasses.replace(asked, network="kring", analysis="descriptive/1", parameters=parameters)


def of_region(by_region: Plan, region: str = "west") -> Plan:
    """The regional question: the same bins of the same column."""
    parameters = {name: value for name, value in by_region.parameters.items() if name != "by"}
    return dataclasses.replace(by_region, network=region, question="thuis", parameters=parameters)


def test_a_region_s_part_of_a_federation_s_result_is_a_result_of_that_region(tmp_path: Path, by_region: Plan) -> None:
    """Gains: the region asks itself what the federation told of it, with one organisation more, and subtracts."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(by_region, BOTH)
    again = opened.Opened(tmp_path / "runs.json")
    (before,) = again.earlier(of_region(by_region))
    more = dict.fromkeys((*WEST, "west.g"), "1")
    assert "1 organisations (west.g) only" in differencing.refused([before], more)
    assert "1 organisations (west.c) only" in differencing.refused([before], dict.fromkeys(WEST[:2], "1"))
    assert differencing.refused([before], dict.fromkeys(WEST, "1")) == "", "which was told already"
    unseen = dataclasses.replace(before, regions=0)
    assert differencing.refused([unseen], more) == "", "where a result by region is taken for one of the whole"


def test_what_a_region_asked_counts_when_the_federation_asks_by_region(tmp_path: Path, by_region: Plan) -> None:
    """Gains: the figures of the one that the regional question had more."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(of_region(by_region), dict.fromkeys((*WEST, "west.g"), "1"))
    earlier = kept.earlier(by_region)
    assert "1 organisations (west.g) only" in differencing.refused(earlier, BOTH, 3)
    assert differencing.refused(earlier, BOTH) == "", "of the whole alone it is one of four"


def test_of_three_regions_two_that_are_added_up_are_a_result_too(tmp_path: Path, by_region: Plan) -> None:
    """Gains: of a question of two regions with one organisation more, that one's figures."""
    kept = opened.Opened(tmp_path / "runs.json")
    third = dict.fromkeys(("north.h", "north.i", "north.j"), "1")
    kept.add(by_region, {**BOTH, **third})
    earlier = kept.earlier(dataclasses.replace(of_region(by_region), network="ander"))
    assert "1 organisations (west.g) only" in differencing.refused(earlier, {**BOTH, "west.g": "1"})
    assert differencing.refused(earlier, BOTH) == ""
    assert differencing.refused(kept.earlier(by_region), {**BOTH, **third}, 3) == "", "the same once more"


def test_one_region_s_new_data_do_not_let_other_bins_of_another_be_told(tmp_path: Path, by_region: Plan) -> None:
    """Gains: of the east, whose data are as they were, the one bin less the other."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(of_region(by_region, "east"), dict.fromkeys(EAST, "1"))
    parameters = analyses.find("descriptive/1").parameters({**by_region.parameters, "bins": 4})
    wider = dataclasses.replace(by_region, parameters=parameters)
    earlier = kept.earlier(wider)
    now = {**BOTH, **dict.fromkeys(WEST, "2")}
    assert differencing.refused(earlier, now) == "", "of the whole enough are new"
    assert "after 3 brought new data, not 0" in differencing.refused(earlier, now, 3)
    assert differencing.refused(earlier, {**now, **dict.fromkeys(EAST, "2")}, 3) == ""


def test_what_is_left_who_asks_at_home_what_two_regions_asked_sees_what_the_other_one_has(
    tmp_path: Path, by_region: Plan
) -> None:
    """Not prevented, as docs/privacy.md says: enough organisations differ, however few persons these have there.

    With or without regions: in a bin in which the east has one person, the whole alone is told.
    """
    whole, west = 12 + 1, 12
    kept = opened.Opened(tmp_path / "runs.json")
    for question, contributors in ((by_region, BOTH), (of_region(by_region), dict.fromkeys(WEST, "1"))):
        assert differencing.refused(kept.earlier(question), contributors, 3 if question is by_region else 0) == ""
        kept.add(question, contributors)
    assert whole - west == 1


def test_another_station_is_told_and_an_earlier_release_finds_nothing_new_elsewhere(
    tmp_path: Path, by_region: Plan
) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(by_region, BOTH)
    kept.add(dataclasses.replace(of_region(by_region), network="kring"), BOTH)
    told, _ = kept.told("kring", "west.a", computing=True, begin=0)
    other = opened.Opened(tmp_path / "other.json")
    assert other.learn("kring", told) == 2
    assert [one.regions for one in other.earlier(of_region(by_region))] == [3, 0]
    assert told.count("by_region") == 1
    with pytest.raises(RefusedError, match="remembered: what cannot be read"):
        other.learn("kring", told.replace('"by_region": true', '"by_region": "yes"'))


def test_25_regions_cost_a_moment() -> None:
    contributors = {f"r{region:02}.{number}": "1" for region in range(25) for number in range(4)}
    changed = {**contributors, **dict.fromkeys(list(contributors)[:40], "2")}
    earlier = [Earlier(contributors, 3, "", True, "griep of 2026-11-25", 3)] * 100
    began = time.process_time()
    assert differencing.refused(earlier, changed, 3) == ""
    assert time.process_time() - began < 5
