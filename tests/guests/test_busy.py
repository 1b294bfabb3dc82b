"""A guest on a busy server and on a hardened one: the station works, people get in, and nothing of the owner's ends."""

from __future__ import annotations

import json

import pytest

from tests.guests import busy, hardened, people
from tests.guests.house import House
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_doctor_says_it_beforehand,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SITUATIONS = (*busy.SITUATIONS, *hardened.SITUATIONS)
LOCALE = {"LC_ALL": "C"}  # the operator's, and all that a machine without languages has
LIVING = [one for one in SITUATIONS if not one.refused]


@pytest.mark.parametrize("situation", LIVING, ids=lambda one: one.name)
def test_people_log_in_and_bring_a_file_after_a_reboot_too(guests: House, situation: Situation) -> None:
    _ = guests.verified
    people.come_in(guests.servers[situation.name], "-o", "LogLevel=ERROR")  # a banner is no error


@pytest.mark.parametrize("situation", [one for one in LIVING if one.name == "busy-ufw"], ids=lambda one: one.name)
def test_verify_says_of_settings_of_sshd_that_something_removed_what_to_do(guests: House, situation: Situation) -> None:
    assert guests.verified is not None, "this comes last: it spoils what the others look at"
    guests.root(situation.name, "rm /etc/ssh/sshd_config.d/0-werkplaats.conf")
    done = guests.network.run("verify", "--json", "--only", situation.name, expect=1)
    reasons = [one["reason"] for one in json.loads(done.stdout)["verdicts"] if one["kind"] == "check"]
    assert any("0-werkplaats.conf is gone: something removes what is not its own" in reason for reason in reasons)
