"""What one lying computing party would open that was to stay hidden, though every check of shares passes.

It adds a number of its own to its share of a product before that is shared anew. What it shares is a sharing like any
other, of another number, so no check of degrees finds it. Products are verified, so it ends the session instead; each
attack is also seen to work among parties that do not verify.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from station_image.runtime.analyses import AnalysisError, Source, hotspots
from station_image.runtime.data import shares
from tests.station_image.runtime.analyses.parties import MOST_PARTIES, Job, Parties

AREA = 7001
LIAR = 1


TRUSTING = "no_verification"


def among_trusting(lie: str) -> Parties:
    return Parties({number: f"{lie}+{TRUSTING}" if number == LIAR else TRUSTING for number in range(MOST_PARTIES)})


@pytest.fixture(scope="module")
def covering_trusting() -> Iterator[Parties]:
    """One party helps a contributor through the check of inputs; nobody verifies."""
    found = among_trusting("covers_a_five")
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def lying_trusting() -> Iterator[Parties]:
    """One party adds 1 to whether the first area may be opened; nobody verifies."""
    found = among_trusting("adds_to_what_is_open")
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def lying() -> Iterator[Parties]:
    """The same among parties that verify."""
    found = Parties({LIAR: "adds_to_what_is_open"})
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def covering() -> Iterator[Parties]:
    """The same among parties that verify."""
    found = Parties({LIAR: "covers_a_five"})
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


def ended(parties: Parties, counts: Sequence[int], size: int, five: str = "") -> None:
    """The session ends at every party, which brings nothing to a result party, for a product that is wrong."""
    with pytest.raises(AssertionError, match="a product is not what it says"):
        ran(parties, counts, size, five)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_opens_no_total_of_too_few_organisations(
    lying: Parties, lying_trusting: Parties, honest: Parties, size: int
) -> None:
    """The gain: the figure of one organisation alone, in the result of a result party that checks all that it can."""
    job, ends = ran(honest, (12, 0, 0), size)
    assert job.outcome(ends)["areas"] == []
    job, ends = ran(lying_trusting, (12, 0, 0), size)
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 12}]
    ended(lying, (12, 0, 0), size)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_opens_no_total_below_the_minimum(
    lying: Parties, lying_trusting: Parties, honest: Parties, size: int
) -> None:
    """The gain: an honest result party refuses the result; one that is, or helps, the liar has read it by then."""
    job, ends = ran(honest, (4, 3, 2), size)
    assert read(job, ends) == [0, 0]
    job, ends = ran(lying_trusting, (4, 3, 2), size)
    assert read(job, ends) == [9, 1]
    with pytest.raises(AnalysisError, match="a computing party did not do its part"):
        job.outcome(ends)
    ended(lying, (4, 3, 2), size)


def test_nobody_notices_who_does_not_verify(lying_trusting: Parties) -> None:
    """Every computing party ends as after an honest session, and the same contributors count at all of them."""
    _, ends = ran(lying_trusting, (12, 0, 0), 3)
    assert {done["event"] for done, _ in ends} == {"done"}
    assert [done["contributors"] for done, _ in ends] == [["n.0", "n.1", "n.2"]] * 3
    assert [done["left_out"] for done, _ in ends] == [{}] * 3


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_lying_computing_party_helps_no_contributor_past_the_check_that_a_count_is_a_count(
    covering: Parties, covering_trusting: Parties, honest: Parties, size: int
) -> None:
    """Comparisons are right only for what passed that check, and minima hold only where comparisons are right."""
    job, ends = ran(honest, (4, 4, 4, 4), size, five="n.2")
    assert job.outcome(ends)["left_out"] == {"n.2": "its inputs are outside what the analysis takes"}
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 12}]
    job, ends = ran(covering_trusting, (4, 4, 4, 4), size, five="n.2")
    assert job.outcome(ends)["left_out"] == {}
    assert job.outcome(ends)["areas"] == [{"area": str(AREA), "cases": 21}], "16, and 5 for a bit that was 0"
    ended(covering, (4, 4, 4, 4), size, five="n.2")
