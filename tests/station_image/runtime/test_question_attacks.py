"""Who tries to learn more from a question than it tells; each attack is also seen to work with its defence off."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.stations import Proposal, wait_until
from tests.station_image.runtime.agreed import AREAS, ELSEWHERE, MEMBERS, PLANTED, PLANTED_TOTALS, Agreed

pytestmark = pytest.mark.slow
COMPUTING = MEMBERS[:3]
LIAR = "huisarts"
WITHOUT_LIAR = {4: PLANTED_TOTALS[4] - PLANTED[4][-1]}
"""What the honest four have: in area 31 it is one case too few."""
OUTSIDE = "its inputs are outside what the analysis takes"
HIGHEST = 2**10 - 1


def hurt(agreed: Agreed, part: str, sabotage: str, members: Iterable[str]) -> None:
    for member in members:
        agreed[member].restart(part, sabotage=sabotage)
    agreed.region.wait_for(agreed["huisarts"])


# A contributor that lies


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("five_in_a_bit", OUTSIDE),
        ("lifts_and_counts_for_two", OUTSIDE),
        ("two_polynomials", "its shares do not belong together"),
    ],
)
def test_a_contributor_whose_numbers_are_no_counts_is_left_out_and_named(agreed: Agreed, attack: str, why: str) -> None:
    hurt(agreed, "agent", attack, [LIAR])
    answer = agreed.ask()
    assert answer["exit"] == 1, answer
    assert answer["left_out"] == {agreed[LIAR].id: why}
    assert agreed.opened(answer) == WITHOUT_LIAR


@pytest.mark.soak
def test_without_the_check_of_inputs_five_in_a_bit_is_counted(agreed: Agreed) -> None:
    hurt(agreed, "agent", "five_in_a_bit", [LIAR])
    hurt(agreed, "computer", "no_input_check", COMPUTING)
    assert agreed.opened(agreed.ask())[4] == PLANTED_TOTALS[4] + 4


@pytest.mark.soak
def test_without_the_check_of_inputs_who_counts_for_two_reads_what_another_has(agreed: Agreed) -> None:
    hurt(agreed, "agent", "lifts_and_counts_for_two", [LIAR])
    hurt(agreed, "computer", "no_input_check", COMPUTING)
    assert agreed.opened(agreed.ask())[10] - HIGHEST == ELSEWHERE[10][0]


@pytest.mark.soak
def test_without_both_checks_two_polynomials_spoil_the_result(agreed: Agreed) -> None:
    hurt(agreed, "agent", "two_polynomials", [LIAR])
    hurt(agreed, "computer", "no_degree_check+no_input_check", COMPUTING)
    answer = agreed.ask()
    assert answer["exit"] == 4 or agreed.opened(answer) != PLANTED_TOTALS


def test_nobody_lifts_a_cell_over_the_minimum_alone(agreed: Agreed) -> None:
    """What it says is within its cap, so that it is no lie that can be found: the cell stays suppressed."""
    hurt(agreed, "agent", "lifts_alone", [LIAR])
    answer = agreed.ask()
    assert answer["exit"] == 0, answer
    assert agreed.opened(answer) == PLANTED_TOTALS


@pytest.mark.soak
def test_without_presence_who_lifts_a_cell_alone_reads_what_another_has(agreed: Agreed) -> None:
    hurt(agreed, "agent", "lifts_alone", [LIAR])
    hurt(agreed, "computer", "no_presence", COMPUTING)
    assert agreed.opened(agreed.ask())[10] - HIGHEST == ELSEWHERE[10][0]


# A pair of results that tells about one


def one_case_more(agreed: Agreed) -> None:
    agreed.put("yunio", agreed.cases("yunio", [4]))


def one_organisation_less(agreed: Agreed) -> None:
    agreed.allowance("yunio").unlink()


def another_question_with_one_organisation_less(agreed: Agreed) -> None:
    """Twenty areas more, so that it does not differ too little in these."""
    agreed.everywhere(parameters={"areas": [f"{agreed.first}-{agreed.first + AREAS + 19}"]})
    one_organisation_less(agreed)


CHANGES = [one_case_more, one_organisation_less, another_question_with_one_organisation_less]


@pytest.mark.parametrize("change", CHANGES)
def test_a_repeated_question_that_differs_in_one_organisation_is_not_answered(agreed: Agreed, change: Any) -> None:
    assert agreed.ask()["exit"] == 0
    change(agreed)
    again = agreed.ask()
    assert again["exit"] == 4
    said = f"contributors: its result would differ from an earlier one in 1 organisations ({agreed['yunio'].id}) only"
    assert again["reason"] == said


@pytest.mark.soak
@pytest.mark.parametrize("change", CHANGES)
def test_without_that_rule_the_difference_of_two_results_is_what_the_one_has(agreed: Agreed, change: Any) -> None:
    hurt(agreed, "computer", "no_differencing", COMPUTING)
    before = agreed.opened(agreed.ask())
    change(agreed)
    after = agreed.opened(agreed.ask())
    assert abs(after[4] - before[4]) == (1 if change is one_case_more else PLANTED[4][3])


def whole_of_the_areas(agreed: Agreed) -> None:
    """Another question about the same cases: how many there are in all areas together."""
    whole = {"field": "postcode4", "low": agreed.first, "high": agreed.first + AREAS - 1, "bins": 1}
    agreed.everywhere(analysis="descriptive/1", parameters=whole)


def test_a_total_beside_its_areas_is_contributed_to_by_nobody(agreed: Agreed) -> None:
    """The total less the areas that were opened is what the suppressed areas have."""
    session = agreed.ask()["session"]
    for member in ("yunio", "huisarts"):
        agreed.until_entered(member, session, "receipt")
    whole_of_the_areas(agreed)
    proposal = agreed.propose()
    answer = proposal.answer()
    assert answer["exit"] == 4
    assert answer["reason"] == "0 contributors, at least 3 must be"
    cells = f"postcode4 {agreed.first}-{agreed.first + AREAS - 1} beside postcode4 {agreed.first}"
    said = {event["station"]: event["reason"] for event in proposal.events if event.get("event") == "contributor"}
    assert said.keys() == {agreed[member].id for member in MEMBERS}
    for why in said.values():
        assert f"cells: {cells} of {agreed.name} of " in why
        assert why.endswith("can be subtracted; ask for equal cells and minima, or after 3 brought new data, not 0")


def test_where_contributors_do_not_hold_to_it_the_computing_parties_do(agreed: Agreed) -> None:
    hurt(agreed, "agent", "no_own_cells", MEMBERS)
    assert agreed.ask()["exit"] == 0
    whole_of_the_areas(agreed)
    answer = agreed.ask()
    assert answer["exit"] == 4
    assert answer["reason"].startswith(f"cells: postcode4 {agreed.first}-{agreed.first + AREAS - 1} beside")


def test_where_the_computing_parties_do_not_hold_to_that_rule_the_other_contributors_do(agreed: Agreed) -> None:
    hurt(agreed, "agent", "no_differencing", COMPUTING)
    session = agreed.ask()["session"]
    for member in ("yunio", "huisarts"):
        agreed.until_entered(member, session, "receipt")
    whole_of_the_areas(agreed)
    answer = agreed.ask()
    assert answer["exit"] == 4
    assert f"2 organisations ({agreed['huisarts'].id}, {agreed['yunio'].id})" in answer["reason"]


@pytest.mark.soak
def test_where_nobody_holds_to_it_the_total_tells_what_suppressed_areas_have(agreed: Agreed) -> None:
    hurt(agreed, "agent", "no_differencing", MEMBERS)
    areas = agreed.opened(agreed.ask())
    whole_of_the_areas(agreed)
    total = agreed.ask()["result"]["count"]
    assert total - sum(areas.values()) == sum(sum(counts) for counts in ELSEWHERE.values())


def test_one_area_more_is_answered_it_is_a_cell_of_its_own(agreed: Agreed) -> None:
    assert agreed.ask()["exit"] == 0
    agreed.everywhere(parameters={"areas": [f"{agreed.first}-{agreed.first + AREAS}"]})
    assert agreed.opened(agreed.ask()) == PLANTED_TOTALS


def _both(agreed: Agreed) -> tuple[Proposal, dict[str, Any]]:
    """Ask while the same is being answered; the files of the other question are the same."""
    other = agreed.asked(question=f"{agreed.name}-b")
    agreed.deliver(agreed.asked(), other)
    agreed.allow(other)
    for member in MEMBERS:
        agreed.put(member, agreed.cases(member), other["question"])
    # The session waits for a contributor that is away, so that it surely still runs.
    agreed["huisarts"].kill("agent")
    first = agreed.propose()
    first.until("accepted")
    second = agreed.propose(other["question"])
    try:
        if not any(event.get("event") == "accepted" for event in second.until("accepted", "done")):
            return first, second.events[-1]
        return first, {"exit": 0}
    finally:
        agreed["huisarts"].start("agent")


def test_two_questions_about_the_same_are_not_answered_at_once(agreed: Agreed) -> None:
    first, second = _both(agreed)
    assert second["exit"] == 3
    said = "session: a question about some of the same is being answered; ask again after it"
    assert second["reasons"] == {agreed[member].id: said for member in COMPUTING}
    assert first.answer()["exit"] == 0


@pytest.mark.soak
def test_without_that_rule_they_are(agreed: Agreed) -> None:
    hurt(agreed, "agent", "no_scope", COMPUTING)
    first, second = _both(agreed)
    assert second["exit"] == 0
    first.answer()


# A session's process


def test_a_session_holds_its_connections_and_nothing_else(agreed: Agreed) -> None:
    """No key, no data, no allowance and no socket of a peer is open in it, or in what it was forked from."""
    agreed["huisarts"].kill("agent")
    proposal = agreed.propose()
    proposal.until("accepted")
    station = agreed["gelre"]
    wait_until(station.children, "a session's process")
    for pid in (station.processes["computer"].pid, *station.children()):
        files = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}  # noqa: PTH115
        named = {name for name in files if not name.startswith(("socket:", "anon_inode:"))}
        assert named == {"/dev/null", str(station.root / "computer.log")}
    agreed["huisarts"].start("agent")
    proposal.answer()
