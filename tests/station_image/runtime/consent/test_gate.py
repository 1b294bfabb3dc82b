"""Whether this station takes part: the plan, the steward, the register, and what was opened before, in that order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent.plan import Plan
from tests.station_image.runtime import questions
from tests.station_image.runtime.neighbours import Own, data_plan, deliver, plain_plan
from tests.station_image.runtime.views import Small


@pytest.fixture
def own(tmp_path: Path) -> Own:
    """n.b, whose steward allows the question once a day."""
    small = Small.make(tmp_path)
    own = Own(small, "n.b", tmp_path / "station")
    deliver(small, {"n.b": own.folders.allowances}, at_most="daily")
    return own


def proposed(own: Own) -> Plan:
    return data_plan(own.small.networks("n.a").find("n"))


def test_a_session_without_data_needs_nobodys_consent(own: Own) -> None:
    (own.folders.allowances / f"n~{questions.NAME}.json").unlink()
    own.gate.check(own.network, plain_plan(own.small.networks("n.a").find("n")))


def test_what_its_steward_allows_goes_on_until_it_is_taken_back(own: Own) -> None:
    own.gate.check(own.network, proposed(own))
    (own.folders.allowances / f"n~{questions.NAME}.json").unlink()
    with pytest.raises(RefusedError, match="the steward here does not allow griep"):
        own.gate.check(own.network, proposed(own))


def test_a_plan_that_is_not_the_accepted_one_is_refused_whatever_the_steward_allows(own: Own) -> None:
    with pytest.raises(RefusedError, match="minimum_cell: not as in the question"):
        own.gate.check(own.network, dataclasses.replace(proposed(own), minimum_cell=5))


def test_nothing_is_computed_while_a_computing_party_is_cut_and_it_is_named_before_anything_else(own: Own) -> None:
    """Neither a question nor acceptance: with fewer parties the threshold would fall."""
    before = own.small.networks("n.a").find("n")
    own.small.write("n.b", **own.small.without("n.b", "n.c"))
    (own.folders.allowances / f"n~{questions.NAME}.json").unlink()
    for agreed in (data_plan(before), plain_plan(before), dataclasses.replace(plain_plan(before), protocol=1)):
        with pytest.raises(RefusedError, match=r"^cannot compute: c is cut, .*; once n has a new certificate"):
            own.gate.check(own.network, agreed)
    with pytest.raises(RefusedError, match=r"^cannot compute: c is cut, "):
        plain_plan(own.network)


def test_a_contributor_that_is_cut_is_said_to_be(own: Own) -> None:
    before = own.small.networks("n.a").find("n")
    own.small.write("n.b", **own.small.without("n.b", "n.d"))
    with pytest.raises(RefusedError, match=r"^n.d is cut: its keys are not, or no longer, accepted here$"):
        own.gate.check(own.network, plain_plan(before))


def test_a_register_that_is_not_sound_stops_questions_and_not_sessions_without_data(own: Own) -> None:
    own.register.problem = "entry 2 is not as it was written"
    with pytest.raises(RefusedError, match="register: entry 2 is not as it was written"):
        own.gate.check(own.network, proposed(own))
    own.gate.check(own.network, plain_plan(own.small.networks("n.a").find("n")))


def test_what_was_opened_before_stops_the_next_of_its_day(own: Own) -> None:
    own.opened.add(proposed(own), {})
    with pytest.raises(RefusedError, match="at_most: griep may run daily at most"):
        own.gate.check(own.network, proposed(own))


def test_a_question_that_was_not_delivered_is_not_allowed(own: Own) -> None:
    with pytest.raises(RefusedError, match="question: none of the name 'anders' was delivered"):
        own.gate.permitted(own.network, "anders")
