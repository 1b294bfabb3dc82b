"""Pairs of results that would tell about few organisations, or few areas, are not given out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station_image.runtime import analyses
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent import opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.data import cells, differencing, editions
from station_image.runtime.data.differencing import Earlier
from tests.station_image.runtime import questions

ALL = dict.fromkeys(("n.a", "n.b", "n.c", "n.d", "n.e"), "1")
MAPS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123"))


@given(st.lists(MAPS, max_size=4), MAPS, st.integers(1, 5))
def test_what_is_allowed_differs_from_each_earlier_in_nothing_or_in_enough(
    earlier: list[dict[str, str]], now: dict[str, str], minimum: int
) -> None:
    differences = [len({name for name, _ in before.items() ^ now.items()}) for before in earlier]
    expected = any(0 < count < minimum for count in differences)
    assert bool(refused(earlier, now, minimum)) == expected


@given(MAPS, MAPS, st.integers(1, 5))
def test_beside_cells_that_can_be_subtracted_enough_bring_new_data(
    before: dict[str, str], now: dict[str, str], minimum: int
) -> None:
    """Who left brought nothing: the difference of the two would be about those who stayed."""
    new = [name for name, edition in now.items() if before.get(name) != edition]
    assert bool(refused([before], now, minimum, "age 0-10 beside age 0-9")) == (len(new) < minimum)


LINES = ("abc", "ade", "afg", "bdf", "beg", "cdg", "cef")
"""Seven threes of seven organisations, of which any two have one in common: those of the Fano plane."""


def test_what_is_left_more_than_two_sets_of_organisations_tell_of_one(tmp_path: Path, asked: Plan) -> None:
    """Not prevented, as docs/privacy.md says: any two differ in four organisations, all together give all figures.

    What it takes: seven questions over the same data, each allowed by its three organisations.
    """
    figures = dict(zip("abcdefg", (11, 7, 5, 3, 13, 2, 8), strict=True))
    kept = opened.Opened(tmp_path / "runs.json")
    totals = {}
    for line in LINES:
        people = dict.fromkeys(line, "1")
        assert differencing.refused(kept.earlier(asked), people) == ""
        kept.add(asked, people)
        totals[line] = sum(figures[name] for name in line)
    everybody = sum(totals.values()) / 3
    through = {name: sum(total for line, total in totals.items() if name in line) for name in figures}
    assert {name: (total - everybody) / 2 for name, total in through.items()} == figures


def test_what_was_opened_in_one_network_counts_in_the_others(tmp_path: Path, asked: Plan) -> None:
    """Gains: a federation asks what a region asked, with one organisation more, and subtracts."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, dict.fromkeys("abc", "1"))
    elsewhere = dataclasses.replace(asked, network="kring")
    (before,) = kept.earlier(elsewhere)
    assert before.named.startswith(f"{asked.question} in {asked.network} of 20")
    assert kept.earlier(asked)[0].named.startswith(f"{asked.question} of 20")
    assert "1 organisations (d) only" in differencing.refused([before], dict.fromkeys("abcd", "1"))
    assert opened.meet(asked, elsewhere), "and the two never run at once"
    kept.check(elsewhere, "daily", time.time())  # how often is agreed for each question by itself


def test_where_each_network_remembers_for_itself_a_question_of_both_tells_what_one_has(
    tmp_path: Path, asked: Plan
) -> None:
    """The same with that off: the federation's total less the region's is the one organisation more."""
    figures, elsewhere = dict(zip("abcd", (11, 7, 5, 13), strict=True)), dataclasses.replace(asked, network="kring")
    totals = []
    for question, people in ((asked, "abc"), (elsewhere, "abcd")):
        kept = opened.Opened(tmp_path / f"{question.network}.json")
        assert differencing.refused(kept.earlier(question), dict.fromkeys(people, "1")) == ""
        kept.add(question, dict.fromkeys(people, "1"))
        totals.append(sum(figures[name] for name in people))
    assert totals[1] - totals[0] == figures["d"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from((2, 3)), MAPS), max_size=8))
