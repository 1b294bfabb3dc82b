"""descriptive by region against plain Python, and what follows from it by any subtraction."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from station_image.runtime import analyses
from station_image.runtime.analyses import Source, _regions, descriptive
from station_image.runtime.data.differencing import Earlier
from tests.harness.fuzzing import some
from tests.station_image.runtime.analyses.parties import Job, Parties
from tests.station_image.runtime.data.test_cells import follows

WIDE = {"field": "weken", "low": 0, "high": 39, "bins": 4, "by": "region"}
SEEDS = 30
Values = Mapping[str, Sequence[int]]
Cell = tuple[str, int]
"""A region and a bin."""


def asked(parties: Parties, parameters: Mapping[str, Any], values: Values, **how: int) -> dict[str, Any]:
    completed = descriptive.parameters(parameters)
    numbers = {
        name: descriptive.numbers(Source("", name, completed), [(value,) for value in own])
        for name, own in values.items()
    }
    found = parties.compute("descriptive/1", parameters, numbers, **how)
    assert found.pop("left_out") == {}
    return found


class Plainly:
    """What may be told of some values under these minima, from all of them together, as nobody has them."""

    def __init__(self, parameters: Mapping[str, Any], values: Values, cell: int, contributors: int) -> None:
        self.values, self.cell, self.contributors = values, cell, contributors
        self.low, self.width = parameters["low"], parameters["high"] - parameters["low"] + 1
        self.bins = range(parameters["bins"])
        self.regions: dict[str, list[str]] = {}
        for name in sorted(values):
            self.regions.setdefault(name.partition(".")[0], []).append(name)
        # Those with the fewest contributors first; too few are never told alone, nor is who makes up for that.
        self.order = sorted(self.regions, key=lambda one: (len(self.regions[one]), one))
        self.alone, together = list(self.order), 0
        while self.alone and (len(self.regions[self.alone[0]]) < contributors or 0 < together < contributors):
            together += len(self.regions[self.alone.pop(0)])

    def rows(self, cells: Collection[Cell]) -> dict[str, list[int]]:
        """Contributor → its values in these cells."""
        return {
            name: [one for one in self.values[name] if (region, self.bin(one)) in cells]
            for region, names in self.regions.items()
            for name in names
        }

    def bin(self, value: int) -> int:
        """The bin of a value, counted from 0."""
        ends = [self.low + number * self.width // len(self.bins) for number in (*self.bins, len(self.bins))]
        return next(number for number in self.bins if ends[number] <= value < ends[number + 1])

    def count(self, cells: Collection[Cell]) -> int:
        return sum(map(len, self.rows(cells).values()))

    def enough(self, cells: Collection[Cell]) -> bool:
        found = self.rows(cells)
        return self.count(cells) >= self.cell and sum(map(bool, found.values())) >= self.contributors

    def may_be_known(self, cells: Collection[Cell]) -> bool:
        return self.count(cells) == 0 or self.enough(cells)

    def shown(self) -> set[Cell]:
        """The parts of regions that are opened."""
        found = set[Cell]()
        for number in self.bins:
            suffice = [region for region in self.alone if self.enough({(region, number)})]
            while suffice:
                hidden = {(region, number) for region in self.regions if region not in suffice}
                if self.may_be_known(hidden):
                    break
                suffice.pop(0)
            found |= {(region, number) for region in suffice}
        return found

    def part(self, region: str) -> dict[str, Any]:
        """What is told of a region."""
        shown, own = self.shown(), {(region, number) for number in self.bins}
        every = [value for own_values in self.rows(own).values() for value in own_values]
        told: dict[str, Any] = dict.fromkeys(("count", "sum", "mean", "variance"))
        if region in self.alone and self.enough(own) and not self.count(own - shown):
            told["count"] = len(every)
            if self.width == len(self.bins) or self.width >= 5 * len(self.bins):
                told |= {"sum": sum(every), "mean": round(statistics.mean(every), 6)}
                told["variance"] = round(statistics.variance(every), 6) if len(every) > 1 else None
        counts = [self.count({cell}) if cell in shown else None for cell in sorted(own)]
        return {**told, "counts": counts, "contributors": len(self.regions[region])}

    def known(self) -> list[list[int]]:
        """All counts that are opened, as weights of the cells in alphabetical order."""
        bins = [{(region, number) for region in self.regions} for number in self.bins]
        opened: list[set[Cell]] = [cells for cells in bins if self.enough(cells)]
        every = set().union(*bins)
        if self.enough(every) and self.may_be_known(every.difference(*opened)):
            opened.append(every)
        opened += [{cell} for cell in self.shown()]
        told = (region for region in self.regions if self.part(region)["count"] is not None)
        opened += [{(region, number) for number in self.bins} for region in told]
        return [[int(cell in cells) for cell in sorted(every)] for cells in opened]


def drawn(seed: int, most_regions: int = 4) -> tuple[dict[str, Any], dict[str, list[int]], int, int]:
    """Parameters, values per contributor, minimum cell and minimum of contributors."""
    chance = random.Random(seed)  # noqa: S311  # reproducible, no secret
    low, bins = chance.choice([0, 20]), chance.randint(1, 3)
    width = chance.choice([bins, 2 * bins, 6 * bins])
    regions = [f"r{number}" for number in range(chance.randint(2, most_regions))]
    people = [f"{region}.{number}" for region in regions for number in range(chance.randint(1, 4))]
    most = chance.choice([3, 12])
    values = {}
    for name in people:
        weights = [chance.choice([0, 0, 1, 3]) + 0.001 for _ in range(width)]
        values[name] = [low + one for one in chance.choices(range(width), weights, k=chance.randint(0, most))]
    parameters = {"field": "weken", "low": low, "high": low + width - 1, "bins": bins, "by": "region"}
    return parameters, values, chance.choice([1, 5, 10]), chance.randint(1, min(3, len(people)))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", some(range(SEEDS), 6))
def test_random_values_give_what_plain_python_gives_and_the_whole_is_as_without(parties: Parties, seed: int) -> None:
    parameters, values, cell, contributors = drawn(seed)
    how = {"minimum_cell": cell, "minimum_contributors": contributors}
    found, plainly = asked(parties, parameters, values, **how), Plainly(parameters, values, cell, contributors)
    told = found.pop("regions")
    assert list(told) == sorted(plainly.regions)
    for region, one in told.items():
        counts = [row.get("count") for row in one.pop("histogram")]
        assert one.pop("suppressed") == counts.count(None)
        wanted = plainly.part(region)
        assert {**one, "counts": counts} == {
            name: pytest.approx(value) if isinstance(value, float) else value for name, value in wanted.items()
        }, region
    values_opened = found.pop("values")
    without = {name: value for name, value in parameters.items() if name != "by"}
    as_without = asked(parties, without, values, **how)
    assert values_opened[: len(as_without["values"])] == as_without.pop("values")
    assert found == as_without


def outcomes() -> Iterable[Plainly]:
    for seed in some(range(400), 80):
        yield Plainly(*drawn(seed, 3))


@pytest.mark.fuzz
def test_whatever_is_subtracted_tells_of_nobody_or_of_enough() -> None:
    """By linear algebra over all counts that are opened: no sum of parts that follows is below the minimum."""
    for one in outcomes():
        assert too_small(one) == [], (one.values, one.cell, one.contributors)


def too_small(one: Plainly) -> list[set[Cell]]:
    cells = sorted((region, number) for region in one.regions for number in one.bins)
    found = [{cell for cell, there in zip(cells, union, strict=True) if there} for union in follows(one.known())]
    return [union for union in found if not one.may_be_known(union)]


def test_where_each_part_is_told_that_suffices_by_itself_a_hidden_one_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gained without: the whole less the regions that are told is the one that is not."""
    everything = {cell: cell for cell in itertools.product(("r0", "r1", "r2"), range(3))}
    monkeypatch.setattr(
        Plainly, "shown", lambda one: {cell for cell in everything if cell[0] in one.alone and one.enough({cell})}
    )
    assert any(map(too_small, outcomes()))


