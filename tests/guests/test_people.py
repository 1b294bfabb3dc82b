"""A guest on a server whose ssh, accounts or sources its owner has set: the station works, people get in."""

from __future__ import annotations

import json

import pytest

from tests.guests import judged, owned, people, sources
from tests.guests.house import House
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
SITUATIONS = (*people.SITUATIONS, *owned.SITUATIONS, *sources.SITUATIONS)
PEOPLE = [one for one in SITUATIONS if "people" in one.entry and not one.refused]


@pytest.mark.parametrize("situation", PEOPLE, ids=lambda one: one.name)
def test_people_log_in_and_bring_a_file(guests: House, situation: Situation) -> None:
    """What `verify` calls good, done by the people themselves."""
    _ = guests.up
    people.come_in(guests.servers[situation.name])


@pytest.mark.parametrize("situation", owned.SITUATIONS, ids=lambda one: one.name)
def test_doctor_gives_the_sheet_of_what_the_owner_has_to_set(guests: House, situation: Situation) -> None:
    judged.test_doctor_says_it_beforehand(guests, situation)


@pytest.mark.parametrize("situation", [one for one in owned.SITUATIONS if not one.refused], ids=lambda one: one.name)
def test_verify_says_of_what_its_owner_sets_otherwise_later_what_to_set(guests: House, situation: Situation) -> None:
    assert guests.verified is not None, "this comes last: it spoils what the others look at"
    guests.root(situation.name, owned.LATER)
    done = guests.network.run("verify", "--json", "--only", situation.name, expect=1)
    reasons = [one["reason"] for one in json.loads(done.stdout)["verdicts"] if one["kind"] == "check"]
    for said in owned.FOUND_LATER:
        assert any(said in reason for reason in reasons), [reason for reason in reasons if reason]
