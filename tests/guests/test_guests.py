"""A guest on a server that has an owner: the station works, and what is the owner's stays, after a reboot too."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.guests import engine, people, sources
from tests.guests.house import House
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SITUATIONS = (*engine.SITUATIONS, *people.SITUATIONS, *sources.SITUATIONS)
over_all = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
GROWING = ("packages", "services")  # what comes is ours; nothing may go


@over_all
def test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing(
    guests: House, situation: Situation
) -> None:
    told, name = guests.up, situation.name
    if situation.refused:
        assert re.search(situation.refused, told["left_out"].get(name, "")), f"{situation.tells}: {told['left_out']}"
        assert guests.root(name, "find /etc /usr/local -name '*werkplaats*.conf' -o -path '*lib/werkplaats*'") == ""
        assert guests.after[name]["packages"] == guests.before[name]["packages"]
        return
    assert name not in told["left_out"], f"{situation.tells}: {told['left_out'][name]}"
    assert [found for found in told["found"] if found["subject"] == name] == [], situation.tells
    assert f"{guests.network.name}.{name}" in told["session"]["contributors"], situation.tells


@over_all
def test_what_is_the_owner_s_is_as_it_was(guests: House, situation: Situation) -> None:
    assert changed(guests.before[situation.name], guests.after[situation.name]) == {}, situation.tells


@over_all
def test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works(guests: House, situation: Situation) -> None:
    assert changed(guests.before[situation.name], guests.after_reboot[situation.name]) == {}, situation.tells
    if not situation.refused:
        assert [found for found in guests.verified if found["subject"] == situation.name] == [], situation.tells


@pytest.mark.parametrize("situation", [one for one in people.SITUATIONS if not one.refused], ids=lambda one: one.name)
def test_people_log_in_and_bring_a_file(guests: House, situation: Situation) -> None:
    """What `verify` calls good, done by the people themselves."""
    _ = guests.up
    server = guests.servers[situation.name]
    options = [*server.options, "-i", str(people.key())]
    for account in ("steward", "scientist"):
        done = login(["ssh", *options, f"{account}@{server.address}", "status"])
        assert (done.returncode, done.stderr) == (0, ""), f"{situation.tells}: {account}: {done.stderr}"
    said = f"put {__file__} cases.csv\nls\nrm cases.csv\n"
    done = login(["sftp", *options, "-b", "-", f"scientist@{server.address}"], said)
    assert done.returncode == 0, f"{situation.tells}: {done.stderr}"


def login(command: list[str], said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("situation", [one for one in SITUATIONS if one.name == "flags"], ids=lambda one: one.name)
def test_verify_says_of_an_engine_that_runs_well_that_it_does_not_survive_a_reboot(
    guests: House, situation: Situation
) -> None:
    assert guests.verified is not None, "this comes last: it spoils what the others look at"
    # The flags say the same, and the engine of today has read neither again.
    guests.root(situation.name, """mkdir -p /etc/docker && echo '{"bip": "10.202.0.1/24"}' > /etc/docker/daemon.json""")
    done = guests.network.run("verify", "--json", "--only", situation.name, expect=1)
    [found] = [one for one in json.loads(done.stdout)["verdicts"] if one["kind"] == "check" and not one["good"]]
    assert found["reason"].startswith("after a reboot the engine does not start: ")
    assert "bip: (from flag: 10.201.0.1/24, from file: 10.202.0.1/24)" in found["reason"]


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What differs, before and after; of what may grow, what went."""
    found = {}
    for what, now in after.items():
        was = before[what]
        if what in GROWING:
            if gone := set(was.splitlines()) - set(now.splitlines()):
                found[what] = ("\n".join(sorted(gone)), "")
        elif was != now:
            found[what] = (was, now)
    return found
