"""Pairs of results that would tell about few organisations, or few areas, are not given out."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime import analyses, differencing, editions, runs
from station_image.runtime.networks import Network
from station_image.runtime.plan import Plan, PlanRefusedError
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import Small

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
    made = [editions.of([1, 2], "hotspots/1", tmp_path / name) for name in ("one", "one", "other")]
    assert made[0] == made[1] != made[2]
    assert editions.of([1, 3], "hotspots/1", tmp_path / "one") != made[0]
    assert editions.in_tag(editions.tag(made[0])) == made[0]
    assert (tmp_path / "one" / "edition.key").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Network, dict[str, Any], Plan]:
    network = Small.make(tmp_path).networks("n.a").find("n")
    document = questions.document(network, at_most="daily")
    monkeypatch.setattr(runs, "scope", lambda plan: frozenset(plan.parameters["areas"]))
    names = dict.fromkeys(Plan.__dataclass_fields__)
    plan = Plan(
        **names
        | {  # type: ignore[arg-type]
            "network": "n",
            "collaboration": questions.NAME,
            "analysis": "hotspots/1",
            "parameters": {"areas": [str(area) for area in range(40)]},
            "minimum_cell": 10,
        }
    )
    return network, document, plan


def test_a_question_that_comes_sooner_than_agreed_is_refused_over_a_restart(
    tmp_path: Path, asked: tuple[Network, dict[str, Any], Plan]
) -> None:
    _, document, plan = asked
    kept = runs.Runs(tmp_path / "runs.json")
    kept.check(plan, document, time.time())
    kept.add(plan, document, ALL)
    again = runs.Runs(tmp_path / "runs.json")
    with pytest.raises(PlanRefusedError, match="at_most: griep is agreed daily"):
        again.check(plan, document, time.time())
    again.check(plan, document, time.time() + 86400)
    assert again.earlier(plan, document) == [ALL]


def test_the_same_result_again_takes_no_room_and_a_damaged_file_stops_questions(
    tmp_path: Path, asked: tuple[Network, dict[str, Any], Plan]
) -> None:
    _, document, plan = asked
    kept = runs.Runs(tmp_path / "runs.json")
    for _ in itertools.repeat(None, 3):
        kept.add(plan, document, ALL)
    assert len(kept.earlier(plan, document)) == 1
    (tmp_path / "runs.json").write_text("[{]")
    with pytest.raises(PlanRefusedError, match="cannot be read"):
        runs.Runs(tmp_path / "runs.json").check(plan, document, time.time())


def test_every_analysis_says_what_it_is_about() -> None:
    names = [path.stem for path in Path(analyses.__file__).parent.glob("[a-z]*.py")]
    assert names
    for name in names:
        module = analyses.find(f"{name}/1")
        assert callable(module.scope)
