"""Which results could be subtracted from each other: the attacks on counts, each also seen to work without the rule."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from station_image.runtime import analyses
from station_image.runtime.data import cells
from station_image.runtime.data.cells import Asked, Group

FIRST, PIECES = 7001, 7
COLUMN = "postcode4"
Table = list[list[int]]
"""Cases per organisation and piece."""


def asked(analysis: str, minimum: int = 10, few: int = 3, **parameters: Any) -> Asked:
    completed = analyses.find(analysis).parameters(parameters)
    return Asked(analysis, str(completed), analyses.cells_of(analysis, completed), minimum, few)


def hotspots(*areas: str, **minima: int) -> Asked:
    return asked("hotspots/1", areas=list(areas), **minima)


def histogram(low: int, high: int, bins: int, field: str = COLUMN, **minima: int) -> Asked:
    return asked("descriptive/1", field=field, low=low, high=high, bins=bins, **minima)


AGES = histogram(0, 99, 10, "age")
AREAS = hotspots("7001-7040")


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (AGES, histogram(0, 99, 9, "age"), "age 0-10 beside age 0-9"),
        (AREAS, histogram(7001, 7040, 1), "postcode4 7001-7040 beside postcode4 7001"),
        (histogram(7001, 7040, 1), AREAS, "postcode4 7001 beside postcode4 7001-7040"),
        (AREAS, histogram(7001, 7040, 40), "postcode4 7001-7040 beside postcode4 7001"),
        (AGES, histogram(0, 98, 10, "age"), "age 0-8 beside age 0-9"),
        (AREAS, AGES, "each age beside each postcode4"),
        (AREAS, hotspots("7001-7040", minimum=5), "minima 5 and 3 beside 10 and 3"),
        (AREAS, hotspots("7001-7040", few=4), "minima 10 and 4 beside 10 and 3"),
        (histogram(0, 0, 1, "age"), Asked("own/1", "", (Group({"age": ((0, 0, 1),)}),), 10, 3), "age 0 beside age 0"),
        (AREAS, Asked("own/1", "", (Group({}),), 10, 3), "all records beside each postcode4"),
        (AREAS, AREAS, ""),
        (AGES, histogram(0, 99, 10, "age", minimum=10), ""),
        (AREAS, hotspots("7001-7041"), ""),
        (hotspots("7001-7041"), AREAS, ""),
        (AREAS, histogram(7041, 7080, 3), ""),
        (AREAS, hotspots("7041-7080", minimum=5), ""),
        (AREAS, asked("acceptance_sum/1", rounds=1), ""),
    ],
)
def test_cells_that_meet_are_equal_or_named(before: Asked, now: Asked, said: str) -> None:
    assert cells.apart(before, now) == said
    assert bool(cells.apart(now, before)) == bool(said)


def test_an_analysis_that_states_no_cells_is_answered_beside_itself_only() -> None:
    silent = Asked("own/1", "a", None, 10, 3)
    assert cells.apart(silent, silent) == ""
    for other in (AREAS, Asked("own/1", "b", None, 10, 3), Asked("own/1", "a", None, 5, 3)):
        assert "does not say which cells" in cells.apart(silent, other)
        assert "does not say which cells" in cells.apart(other, silent)
    nobody = asked("acceptance_sum/1", rounds=1)
    assert not cells.meet(silent, nobody)


def test_in_a_product_one_column_with_other_parts_suffices() -> None:
    def made(ages: tuple[cells.Run, ...], areas: tuple[cells.Run, ...]) -> Asked:
        return Asked("own/1", "", (Group({"age": ages, COLUMN: areas}),), 10, 3)

    before = made(((0, 99, 10),), ((7001, 7040, 1),))
    assert cells.apart(before, made(((0, 99, 10),), ((7030, 7060, 1),))) == ""
    assert cells.apart(before, made(((0, 99, 10),), ((7041, 7060, 1),))) == ""
    assert cells.apart(before, made(((0, 98, 9),), ((7040, 7060, 1),))) != ""
    assert cells.apart(before, made(((0, 98, 9),), ((7041, 7060, 1),))) == "", "no area in common"


GROUPS = st.lists(
    st.builds(
        lambda low, width, count: (low, low + width * count - 1, width),
        st.integers(0, 12),
        st.integers(1, 4),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=1,
).map(tuple)


@given(st.dictionaries(st.sampled_from("ab"), GROUPS), st.dictionaries(st.sampled_from("ab"), GROUPS))
def test_the_rule_is_that_of_sets(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Against sets of whole records."""
    ours, theirs = list(members(one)), list(members(other))
    meeting = [(a, b) for a in ours for b in theirs if a & b]
    before, now = (Asked("own/1", "", (Group(over),), 10, 3) for over in (one, other))
    assert cells.meet(before, now) == bool(meeting)
    if one.keys() == other.keys():
        assert bool(cells.apart(before, now)) == any(a != b for a, b in meeting)
    assert Asked.parse(before.content) == before