def test_where_a_region_s_total_is_told_beside_hidden_bins_a_hidden_one_follows() -> None:
    """Why a region with hidden bins has no total, though these together suffice: by two ways to part the whole."""
    values = {f"a.{n}": [0, 0, 10, 10] for n in range(3)} | {f"b.{n}": [10] * (n == 0) for n in range(3)}
    one = Plainly({"low": 0, "high": 19, "bins": 2}, values, 10, 3)
    assert one.part("a")["count"] is None
    total = [int(region == "a") for region in one.regions for _ in one.bins]
    assert not too_small(one)
    whole = [1] * len(total)
    unions = set(follows([*one.known(), total, whole]))
    assert (0, 0, 1, 1) in unions, "what the other region has, which is one"


@pytest.mark.parametrize("size", [3, 5])
def test_a_hidden_region_does_not_follow_from_the_whole_and_the_other_one(parties: Parties, size: int) -> None:
    """The west has enough in each bin; the east one row too few in the first, and nothing in the last two."""
    values = {f"west.{n}": [5] * 9 + [15] * 5 + [25] * 4 + [35] * 4 for n in range(3)}
    values |= {f"east.{n}": [5] * 3 + [15] * 4 for n in range(3)}
    found = asked(parties, WIDE, values, size=size)
    assert [row["count"] for row in found["histogram"]] == [36, 27, 12, 12]
    assert found["count"] == 87
    east, west = found["regions"]["east"], found["regions"]["west"]
    assert [row.get("count") for row in east["histogram"]] == [None, 12, None, None]
    assert [row.get("count") for row in west["histogram"]] == [None, 15, 12, 12], "36 less 27 would be the east"
    assert (east["count"], west["count"]) == (None, None)


