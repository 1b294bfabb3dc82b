"""What one lying computing party opens that was to stay hidden, though every check of shares passes.

It adds a number of its own to its share of a product before that is shared anew. What it shares is a sharing like any
other, of another number, so no check of degrees finds it; and products are not verified. docs/privacy.md says so.
These tests tell what is true today, not what should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from station_image.runtime.analyses import AnalysisError, Source, hotspots
from station_image.runtime.data import shares
from tests.station_image.runtime.analyses.parties import Job, Parties

AREA = 7001
LIAR = 1


@pytest.fixture(scope="module")
def covering() -> Iterator[Parties]:
    """One party helps a contributor through the check of inputs."""
    found = Parties({LIAR: "covers_a_five"})
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def lying() -> Iterator[Parties]:
    """One party adds 1 to whether the first area may be opened."""
    found = Parties({LIAR: "adds_to_what_is_open"})
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def honest() -> Iterator[Parties]:
    found = Parties()
    try:
        yield found
    finally:
        found.stop()


def ran(parties: Parties, counts: Sequence[int], size: int, five: str = "") -> tuple[Job, Any]:
    """A session on one area in which contributors have so many cases; minima of 10 cases and 3 organisations.

    The contributor `five` shares 5 as the lowest bit of its count.
    """
    parameters = hotspots.parameters({"areas": [str(AREA)]})
    people = {f"n.{number}": [(AREA,)] * count for number, count in enumerate(counts)}
    numbers = {name: hotspots.numbers(Source("", name, parameters), rows) for name, rows in people.items()}
    if five:
        numbers[five][0] = 5
    job = Job("hotspots/1", parameters, numbers, size)
    return job, parties.run(job).ends


def read(job: Job, ends: Any) -> list[int]:
    """What a result party that does not care for the rules has in its hands."""
    rows = [shares.unpack(row, len(row) // shares.WIDTH) for _, row in ends]
    return shares.recombine(rows, job.plan["threshold"])


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_opens_a_total_of_too_few_organisations_to_every_result_party(
    lying: Parties, honest: Parties, size: int
) -> None:
    """The figure of one organisation alone, in the result of a result party that checks all that it can check."""
    job, ends = ran(honest, (12, 0, 0), size)
    assert job.outcome(ends)["areas"] == []
    job, ends = ran(lying, (12, 0, 0), size)
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 12}]


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_opens_a_total_below_the_minimum_to_a_result_party_that_it_is(
    lying: Parties, honest: Parties, size: int
) -> None:
    """An honest result party refuses the whole result; one that is, or helps, the liar has read the total by then."""
    job, ends = ran(honest, (4, 3, 2), size)
    assert read(job, ends) == [0, 0]
    job, ends = ran(lying, (4, 3, 2), size)
    assert read(job, ends) == [9, 1]
    with pytest.raises(AnalysisError, match="a computing party did not do its part"):
        job.outcome(ends)


def test_nobody_else_in_the_session_notices(lying: Parties) -> None:
    """Every computing party ends as after an honest session, and the same contributors count at all of them."""
    _, ends = ran(lying, (12, 0, 0), 3)
    assert {done["event"] for done, _ in ends} == {"done"}
    assert [done["contributors"] for done, _ in ends] == [["n.0", "n.1", "n.2"]] * 3
    assert [done["left_out"] for done, _ in ends] == [{}] * 3


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_helps_a_contributor_past_the_check_that_a_count_is_a_count(
    covering: Parties, honest: Parties, size: int
) -> None:
    """Comparisons are right only for what passed that check, and minima hold only where comparisons are right."""
    job, ends = ran(honest, (4, 4, 4, 4), size, five="n.2")
    assert job.outcome(ends)["left_out"] == {"n.2": "its inputs are outside what the analysis takes"}
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 12}]
    job, ends = ran(covering, (4, 4, 4, 4), size, five="n.2")
    assert job.outcome(ends)["left_out"] == {}
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 21}], "16, and 5 for a bit that was 0"