def run_of(low: int, length: int, width: int) -> tuple[int, int, int]:
    return low, low + length - 1, width


RUNS = st.lists(st.builds(run_of, st.integers(0, 3), st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=3)


def after_each_other(runs: Sequence[cells.Run]) -> tuple[cells.Run, ...]:
    """The same runs with nothing in common; the last part of each may be cut off."""
    placed, free = list[cells.Run](), 0
    for low, high, width in runs:
        placed.append((free + low, free + high, width))
        free += high + 1
    return tuple(placed)


def parts(runs: Sequence[cells.Run]) -> list[cells.Part]:
    return [(start, min(start + width - 1, high)) for low, high, width in runs for start in range(low, high + 1, width)]


@settings(max_examples=500)
@given(RUNS.map(after_each_other).flatmap(st.permutations), RUNS.map(after_each_other).flatmap(st.permutations))
@example([(0, 9, 2)], [(0, 8, 2)])
@example([(0, 1, 2), (2, 3, 2)], [(0, 3, 2)])
@example([(0, 3, 4)], [(0, 3, 9)])
def test_what_is_found_by_runs_is_the_first_of_all_parts(one: list[cells.Run], other: list[cells.Run]) -> None:
    """Against every part of the one beside every part of the other, which took 5 ms for each result remembered."""
    meeting = [(a, b) for a in parts(one) for b in sorted(parts(other)) if a[0] <= b[1] and b[0] <= a[1]]
    assert cells._overlap(tuple(one), tuple(other)) == next(iter(meeting), None)
    unlike = next((pair for pair in meeting if pair[0] != pair[1]), None)
    assert cells._overlap(tuple(one), tuple(other), unequal=True) == unlike


def members(over: Mapping[str, Sequence[cells.Run]]) -> Iterator[frozenset[tuple[int, int]]]:
    """Each cell as the set of its records, of two columns with values below 40."""
    parts = [
        [range(start, start + width) for low, high, width in over[column] for start in range(low, high + 1, width)]
        if column in over
        else [range(40)]
        for column in "ab"
    ]
    for chosen in itertools.product(*parts):
        yield frozenset(itertools.product(*chosen))  # type: ignore[arg-type]  # of two columns always


# What can be computed from several results over the same data


def opened(question: Asked, parameters: Mapping[str, Any], table: Table) -> list[list[int]]:
    """What a result opens, as weights of the pieces; in plain Python, as docs/privacy.md says it."""

    def enough(pieces: Iterable[int]) -> bool:
        own = [sum(row[piece] for piece in pieces) for row in table]
        return sum(own) >= question.minimum_cell and sum(map(bool, own)) >= question.minimum_contributors

    if question.analysis == "hotspots/1":
        areas = [area - FIRST for area in analyses.hotspots._areas(parameters)]  # type: ignore[attr-defined]
        return [weights([area]) for area in areas if enough([area])]
    low, high, bins = (parameters[name] for name in ("low", "high", "bins"))
    shift = low - FIRST
    parts = [range(a + shift, b + shift) for a, b in analyses.descriptive._bins(parameters)]  # type: ignore[attr-defined]
    kept = [weights(part) for part in parts if enough(part)]
    whole = range(low - FIRST, high - FIRST + 1)
    rest = [piece for part in parts if not enough(part) for piece in part]
    nothing = not sum(row[piece] for row in table for piece in rest)
    if enough(whole) and (nothing or (high - low + 1 >= 2 * bins and enough(rest))):
        if analyses.descriptive._has_sums(parameters):  # type: ignore[attr-defined]
            kept += [[piece**power if piece in whole else 0 for piece in range(PIECES)] for power in (1, 2)]
        kept.append(weights(whole))
    return kept


def weights(pieces: Iterable[int]) -> list[int]:
    there = set(pieces)
    return [int(piece in there) for piece in range(PIECES)]


def follows(known: list[list[int]]) -> Iterator[tuple[int, ...]]:
    """Unions of pieces of which the count follows from what is `known`, by any linear combination."""
    basis: list[list[Fraction]] = []

    def reduced(row: Sequence[int]) -> list[Fraction]:
        left = [Fraction(value) for value in row]
        for one in basis:
            place = next(i for i, value in enumerate(one) if value)
            left = [a - left[place] * b / one[place] for a, b in zip(left, one, strict=True)]
        return left

    for row in known:
        if any(left := reduced(row)):
            basis.append(left)
    for union in itertools.product((0, 1), repeat=len(known[0]) if known else 0):
        if any(union) and not any(reduced(union)):
            yield union


def too_small(known: list[list[int]], table: Table, minimum: int) -> list[tuple[int, ...]]:
    """Unions that follow and of which the count is below the minimum, and not nothing."""
    found = []
    for union in follows(known):
        count = sum(row[piece] for row in table for piece in range(PIECES) if union[piece])
        if 0 < count < minimum:
            found.append(union)
    return found


SPANS = st.tuples(st.integers(FIRST, FIRST + PIECES - 1), st.integers(FIRST, FIRST + PIECES - 1)).map(sorted)


@st.composite
def question(draw: Any) -> tuple[str, dict[str, Any], int]:
    low, high = draw(SPANS)
    minimum = draw(st.sampled_from((4, 6)))
    if draw(st.booleans()):
        return "hotspots/1", {"areas": [f"{low}-{high}"]}, minimum
    bins = draw(st.integers(1, high - low + 1))
    return "descriptive/1", {"field": COLUMN, "low": low, "high": high, "bins": bins}, minimum


TABLES = st.lists(st.lists(st.integers(0, 4), min_size=PIECES, max_size=PIECES), min_size=3, max_size=3)


def answered(asks: Sequence[tuple[str, dict[str, Any], int]], table: Table, ruled: bool) -> tuple[list[list[int]], int]:
    """What follows of all that are answered one after the other, and the smallest minimum among them."""
    before: list[Asked] = []
    known: list[list[int]] = []
    smallest = 1000
    for analysis, given_parameters, minimum in asks:
        parameters = analyses.find(analysis).parameters(given_parameters)
        now = Asked(analysis, str(parameters), analyses.cells_of(analysis, parameters), minimum, 2)
        if ruled and any(cells.apart(one, now) for one in before):
            continue
        before.append(now)
        known += opened(now, parameters, table)
        smallest = min(smallest, minimum)
    return known, smallest


NINE = ("descriptive/1", {"field": COLUMN, "low": FIRST, "high": FIRST + 5, "bins": 2}, 6)
EIGHT = ("descriptive/1", {"field": COLUMN, "low": FIRST, "high": FIRST + 5, "bins": 3}, 6)
SINGLE = ("hotspots/1", {"areas": [f"{FIRST}-{FIRST + 5}"]}, 6)
TOTAL = ("descriptive/1", {"field": COLUMN, "low": FIRST, "high": FIRST + 5, "bins": 1}, 6)
LOWER = ("descriptive/1", {"field": COLUMN, "low": FIRST, "high": FIRST + 5, "bins": 3}, 4)
EVEN = [[4, 4, 1, 4, 4, 4, 0], [4, 4, 0, 4, 4, 4, 0], [4, 4, 0, 4, 4, 4, 0]]
LEFT = [[2, 1, 1, 0, 4, 4, 0], [1, 0, 0, 1, 4, 4, 0], [0, 0, 0, 0, 4, 4, 0]]


@settings(max_examples=150, deadline=None)
@given(st.lists(question(), min_size=1, max_size=6), TABLES)
@example([NINE, EIGHT], EVEN)
@example([SINGLE, TOTAL], EVEN)
@example([TOTAL, SINGLE], EVEN)
@example([EIGHT, LOWER], LEFT)
@example([LOWER, EIGHT], LEFT)
def test_no_combination_of_allowed_results_over_the_same_data_tells_of_less_than_the_minimum(
    asks: list[tuple[str, dict[str, Any], int]], table: Table
) -> None:
    """Whatever is asked in whatever order: by linear algebra over all numbers that were opened."""
    assert too_small(*_with(answered(asks, table, ruled=True), table)) == []


def _with(found: tuple[list[list[int]], int], table: Table) -> tuple[list[list[int]], Table, int]:
    return found[0], table, found[1]


@pytest.mark.parametrize(("asks", "table"), [([NINE, EIGHT], EVEN), ([SINGLE, TOTAL], EVEN), ([EIGHT, LOWER], LEFT)])
def test_without_the_rule_the_same_results_tell_of_one_piece(asks: Any, table: Table) -> None:
    """Other bins, a total beside its parts, the same cells with a lower minimum: a count below the minimum follows."""
    assert too_small(*_with(answered(asks, table, ruled=False), table))
    for ask in asks:
        assert not too_small(*_with(answered([ask], table, ruled=False), table)), "each by itself is fine"


@pytest.mark.parametrize(
    ("values", "bins", "told"), [(4, 1, True), (5, 1, False), (8, 2, False), (8, 4, True), (10, 2, False)]
)
def test_sums_over_bins_of_five_values_and_more_tell_of_no_count(values: int, bins: int, told: bool) -> None:
    """`told`: a count of some values follows that is no union of bins, so that no sums may be opened there."""
    parameters = analyses.find("descriptive/1").parameters({"field": "x", "low": 0, "high": values - 1, "bins": bins})
    parts = analyses.descriptive._bins(parameters)  # type: ignore[attr-defined]
    known = [[int(start <= value < stop) for value in range(values)] for start, stop in parts]
    unions = len(set(follows(known)))
    known += [[value**power for value in range(values)] for power in (1, 2)]
    assert (len(set(follows(known))) > unions) is told
    assert not (told and analyses.descriptive._has_sums(parameters))  # type: ignore[attr-defined]
