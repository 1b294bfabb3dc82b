"""descriptive against plain Python, with three, five and seven parties that really compute."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from station_image.runtime import analyses
from station_image.runtime.analyses import Source, descriptive
from station_image.runtime.data import records
from tests.harness.fuzzing import some
from tests.station_image.runtime.analyses.parties import Parties

STAYS = {"field": "ligduur", "low": 0, "high": 39, "bins": 4}
NOTHING = dict.fromkeys(("count", "sum", "mean", "variance"))
SEEDS = 40
Values = Mapping[str, Sequence[int]]


def brought(parameters: Mapping[str, Any], values: Values) -> dict[str, list[int]]:
    """What each contributor shares that has one row for each of its values."""
    completed = descriptive.parameters(parameters)
    return {
        name: descriptive.numbers(Source("", name, completed), [(value,) for value in own])
        for name, own in values.items()
    }


def plainly(parameters: Mapping[str, Any], values: Values, cell: int, contributors: int) -> dict[str, Any]:
    """The same from all values together, as nobody has them."""
    low, width, bins = parameters["low"], parameters["high"] - parameters["low"] + 1, parameters["bins"]
    ends = [low + number * width // bins for number in range(bins + 1)]
    histogram, hidden, hidden_at = [], 0, set()
    for start, stop in itertools.pairwise(ends):
        inside = {name: sum(start <= value < stop for value in own) for name, own in values.items()}
        label = str(start) if stop == start + 1 else f"{start}-{stop - 1}"
        if sum(inside.values()) >= cell and sum(map(bool, inside.values())) >= contributors:
            histogram.append({"bin": label, "count": sum(inside.values())})
        else:
            histogram.append({"bin": label, "suppressed": True})
            hidden += sum(inside.values())
            hidden_at |= {name for name, count in inside.items() if count}
    every = [value for own in values.values() for value in own]
    enough = len(every) >= cell and sum(map(bool, values.values())) >= contributors
    hidden_enough = hidden >= cell and len(hidden_at) >= contributors and width >= 2 * bins
    whole = dict(NOTHING)
    if enough and (hidden == 0 or hidden_enough) and not (width == bins or width >= 5 * bins):
        whole["count"] = len(every)
    elif enough and (hidden == 0 or hidden_enough):
        variance = round(statistics.variance(every), 6) if len(every) > 1 else None
        whole = {
            "count": len(every),
            "sum": sum(every),
            "mean": round(statistics.mean(every), 6),
            "variance": variance,
        }
    return {**whole, "histogram": histogram, "suppressed": sum("suppressed" in row for row in histogram)}


def computed(parties: Parties, parameters: Mapping[str, Any], values: Values, **how: int) -> dict[str, Any]:
    found = parties.compute("descriptive/1", parameters, brought(parameters, values), **how)
    assert found.pop("left_out") == {}
    return found


def approximately(found: dict[str, Any]) -> dict[str, Any]:
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in found.items()}


def drawn(seed: int) -> tuple[dict[str, Any], dict[str, list[int]], int, int]:
    """Parameters, values per contributor, minimum cell and minimum number of contributors."""
    chance = random.Random(seed)  # noqa: S311  # reproducible, no secret
    low = chance.choice([0, 18, 100_000])
    width = chance.randint(1, 40)
    parameters = {"field": "leeftijd", "low": low, "high": low + width - 1, "bins": chance.randint(1, min(width, 6))}
    # Crowded and empty bins, so that all, some and nothing of the histogram is suppressed over the seeds.
    weights = [chance.choice([0, 0.02, 1]) + 0.001 for _ in range(width)]
    people = [f"n.{number}" for number in range(chance.randint(3, 6))]
    everything = range(low, low + width)
    most = chance.choice([3, 60])
    values = {name: chance.choices(everything, weights, k=chance.randint(0, most)) for name in people}
    return parameters, values, chance.randint(1, 15), chance.randint(1, 3)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", some(range(SEEDS), 8))
def test_random_values_give_what_plain_python_gives(parties: Parties, seed: int) -> None:
    parameters, values, cell, contributors = drawn(seed)
    found = computed(parties, parameters, values, minimum_cell=cell, minimum_contributors=contributors)
    opened, bins = found.pop("values"), parameters["bins"]
    assert found == approximately(plainly(parameters, values, cell, contributors))
    counts, flags = opened[:bins], opened[bins : 2 * bins]
    assert all(count == 0 for count, ok in zip(counts, flags, strict=True) if not ok), "suppressed is opened as 0"
    assert opened[-1] or opened[-4:-1] == (0, 0, 0)


def test_the_seeds_come_to_every_kind_of_outcome() -> None:
    """Or the comparison above would say little."""
    kinds = set()
    for seed in range(SEEDS):
        parameters, values, cell, contributors = drawn(seed)
        found = plainly(parameters, values, cell, contributors)
        kinds.add((found["count"] is not None, found["suppressed"] > 0, found["suppressed"] < parameters["bins"]))
    assert {(True, False, True), (True, True, True), (False, True, True), (False, True, False)} <= kinds


@pytest.mark.parametrize("size", [3, 5, 7])
def test_every_size_of_network_gives_the_same(parties: Parties, size: int) -> None:
    values = {"n.0": [1] * 8 + [35] * 5, "n.1": [2] * 4 + [36] * 5, "n.2": [9] * 2 + [39] * 5}
    found = computed(parties, STAYS, values, size=size)
    assert found.pop("values")
    assert found == approximately(plainly(STAYS, values, 10, 3))
    assert (found["count"], found["suppressed"]) == (29, 2), "the two empty bins are suppressed, and hide nothing"


@pytest.mark.parametrize(
    ("extra", "count"),
    [
        ({}, 30),
        ({"n.0": [15]}, None),
        ({"n.0": [15] * 9}, None),
        ({"n.0": [15] * 9, "n.1": [25]}, None),
        ({"n.0": [15] * 5, "n.1": [25] * 5}, None),
        ({"n.0": [15] * 4, "n.1": [15] * 3, "n.2": [25] * 3}, 40),
        ({"n.0": [15] * 4, "n.1": [15] * 3, "n.2": [25] * 2}, None),
    ],
    ids=["nothing hidden", "one", "nine", "too few at two", "too few organisations", "just enough", "one too few"],
)
def test_the_whole_is_opened_only_where_what_is_hidden_is_nothing_or_enough_itself(
    parties: Parties, extra: Mapping[str, list[int]], count: int | None
) -> None:
    """Thirty in the first bin; what is added falls into the second and third, of which each is suppressed."""
    values = {name: [5] * 10 + extra.get(name, []) for name in ("n.0", "n.1", "n.2")}
    found = computed(parties, STAYS, values)
    assert found["histogram"][0] == {"bin": "0-9", "count": 30}
    assert found["suppressed"] == 3
    assert found["count"] == count
    if count is None:
        assert {name: found[name] for name in NOTHING} == NOTHING


def test_where_bins_are_single_values_nothing_may_be_hidden(parties: Parties) -> None:
    parameters = {"field": "ligduur", "low": 0, "high": 3, "bins": 4}
    enough = {f"n.{number}": [0] * 5 + [1] * 4 + [2] * 4 for number in range(3)}
    assert computed(parties, parameters, enough)["count"] == 39
    hidden = {name: own + [3] * 3 for name, own in enough.items()}
    assert computed(parties, parameters, hidden)["suppressed"] == 1
    assert computed(parties, parameters, hidden)["count"] is None


@pytest.mark.parametrize("high", [1, 3])
def test_sums_do_not_tell_how_many_have_one_of_few_values(parties: Parties, high: int) -> None:
    """What a result party gains where they are opened: exactly how many have a 1 (or a 2), here one person."""
    parameters = {"field": "ja", "low": 0, "high": high, "bins": 1}
    values = {"n.0": [0] * 9 + [1], "n.1": [0] * 10, "n.2": [high] * 10 if high > 1 else [0] * 10}
    found = computed(parties, parameters, values)
    assert (found["count"], found["sum"], found["mean"], found["variance"]) == (30, None, None, None)
    assert found["values"][-4:] == (30, 0, 0, 1)


def test_the_largest_values_and_counts_are_right(parties: Parties) -> None:
    parameters = {"field": "x", "low": 1_000_000_000, "high": 1_000_000_999, "bins": 2, "bits": 7}
    values = {f"n.{number}": [1_000_000_000, 1_000_000_999] * 127 for number in range(5)}
    found = computed(parties, parameters, values)
    everything = [value for own in values.values() for value in own]
    assert (found["count"], found["sum"]) == (1270, sum(everything))
    assert found["mean"] == pytest.approx(statistics.mean(everything))
    assert found["variance"] == pytest.approx(statistics.variance(everything))


def test_who_is_present_nowhere_and_yet_has_counts_is_left_out(parties: Parties) -> None:
    values = {f"n.{number}": [5] * 10 for number in range(4)}
    for bend in (0, 3):  # presence in the first bin, then over all
        numbers = brought(STAYS, values)
        numbers["n.3"][-5 + (4 if bend else 0)] = 0
        found = parties.compute("descriptive/1", STAYS, numbers)
        assert found["left_out"] == {"n.3": "its inputs are outside what the analysis takes"}
        assert found["count"] == 30


# Without parties


def test_more_than_the_cap_is_a_sentence() -> None:
    parameters = descriptive.parameters({**STAYS, "bits": 2})
    with pytest.raises(records.RecordsError, match="more than 3 rows fall in one cell"):
        descriptive.numbers(Source("", "", parameters), [(1,)] * 4)


@pytest.mark.parametrize("values", [(9, 1, 9, 0, 0, 1), (10, 1, 9, 0, 0, 1), (10, 1, 10, 0, 0, 2), (10, 1, 0, 0, 0)])
def test_what_cannot_be_a_result_is_not_shown(values: tuple[int, ...]) -> None:
    parameters = descriptive.parameters({"field": "x", "low": 0, "high": 9, "bins": 1})
    with pytest.raises(analyses.AnalysisError):
        descriptive.outcome(analyses.Opened("", parameters, (), values, (), 0, 10))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"field": "Leeftijd"}, "field: the name of a column"),
        ({"field": None}, "field: the name of a column"),
        ({"low": -1}, "low: a whole number from 0"),
        ({"low": 40}, "high: a whole number from 40"),
        ({"high": 1000}, "high: a whole number from 0 to 999"),
        ({"bins": 0}, "bins: a whole number from 1 to 40"),
        ({"bins": 41}, "bins: a whole number from 1 to 40"),
        ({"bits": 0}, "bits: a whole number from 1 to 16"),
        ({"kolom": "x"}, "'kolom' is no parameter"),
    ],
)
def test_wrong_parameters_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(analyses.AnalysisError, match=said):
        descriptive.parameters({**STAYS, **changes})
