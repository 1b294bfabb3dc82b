"""The acceptance sum: right only for what everybody can derive."""

from __future__ import annotations

from station_image.runtime import analyses
from station_image.runtime.analyses import acceptance_sum


def test_the_acceptance_sum_is_right_only_for_the_inputs_that_everybody_can_derive() -> None:
    session, people, field = "ab" * 16, ("n.a", "n.b"), 2**96 - 17
    rows = [acceptance_sum.numbers(analyses.Source(session, name, {}), []) for name in people]
    assert rows[0] != rows[1]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    squares = [sum(value**2 for value in column) for column in zip(*rows, strict=True)]
    chain = (sums[0] ** 2 + 1) % field
    for values, public, correct in (
        ((*sums, *squares), (chain,), True),
        ((sums[0] + 1, *sums[1:], *squares), (chain,), False),
        ((*sums, *squares), (chain + 1,), False),
        ((*sums, *squares), (), False),
    ):
        opened = analyses.Opened(session, {"rounds": 1}, people, tuple(values), public, field)
        assert acceptance_sum.outcome(opened)["correct"] is correct
