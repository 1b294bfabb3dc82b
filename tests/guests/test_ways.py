"""A guest on servers whose logins are as their owners like them, of an operator whose machine lacks its own locale."""

from __future__ import annotations

import json

import pytest

from tests.guests import people, translated, ways
from tests.guests.house import House
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)
from tests.guests.judged import test_doctor_says_it_beforehand as doctor_says_it_beforehand
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
SITUATIONS = (*ways.SITUATIONS, *translated.SITUATIONS)
# As of who logs in to a small machine from a Dutch laptop: ssh hands on the laptop's, and nobody generated it.
LOCALE = {"LC_ALL": "nl_NL.UTF-8", "LANG": "nl_NL.UTF-8", "LANGUAGE": "nl"}


def _named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("situation", [one for one in SITUATIONS if one.name == name], ids=[name])


@pytest.mark.parametrize("situation", [one for one in SITUATIONS if one.said], ids=lambda one: one.name)
def test_doctor_says_it_beforehand(guests: House, situation: Situation) -> None:
    doctor_says_it_beforehand(guests, situation)


@_named("prints-as-told")
def test_people_bring_a_file_where_sshd_prints_aside_and_verify_says_it_once_it_does_not(
    guests: House, situation: Situation
) -> None:
    assert guests.verified is not None, "this comes late: it spoils what the others look at"
    people.come_in(guests.servers[situation.name], aside=ways.SAID)
    guests.root(situation.name, f"sed -i '/{ways.ASIDE}/d' {ways.RC}")
    with pytest.raises(AssertionError, match="Received message too long"):
        people.come_in(guests.servers[situation.name])
    done = guests.network.run("verify", "--json", "--only", situation.name, expect=1)
    reasons = [one["reason"] for one in json.loads(done.stdout)["verdicts"] if one["kind"] == "check"]
    assert any("sshrc prints at each login, which ends sftp" in reason for reason in reasons), reasons


@_named("translated")
def test_without_the_operator_s_setting_our_own_table_drops_who_calls(guests: House, situation: Situation) -> None:
    """It comes last: the row itself shows that with it the links work, after a reboot too."""
    assert guests.verified is not None
    entries = json.loads(guests.written.read_text())
    del entries[situation.name]["seen_from"]
    guests.written.write_text(json.dumps(entries))
    guests.network.run("up", "--yes", "--json", "--only", situation.name, expect=None)
    caller, other = guests.computing[1:3]
    done = guests.network.run("verify", "--json", "--only", caller, expect=1)
    found = json.loads(done.stdout)["verdicts"]
    links = {one["name"].partition(" → ")[2]: one["good"] for one in found if one["kind"] == "link"}
    assert (links[situation.name], links[other]) == (False, True), found