def test_whatever_is_asked_each_pair_of_results_is_apart_in_cells_or_in_enough_organisations(
    asks: list[tuple[int, int, dict[str, str]]],
) -> None:
    """Over a memory on disk, read anew each time: other bins with other minima over data that change."""
    answered: list[tuple[Plan, dict[str, str]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for bins, minimum, people in asks:
            now = whole(bins, minimum)
            earlier = opened.Opened(Path(folder) / "runs.json").earlier(now)
            if not differencing.refused(earlier, people):
                opened.Opened(Path(folder) / "runs.json").add(now, people)
                answered.append((now, people))
    for (one, before), (other, after) in itertools.combinations(answered, 2):
        minimum = max(one.minimum_contributors, other.minimum_contributors)
        new = {name for name, edition in after.items() if before.get(name) != edition}
        different = {name for name, _ in before.items() ^ after.items()}
        if (one.parameters, one.minimum_contributors) != (other.parameters, other.minimum_contributors):
            assert len(new) >= minimum
        assert not 0 < len(different) < minimum


def whole(bins: int, minimum: int) -> Plan:
    parameters = analyses.find("descriptive/1").parameters({"field": "age", "low": 0, "high": 99, "bins": bins})
    names = dict.fromkeys(Plan.__dataclass_fields__)
    about = {"network": "n", "question": "leeftijd", "analysis": "descriptive/1", "parameters": parameters}
    return Plan(**names | about | {"minimum_cell": 10, "minimum_contributors": minimum})  # type: ignore[arg-type]


def refused(earlier: Iterable[Mapping[str, str]], now: Mapping[str, str], minimum: int, apart: str = "") -> str:
    return differencing.refused([Earlier(one, minimum, apart, True, "griep of 2026-11-25") for one in earlier], now)


def test_one_organisation_less_or_with_other_data_is_named() -> None:
    without = {name: edition for name, edition in ALL.items() if name != "n.e"}
    assert "1 organisations (n.e)" in refused([ALL], without, 3)
    assert "1 organisations (n.b)" in refused([ALL], {**ALL, "n.b": "2"}, 3)
    assert refused([ALL], dict.fromkeys(ALL, "2"), 3) == ""
    assert refused([ALL], ALL, 3) == ""


def test_equal_inputs_are_one_edition_and_nobody_else_can_make_it(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    made = [editions.of([1, 2], [(7,)], [(7,)], "asked", tmp_path / name) for name in ("one", "one", "other")]
    assert made[0] == made[1]
    assert not editions.same(made[0], made[2])
    tag = editions.tag(made[0])
    assert editions.in_tag(tag) == made[0]
    assert len(tag) <= editions.LONGEST_TAG
    assert (tmp_path / "one" / "edition.key").stat().st_mode & 0o777 == 0o600


def test_the_same_data_are_known_whatever_is_asked_of_them_and_whatever_no_cell_counts(tmp_path: Path) -> None:
    counted = [(7,), (8,)]
    first = editions.of([1, 2], counted, counted, "these areas", tmp_path)
    for again, expected in (
        (editions.of([1, 2], [(8,), (7,)], [(8,), (7,)], "these areas", tmp_path), True),
        (editions.of([0, 1, 2], counted, counted, "more areas", tmp_path), True),
        (editions.of([1, 2], [*counted, (9,)], counted, "these areas", tmp_path), True),
        (editions.of([3], [*counted, (9,)], counted, "the whole of these", tmp_path), True),
        (editions.of([1, 3], [*counted, (8,)], [*counted, (8,)], "these areas", tmp_path), False),
        (editions.of([1, 2], [*counted, (9,)], [*counted, (9,)], "other areas", tmp_path), False),
        (editions.of([1, 2], [(7,), (9,)], [(7,), (9,)], "other areas", tmp_path), False),
        (None, False),
    ):
        assert editions.same(first, again) is expected


def test_of_other_columns_equally_many_rows_are_the_same_data(tmp_path: Path) -> None:
    """Ages and areas of the same persons: the total of the one less the areas of the other is a suppressed area."""
    areas = editions.of([1, 2], [(7,), (8,)], [(7,), (8,)], "areas", tmp_path)
    ages = editions.of([5], [(41,), (52,)], [(41,), (52,)], "ages", tmp_path)
    others = editions.of([5], [(41,)], [(41,)], "ages", tmp_path)
    assert editions.same(areas, ages, alike=False)
    assert not editions.same(areas, ages)
    assert not editions.same(areas, others, alike=False)
    earlier = [Earlier({"n.a": areas}, 1, "each age beside each postcode4", False, "griep of 2026-11-25")]
    assert differencing.refused(earlier, {"n.a": ages}).startswith("cells: ")
    assert differencing.refused(earlier, {"n.a": others}) == ""


def test_two_questions_about_some_of_the_same_differ_in_nothing_or_in_enough_organisations(tmp_path: Path) -> None:
    """Forty areas, then sixty: over the forty, who is in one of the two only would be seen."""
    for name in ALL:
        (tmp_path / name).mkdir()
    forty = {name: editions.of([1], [(7,)], [(7,)], 40, tmp_path / name) for name in ALL}
    sixty = {name: editions.of([1, 0], [(7,)], [(7,)], 60, tmp_path / name) for name in ALL}
    assert refused([forty], sixty, 3) == ""
    assert "1 organisations (n.e)" in refused([forty], {n: e for n, e in sixty.items() if n != "n.e"}, 3)


@pytest.fixture
def asked() -> Plan:
    names = dict.fromkeys(Plan.__dataclass_fields__)
    return Plan(
        **names
        | {  # type: ignore[arg-type]
            "network": "n",
            "question": questions.NAME,
            "analysis": "hotspots/1",
            "parameters": analyses.find("hotspots/1").parameters({"areas": ["7001-7040"]}),
            "minimum_cell": 10,
            "minimum_contributors": 3,
        }
    )


def test_a_damaged_key_of_editions_stops_the_contribution(tmp_path: Path) -> None:
    """With an empty key anybody could compute what a mark is of, by trying."""
    first = editions.of([1], [(1,)], [(1,)], [], tmp_path)
    assert editions.of([1], [(1,)], [(1,)], [], tmp_path) == first
    (tmp_path / "edition.key").write_bytes(b"")
    with pytest.raises(RefusedError, match=r"edition.key: not the key .* from a backup"):
        editions.of([1], [(1,)], [(1,)], [], tmp_path)


def test_a_question_that_comes_sooner_than_agreed_is_refused_over_a_restart(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.check(asked, "daily", time.time())
    kept.add(asked, ALL)
    again = opened.Opened(tmp_path / "runs.json")
    with pytest.raises(RefusedError, match="at_most: griep may run daily at most"):
        again.check(asked, "daily", time.time())
    again.check(asked, "daily", time.time() + 86400)
    again.check(asked, "hourly", time.time() + 3600)
    assert [one.contributors for one in again.earlier(asked)] == [ALL]


def test_the_same_result_again_takes_no_room_and_a_damaged_file_stops_questions(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    for _ in itertools.repeat(None, 3):
        kept.add(asked, ALL)
    assert len(kept.earlier(asked)) == 1
    [row] = [one.content for one in kept._results]
    whole = json.loads((tmp_path / "runs.json").read_text())
    for damaged in (
        json.dumps({**whole, "asked": []}),
        json.dumps({**whole, "results": [{**whole["results"][0], "asked": -1}]}),
        json.dumps({**whole, "results": [{**whole["results"][0], "asked": "0"}]}),
        json.dumps({"asked": whole["asked"]}),
        json.dumps({**whole, "results": {"a": 1}}),
        "{}x",
        '[{"network": "n"}]',
        json.dumps([{**row, "at": "now"}]),
        json.dumps([{**row, "contributors": "ab"}]),
    ):
        (tmp_path / "runs.json").write_text(damaged)
        with pytest.raises(RefusedError, match=r"cannot be read; .* from a backup"):
            opened.Opened(tmp_path / "runs.json").check(asked, "unlimited", time.time())
    (tmp_path / "runs.json").write_text("[{]")
    with pytest.raises(RefusedError, match="cannot be read"):
        opened.Opened(tmp_path / "runs.json").check(asked, "unlimited", time.time())


def test_what_was_asked_is_written_once_for_a_thousand_results(tmp_path: Path, asked: Plan) -> None:
    """Before, each result had its cells with it: tens of megabytes, written anew after each session."""
    scattered = [f"{area}" for area in range(1000, 9000, 2)]
    parameters = analyses.find("hotspots/1").parameters({"areas": scattered})
    wide = dataclasses.replace(asked, parameters=parameters)
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(wide, ALL)
    size = (tmp_path / "runs.json").stat().st_size
    [one] = kept._results
    assert size > 50_000
    kept._results = [
        dataclasses.replace(one, contributors={**ALL, "n.a": f"edition {edition}"}) for edition in range(999)
    ]
    kept.add(wide, ALL)
    assert len(kept._results) == 1000
    assert (tmp_path / "runs.json").stat().st_size < size + 1000 * 400
    again = opened.Opened(tmp_path / "runs.json")
    assert again._results == kept._results
    assert len({id(one.asked) for one in again._results}) == 1


def test_what_an_earlier_release_wrote_is_read_and_written_anew(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, ALL)
    (tmp_path / "runs.json").write_text(json.dumps([one.content for one in kept._results]))
    again = opened.Opened(tmp_path / "runs.json")
    assert again._results == kept._results
    again.add(total(asked), ALL)
    assert len(opened.Opened(tmp_path / "runs.json")._results) == 2


def test_cells_are_compared_once_for_all_results_of_one_question(
    tmp_path: Path, asked: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: an agent with a thousand results did nothing else for seconds at each proposal."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, ALL)
    [row] = [one.content for one in kept._results]
    (tmp_path / "runs.json").write_text(json.dumps([row] * 1000))
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(total(asked), ALL)
    compared, apart = list[object](), cells.apart
    looked_up, cells_of = list[object](), analyses.cells_of

    def comparing(before: cells.Asked, now: cells.Asked) -> str:
        compared.append(before)
        return apart(before, now)

    def looking_up(*question: Any) -> Any:
        looked_up.append(question)
        return cells_of(*question)

    monkeypatch.setattr(cells, "apart", comparing)
    monkeypatch.setattr(analyses, "cells_of", looking_up)
    assert len(kept.earlier(asked)) == 1001
    kept.check_own(asked, "n.e", "new")
    assert (len(compared), len(looked_up)) == (4, 2)


def total(asked: Plan) -> Plan:
    """Another question about the whole of the same areas."""
    parameters = analyses.find("descriptive/1").parameters({"field": "postcode4", "low": 7001, "high": 7040, "bins": 1})
    return dataclasses.replace(asked, question="geheel", analysis="descriptive/1", parameters=parameters)


def test_a_total_beside_its_areas_is_refused_until_enough_brought_new_data(tmp_path: Path, asked: Plan) -> None:
    """Seen to be allowed before cells were: the total less all areas that were opened is a suppressed one."""
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, ALL)
    [earlier] = opened.Opened(tmp_path / "runs.json").earlier(total(asked))
    day = time.strftime("%Y-%m-%d", time.gmtime())
    said = (
        f"cells: postcode4 7001-7040 beside postcode4 7001 of griep of {day} can be subtracted; "
        "ask for equal cells and minima, or after 3 brought new data, not {}"
    )
    assert differencing.refused([earlier], ALL) == said.format(0)
    assert differencing.refused([earlier], {**ALL, "n.a": "2", "n.b": "2"}) == said.format(2)
    assert differencing.refused([earlier], {**ALL, "n.a": "2", "n.b": "2", "n.c": "2"}) == ""


def test_the_larger_minimum_of_both_results_counts(tmp_path: Path, asked: Plan) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(dataclasses.replace(asked, minimum_contributors=4), ALL)
    lower = dataclasses.replace(asked, minimum_contributors=2, minimum_cell=5)
    [earlier] = kept.earlier(lower)
    assert earlier.minimum == 4
    assert "minima 5 and 2 beside 10 and 4" in differencing.refused([earlier], ALL)


def test_a_station_that_only_contributed_keeps_its_own_data_from_what_could_be_subtracted(
    tmp_path: Path, asked: Plan
) -> None:
    kept = opened.Opened(tmp_path / "runs.json")
    kept.add(asked, {"n.e": "1"}, computed=False)
    again = opened.Opened(tmp_path / "runs.json")
    assert again.earlier(asked) == []
    again.check_own(asked, "n.e", "1")
    again.check_own(total(asked), "n.e", "2")
    with pytest.raises(RefusedError, match=r"^cells: postcode4 7001-7040 beside postcode4 7001 of griep of "):
        again.check_own(total(asked), "n.e", "1")


def test_what_was_written_before_cells_were_is_beside_new_data_only(tmp_path: Path, asked: Plan) -> None:
    old = {"network": "n", "question": "oud", "scope": ["postcode4=7001"], "at": time.time()}
    rows = [{**old, "contributors": ALL}, {**old, "contributors": {}}]
    (tmp_path / "runs.json").write_text(json.dumps(rows))
    kept = opened.Opened(tmp_path / "runs.json")
    assert kept.problem == ""
    [earlier] = kept.earlier(asked)
    assert earlier.minimum == 3
    assert "does not say which cells it opens of oud" in differencing.refused([earlier], ALL)
    assert differencing.refused([earlier], dict.fromkeys(ALL, "2")) == ""
    kept.add(asked, dict.fromkeys(ALL, "2"))
    assert len(opened.Opened(tmp_path / "runs.json").earlier(asked)) == 2


@pytest.mark.parametrize(
    "row", [{"network": "n"}, [], {"asked": {"cells": [{"over": {"x": [[1]]}, "opens": "count"}]}}]
)
def test_what_cannot_be_read_of_it_stops_questions(tmp_path: Path, asked: Plan, row: Any) -> None:
    (tmp_path / "runs.json").write_text(json.dumps([row]))
    with pytest.raises(RefusedError, match="cannot be read"):
        opened.Opened(tmp_path / "runs.json").check(asked, "unlimited", time.time())


def test_every_analysis_says_what_it_is_about() -> None:
    names = [path.stem for path in Path(analyses.__file__).parent.glob("[a-z]*.py")]
    assert names
    for name in names:
        module = analyses.find(f"{name}/1")
        assert callable(module.cells)
