"""The analyses, by all parties in one loop: right among the honest, and ended by a liar at every resharing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from station_image.runtime import analyses
from station_image.runtime.data import shares
from station_image.runtime.mpc.mesh import PartyLostError
from station_image.runtime.mpc.rows import Rows
from station_image.runtime.mpc.run import Run
from station_image.runtime.mpc.verified.products import Verified
from tests.station_image.runtime.mpc.verified.parties import ran
from tests.station_image.runtime.mpc.verified.test_lies import LIAR, Lying

COIN = bytes(32)


def analysed(
    name: str,
    given: Mapping[str, Any],
    numbers: Mapping[str, Sequence[int]],
    size: int = 3,
    kinds: Mapping[int, type[Verified]] | None = None,
) -> list[Any]:
    """What each party has at the end: contributors that its check found, and its `Shared`."""
    analysis = analyses.find(name)
    parameters = analysis.parameters(given)
    plan = {"parameters": parameters, "minimum_cell": 10, "minimum_contributors": 3}
    split = [shares.split(row, (size - 1) // 2, size) for row in numbers.values()]

    async def remembered() -> None:
        return None

    async def work(party: Verified) -> Any:
        own = Rows.of([rows[party.number] for rows in split])
        bad = await analysis.check(Run(party, plan, list(numbers), own, COIN))
        return bad, await analysis.compute(Run(party, plan, list(numbers), own, COIN, remembered))

    return ran(size, work, kinds)


def values(ends: Sequence[Any], size: int = 3) -> list[int]:
    return shares.recombine([end[1].row for end in ends], (size - 1) // 2)


def counted(name: str, given: Mapping[str, Any], rows: Mapping[str, Sequence[tuple[int, ...]]]) -> dict[str, list[int]]:
    analysis = analyses.find(name)
    parameters = analysis.parameters(given)
    return {who: analysis.numbers(analyses.Source("", who, parameters), cases) for who, cases in rows.items()}


AREAS = {"areas": ["7001-7003"], "bits": 4}
CASES: dict[str, Sequence[tuple[int, ...]]] = {
    "n.0": [(7001,)] * 4 + [(7002,)] * 12 + [(7003,)] * 3,
    "n.1": [(7001,)] * 4 + [(7003,)] * 3,
    "n.2": [(7001,)] * 4 + [(7003,)] * 3,
}


@pytest.mark.parametrize("size", [3, 5, 7])
def test_hotspots_opens_what_suffices_and_finds_the_contributor_whose_bit_is_none(size: int) -> None:
    """Enough; of one organisation alone; below the minimum."""
    numbers = counted("hotspots/1", AREAS, CASES)
    ends = analysed("hotspots/1", AREAS, numbers, size)
    assert [end[0] for end in ends] == [[]] * size
    assert values(ends, size) == [12, 0, 0, 1, 0, 0]
    numbers["n.1"][0] = 5
    assert [end[0] for end in analysed("hotspots/1", AREAS, numbers, size)] == [[1]] * size


@pytest.mark.parametrize(
    ("ages", "moments"),
    [
        ([0] * 4 + [9] * 4, [24, 12 * 9, 12 * 81, 1]),
        ([0] * 4 + [9], [0, 0, 0, 0]),
        ([0] * 4, [12, 0, 0, 1]),
    ],
)
def test_descriptive_opens_the_whole_where_the_rest_may_be_known(ages: list[int], moments: list[int]) -> None:
    given = {"field": "age", "low": 0, "high": 9, "bins": 2, "bits": 4}
    rows = {f"n.{number}": [(age,) for age in ages] for number in range(3)}
    ends = analysed("descriptive/1", given, counted("descriptive/1", given, rows))
    high = 3 * ages.count(9)
    assert values(ends) == [12, high if high >= 10 else 0, 1, int(high >= 10), *moments]


def test_acceptance_sum_is_right_at_every_party() -> None:
    analysis = analyses.find("acceptance_sum/1")
    numbers = {who: analysis.numbers(analyses.Source("s", who, {}), ()) for who in ("n.0", "n.1", "n.2")}
    ends = analysed("acceptance_sum/1", {"rounds": 5}, numbers)
    opened = analyses.Opened(
        "s", {"rounds": 5}, tuple(numbers), tuple(values(ends)), tuple(ends[0][1].public), shares.FIELD
    )
    assert analysis.outcome(opened)["correct"]


LIES = 20
"""Resharings of three parties for `CASES`."""


@pytest.mark.parametrize("place", range(LIES + 1))
def test_a_lie_at_any_resharing_ends_hotspots_before_anything_that_depends_on_it(place: int) -> None:
    """The check's products, prefixes, whether a total is opened, the outcome, and all that verifies these."""
    lying = type("LyingAt", (Lying,), {"place": place})
    ends = analysed("hotspots/1", AREAS, counted("hotspots/1", AREAS, CASES), kinds={LIAR: lying})
    if place < LIES:
        assert all(isinstance(end, PartyLostError) for end in ends), ends
    else:
        assert values(ends) == [12, 0, 0, 1, 0, 0], "there is no resharing left to lie in"
