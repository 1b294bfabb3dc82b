"""Pairs of results that would tell about few organisations, or few areas, are not given out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime import analyses
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import differencing, editions
from tests.station_image.runtime import questions

ALL = dict.fromkeys(("n.a", "n.b", "n.c", "n.d", "n.e"), "1")
MAPS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123"))


@given(st.lists(MAPS, max_size=4), MAPS, st.integers(1, 5))
def test_what_is_allowed_differs_from_each_earlier_in_nothing_or_in_enough(
    earlier: list[dict[str, str]], now: dict[str, str], minimum: int
) -> None:
    differences = [len({name for name, _ in before.items() ^ now.items()}) for before in earlier]
    expected = any(0 < count < minimum for count in differences)
    assert bool(differencing.refused(earlier, now, minimum)) == expected


def test_one_organisation_less_or_with_other_data_is_named() -> None:
    without = {name: edition for name, edition in ALL.items() if name != "n.e"}
    assert "1 organisations (n.e)" in differencing.refused([ALL], without, 3)
    assert "1 organisations (n.b)" in differencing.refused([ALL], {**ALL, "n.b": "2"}, 3)
    assert differencing.refused([ALL], dict.fromkeys(ALL, "2"), 3) == ""
    assert differencing.refused([ALL], ALL, 3) == ""


def test_one_area_more_is_refused_and_quite_other_areas_are_not() -> None:
    areas = [frozenset(map(str, range(7001, 7041)))]
    assert "1 areas" in differencing.scope_refused(areas, frozenset(map(str, range(7001, 7042))), 10)
    assert differencing.scope_refused(areas, frozenset(map(str, range(7001, 7061))), 10) == ""
    assert differencing.scope_refused(areas, frozenset(map(str, range(7100, 7105))), 10) == ""


def test_equal_inputs_are_one_edition_and_nobody_else_can_make_it(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    made = [editions.of([1, 2], [(7,)], "asked", tmp_path / name) for name in ("one", "one", "other")]
    assert made[0] == made[1]
    assert not editions.same(made[0], made[2])
    tag = editions.tag(made[0])
    assert editions.in_tag(tag) == made[0]
    assert len(tag) <= editions.LONGEST_TAG
    assert (tmp_path / "one" / "edition.key").stat().st_mode & 0o777 == 0o600


def test_the_same_data_are_known_whatever_is_asked_of_them_and_whatever_no_cell_counts(tmp_path: Path) -> None:
    first = editions.of([1, 2], [(7,), (8,)], "these areas", tmp_path)
    for again, expected in (
        (editions.of([1, 2], [(8,), (7,)], "these areas", tmp_path), True),
        (editions.of([0, 1, 2], [(7,), (8,)], "more areas", tmp_path), True),
        (editions.of([1, 2], [(7,), (8,), (9,)], "these areas", tmp_path), True),
        (editions.of([1, 3], [(7,), (8,), (8,)], "these areas", tmp_path), False),
        (editions.of([1, 2], [(7,), (8,), (9,)], "other areas", tmp_path), False),
        (None, False),
    ):
        assert editions.same(first, again) is expected


def test_two_questions_about_some_of_the_same_differ_in_nothing_or_in_enough_organisations(tmp_path: Path) -> None:
    """Forty areas, then sixty: over the forty, who is in one of the two only would be seen."""
    for name in ALL:
        (tmp_path / name).mkdir()
    forty = {name: editions.of([1], [(7,)], 40, tmp_path / name) for name in ALL}
    sixty = {name: editions.of([1, 0], [(7,)], 60, tmp_path / name) for name in ALL}
    assert differencing.refused([forty], sixty, 3) == ""
    assert "1 organisations (n.e)" in differencing.refused([forty], {n: e for n, e in sixty.items() if n != "n.e"}, 3)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(opened, "scope", lambda plan: frozenset(plan.parameters["areas"]))
    names = dict.fromkeys(Plan.__dataclass_fields__)
    return Plan(
        **names
        | {  # type: ignore[arg-type]
            "network": "n",
            "question": questions.NAME,
            "analysis": "hotspots/1",
            "parameters": {"areas": [str(area) for area in range(40)]},
            "minimum_cell": 10,
        }
    )


def test_a_damaged_key_of_editions_stops_the_contribution(tmp_path: Path) -> None:
    """With an empty key anybody could compute what a mark is of, by trying."""
    first = editions.of([1], [(1,)], [], tmp_path)
    assert editions.of([1], [(1,)], [], tmp_path) == first
    (tmp_path / "edition.key").write_bytes(b"")
    with pytest.raises(RefusedError, match=r"edition.key: not the key .* from a backup"):
        editions.of([1], [(1,)], [], tmp_path)


def test_a_question_that_comes_sooner_than_agreed_is_refused_over_a_restart(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.check(asked, "daily", time.time())
    kept.add(asked, ALL)
    again = opened.Opened(tmp_path / "runs.json")
    with pytest.raises(RefusedError, match="at_most: griep may run daily at most"):
        again.check(asked, "daily", time.time())
    again.check(asked, "daily", time.time() + 86400)
    again.check(asked, "hourly", time.time() + 3600)
    assert again.earlier(asked) == [ALL]


def test_the_same_result_again_takes_no_room_and_a_damaged_file_stops_questions(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    for _ in itertools.repeat(None, 3):
        kept.add(asked, ALL)
    assert len(kept.earlier(asked)) == 1
    [row] = json.loads((tmp_path / "runs.json").read_text())
    for damaged in (
        "{}x",
        '[{"network": "n"}]',
        json.dumps([{**row, "at": "now"}]),
        json.dumps([{**row, "scope": "ab"}]),
    ):
        (tmp_path / "runs.json").write_text(damaged)
        with pytest.raises(RefusedError, match=r"cannot be read; .* from a backup"):
            opened.Opened(tmp_path / "runs.json").check(asked, "unlimited", time.time())
    (tmp_path / "runs.json").write_text("[{]")
    with pytest.raises(RefusedError, match="cannot be read"):
        opened.Opened(tmp_path / "runs.json").check(asked, "unlimited", time.time())


def test_a_station_that_only_contributed_holds_to_the_areas_of_what_was_opened(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, {})
    assert kept.earlier(asked) == []
    wider = dataclasses.replace(asked, parameters={"areas": [*asked.parameters["areas"], "40"]})
    with pytest.raises(RefusedError, match=r"parameters: .* in 1 areas"):
        kept.check(wider, "unlimited", time.time())


def test_a_histogram_of_postcodes_is_about_the_same_as_hotspots() -> None:
    areas, values = {"areas": ["7001-7040"]}, {"field": "postcode4", "low": 7001, "high": 7041}
    hotspots, descriptive = (analyses.find(f"{name}/1") for name in ("hotspots", "descriptive"))
    before, now = hotspots.scope(hotspots.parameters(areas)), descriptive.scope(descriptive.parameters(values))
    assert "1 areas or values" in differencing.scope_refused([before], now, 10)


def test_every_analysis_says_what_it_is_about() -> None:
    names = [path.stem for path in Path(analyses.__file__).parent.glob("[a-z]*.py")]
    assert names
    for name in names:
        module = analyses.find(f"{name}/1")
        assert callable(module.scope)
