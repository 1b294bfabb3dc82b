"""hotspots against plain Python, with three, five and seven parties that really compute."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from station_image.runtime import analyses
from station_image.runtime.analyses import Source, hotspots
from station_image.runtime.data import records
from tests.harness.fuzzing import some
from tests.station_image.runtime.analyses.parties import Parties

FIRST = 7001
CASES = Mapping[str, Sequence[int]]


def brought(parameters: Mapping[str, Any], cases: CASES) -> dict[str, list[int]]:
    """What each contributor shares that has one row for each of its cases."""
    completed = hotspots.parameters(parameters)
    return {
        name: hotspots.numbers(Source("", name, completed), [(area,) for area in rows]) for name, rows in cases.items()
    }


def plainly(parameters: Mapping[str, Any], cases: CASES, cell: int, contributors: int) -> dict[str, Any]:
    """The same from all rows together, as nobody has them."""
    areas = hotspots._areas(hotspots.parameters(parameters))
    total = Counter(row for rows in cases.values() for row in rows)
    there = {area: sum(area in rows for rows in cases.values()) for area in areas}
    shown = {area: total[area] for area in areas if total[area] >= cell and there[area] >= contributors}
    population, factor = parameters.get("population"), parameters.get("factor", 2)
    people = {area: population[str(area)] if population else 1 for area in areas}
    usual = statistics.median(shown.get(area, cell / 2) / people[area] for area in areas)
    rows: list[dict[str, Any]] = [{"area": str(area), "cases": count} for area, count in shown.items()]
    if population:
        rows = [{**row, "rate_per_10000": round(10_000 * row["cases"] / people[int(row["area"])], 2)} for row in rows]
    return {
        "areas": rows,
        "suppressed": len(areas) - len(rows),
        "hotspots": [str(area) for area, count in shown.items() if count / people[area] >= factor * usual],
    }


def computed(parties: Parties, parameters: Mapping[str, Any], cases: CASES, **how: int) -> dict[str, Any]:
    found = parties.compute("hotspots/1", parameters, brought(parameters, cases), **how)
    assert found.pop("left_out") == {}
    return found


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", some(range(25), 8))
def test_random_cases_give_what_plain_python_gives(parties: Parties, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # reproducible, no secret
    areas, people = range(FIRST, FIRST + chance.randint(1, 60)), [f"n.{i}" for i in range(chance.randint(3, 7))]
    weights = [chance.random() ** 4 for _ in areas]
    cases = {name: chance.choices(areas, weights, k=chance.randint(0, 150)) for name in people}
    parameters: dict[str, Any] = {"areas": [f"{areas[0]}-{areas[-1]}"], "factor": chance.randint(2, 4)}
    if seed % 2:
        parameters["population"] = {str(area): chance.randint(50, 20_000) for area in areas}
    cell, contributors = chance.randint(1, 20), chance.randint(1, len(people))
    found = computed(parties, parameters, cases, minimum_cell=cell, minimum_contributors=contributors)
    values = found.pop("values")
    assert found == plainly(parameters, cases, cell, contributors)
    counts, flags = values[: len(areas)], values[len(areas) :]
    assert all(count == 0 for count, ok in zip(counts, flags, strict=True) if not ok), "suppressed is opened as 0"


@pytest.mark.parametrize("size", [3, 5, 7])
def test_every_size_of_network_gives_the_same(parties: Parties, size: int) -> None:
    cases = {"n.0": [FIRST] * 5 + [FIRST + 1] * 9, "n.1": [FIRST] * 4, "n.2": [FIRST] * 3 + [FIRST + 2]}
    parameters = {"areas": [f"{FIRST}-{FIRST + 3}"]}
    found = computed(parties, parameters, cases, size=size)
    assert found["areas"] == [{"area": str(FIRST), "cases": 12}]
    assert found["suppressed"] == 3


@pytest.mark.parametrize(
    ("counts", "opened"),
    [
        ((4, 3, 3), True),
        ((4, 3, 2), False),
        ((10, 0, 0), False),
        ((9, 9, 0), False),
        ((8, 1, 1), True),
        ((1023, 1023, 1023), True),
        ((1023, 1023, 0), False),
        ((0, 0, 0), False),
    ],
)
def test_a_cell_is_opened_from_the_minimum_on_and_from_so_many_organisations_on(
    parties: Parties, counts: tuple[int, ...], opened: bool
) -> None:
    cases = {f"n.{number}": [FIRST] * count for number, count in enumerate(counts)}
    found = computed(parties, {"areas": [str(FIRST)]}, cases)
    assert found["areas"] == ([{"area": str(FIRST), "cases": sum(counts)}] if opened else [])
    assert found["values"] == ((sum(counts), 1) if opened else (0, 0))


def test_totals_at_the_largest_that_any_parameters_allow_are_right(parties: Parties) -> None:
    cap = 2**16 - 1
    numbers = {f"n.{number}": [1] * 17 for number in range(25)}
    found = parties.compute("hotspots/1", {"areas": [str(FIRST)], "bits": 16}, numbers, minimum_cell=1000)
    assert found["areas"] == [{"area": str(FIRST), "cases": 25 * cap}]


def test_more_areas_than_one_batch(parties: Parties) -> None:
    parameters = {"areas": [f"{FIRST}-{FIRST + 1100}"], "bits": 4}
    cases = {f"n.{number}": [FIRST + 499, FIRST + 500, FIRST + 1100] * 4 for number in range(3)}
    found = computed(parties, parameters, cases)
    assert [row["area"] for row in found["areas"]] == [str(FIRST + 499), str(FIRST + 500), str(FIRST + 1100)]
    assert found["suppressed"] == 1098


@pytest.mark.parametrize("bend", [(0, 5), (0, -1), (3, 2), (10, 0), (10, 2), (21, 1)])
def test_who_shares_what_is_no_count_is_left_out_and_the_others_are_right(
    parties: Parties, bend: tuple[int, int]
) -> None:
    """Cell 0 has bits 0 to 9 and presence 20, cell 1 the next ten and presence 21."""
    place, value = (20 if bend[0] == 10 else bend[0]), bend[1]
    parameters = {"areas": [f"{FIRST}-{FIRST + 1}"]}
    numbers = brought(parameters, {f"n.{number}": [FIRST] * 4 for number in range(5)})
    numbers["n.2"][place] = value % (2**96 - 17)
    found = parties.compute("hotspots/1", parameters, numbers)
    if place == 21:
        assert found["left_out"] == {}, "who is present without a case counts as one, as with a case it would"
        assert found["areas"] == [{"area": str(FIRST), "cases": 20}]
    else:
        assert found["left_out"] == {"n.2": "its inputs are outside what the analysis takes"}
        assert found["areas"] == [{"area": str(FIRST), "cases": 16}]


# Without parties


def test_rows_of_other_areas_are_passed_over_and_more_than_the_cap_is_a_sentence() -> None:
    parameters = hotspots.parameters({"areas": [str(FIRST)], "bits": 2})
    assert hotspots.numbers(Source("", "", parameters), [(FIRST,), (FIRST + 1,)]) == [1, 0, 1]
    with pytest.raises(records.RecordsError, match="more than 3 rows fall in one cell"):
        hotspots.numbers(Source("", "", parameters), [(FIRST,)] * 4)


@pytest.mark.parametrize(
    "values",
    [(9, 1), (10, 0), (0, 1), (12, 2), (1, 0), (10,), (10, 1, 1), (10, 0, 1, 0)],
)
def test_what_cannot_be_a_result_is_not_shown(values: tuple[int, ...]) -> None:
    parameters = hotspots.parameters({"areas": [str(FIRST)]})
    with pytest.raises(analyses.AnalysisError):
        hotspots.outcome(analyses.Opened("", parameters, (), values, (), 0, 10))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "areas: a list"),
        ({"areas": []}, "areas: a list"),
        ({"areas": ["0999"]}, "areas: each"),
        ({"areas": ["7010-7001"]}, "runs backwards"),
        ({"areas": ["1000-9999"]}, "9000 of them"),
        ({"areas": ["7001"], "factor": 1}, "factor: a whole number from 2"),
        ({"areas": ["7001"], "bits": 17}, "bits: a whole number from 1 to 16"),
        ({"areas": ["7001"], "drempel": 3}, "'drempel' is no parameter"),
        ({"areas": ["7001"], "population": {"7002": 3}}, "population: area 7001 is missing"),
        ({"areas": ["7001"], "population": {"7001": 3, "7002": 3}}, "'7002' is not among the areas"),
        ({"areas": ["7001"], "population": {"7001": 0}}, "7001: a whole number from 1"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(analyses.AnalysisError, match=said):
        hotspots.parameters(given)


def test_equal_areas_are_equal_parameters() -> None:
    one = hotspots.parameters({"areas": ["7003", "7001-7002", "7002"]})
    assert one == hotspots.parameters({"areas": ["7001-7003"]})
    assert hotspots.parameters(one) == one
