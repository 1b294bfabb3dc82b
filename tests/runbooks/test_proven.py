"""Every incident is caused by a test of faults, and the guide has what came of that."""

from __future__ import annotations

from runbooks.drills import causes
from runbooks.framework import found
from tests.docs import documents
from tests.faults import incidents, not_here
from tests.faults.told import results, rows

GUIDE = documents.ROOT / "docs" / "incidents.md"


def test_every_incident_is_caused_by_a_test_or_it_is_said_why_not() -> None:
    caused = {incident for incident, _ in results.every()}
    assert caused | {name for name, _, _ in not_here.NOT_HERE} == {*found.names()}


def test_the_guide_has_a_row_for_every_incident_that_is_caused_and_for_each_that_cannot_be() -> None:
    lines = documents.table(GUIDE, "What came of each when it was caused")
    caused = [[*one] for one in results.every()]
    cannot = [[name, how] for name, how, _ in not_here.NOT_HERE]
    assert [line[:2] for line in lines] == caused + cannot
    for row, (name, _, why) in zip(lines[len(caused) :], not_here.NOT_HERE, strict=True):
        assert row[2] == f"not caused here: {why}", name


def test_what_was_caused_was_named_as_that_and_mended() -> None:
    by_people = {(row.incident, row.how) for row in rows.EVERY if not row.found}
    for row in documents.table(GUIDE, "What came of each when it was caused")[: len([*results.every()])]:
        incident, how, by, found_in, diagnosed, recovered, lost = row
        if by == incidents.NOT_RUN:
            assert not any((found_in, diagnosed, recovered, lost)), how
            continue
        assert (by == results.PEOPLE) is ((incident, how) in by_people), how
        assert diagnosed == ("" if by == results.PEOPLE else incident), how
        assert by == results.PEOPLE or float(found_in) > 0, how
        assert float(recovered) > 0, how
        assert lost, how


def test_a_drill_causes_only_what_was_seen_to_be_found_and_mended() -> None:
    lines = documents.table(GUIDE, "What came of each when it was caused")
    seen = {(row[0], row[1]) for row in lines if row[4] == row[0]}
    assert {(one.incident, one.how) for one in causes.CAUSES} <= seen