def test_a_region_of_too_few_organisations_is_hidden_and_so_is_the_one_beside_it(parties: Parties) -> None:
    """However many rows they have: who is one of the two would see the other one's."""
    values = {f"west.{n}": [5] * 9 for n in range(4)} | {f"east.{n}": [5] * 9 for n in range(2)}
    found = asked(parties, WIDE, values)
    assert found["count"] == 54
    told = found["regions"]
    assert {name: (one["contributors"], one["count"]) for name, one in told.items()} == {
        "east": (2, None),
        "west": (4, None),
    }
    assert {row.get("count") for one in told.values() for row in one["histogram"]} == {None}
    third = {f"north.{n}": [5] * 9 for n in range(3)}
    more = asked(parties, WIDE, {**values, **third})
    counts = {name: one["count"] for name, one in more["regions"].items()}
    assert counts == {"east": None, "north": None, "west": 36}, "the smallest of the others stays with it"


def test_who_lies_hides_its_own_region_and_tells_of_no_other(parties: Parties) -> None:
    """One of the east says as much as it can: not enough organisations have something there."""
    values = {f"west.{n}": [5] * 9 for n in range(3)} | {"east.0": [5] * 1000, "east.1": [5], "east.2": []}
    found = asked(parties, WIDE, values)
    assert [one["count"] for one in found["regions"].values()] == [None, None]


def test_a_region_that_differs_too_little_from_an_earlier_result_of_it_ends_the_session(parties: Parties) -> None:
    """The east asked itself before, with one organisation more; of the whole alone enough differ."""
    before = Earlier({f"east.{number}": "0" for number in range(4)}, 3, "", True, "thuis of 2026-11-25")
    without = {name: value for name, value in WIDE.items() if name != "by"}
    assert parties.run(_nine_each(without, before)).ends
    job = _nine_each(WIDE, before)
    lines = parties.connected(job)
    for line, body in zip(lines, job.bodies, strict=True):
        line.intake(job, body)
    with ThreadPoolExecutor(len(lines)) as pool:
        ends = list(pool.map(lambda line: line.until("failed")[0], lines))
    for line in lines:
        line.close()
    assert {"1 organisations (east.3) only" in end["reason"] for end in ends} == {True}


def _nine_each(given: Mapping[str, Any], before: Earlier) -> Job:
    own = descriptive.numbers(Source("", "", descriptive.parameters(given)), [(5,)] * 9)
    numbers = {f"{region}.{number}": own for region in ("east", "west") for number in range(3)}
    return Job("descriptive/1", given, numbers, 3, earlier=[before])


# Without parties


def test_it_is_asked_by_that_word_only_and_leaving_it_out_changes_nothing() -> None:
    without = {name: value for name, value in WIDE.items() if name != "by"}
    assert "by" not in descriptive.parameters(without)
    assert descriptive.parameters(descriptive.parameters(WIDE)) == descriptive.parameters(WIDE)
    assert analyses.by_region("descriptive/1", descriptive.parameters(WIDE))
    assert not analyses.by_region("descriptive/1", descriptive.parameters(without))
    assert not analyses.by_region("hotspots/1", {"areas": ["7001"], "by": "region"})
    with pytest.raises(analyses.AnalysisError, match=f"{_regions.PARAMETER}: `region`, for the outcome of each"):
        descriptive.parameters({**WIDE, "by": "organisation"})


def test_a_result_of_another_number_of_regions_is_not_shown() -> None:
    parameters = descriptive.parameters(WIDE)
    rows = (0,) * 3 * (2 * 4 + 4)
    people = ("east.a", "west.a", "west.b")
    assert len(descriptive.outcome(analyses.Opened("", parameters, people, rows, (), 0, 10))["regions"]) == 2
    with pytest.raises(analyses.AnalysisError, match="another length"):
        descriptive.outcome(analyses.Opened("", parameters, people[1:], rows, (), 0, 10))
