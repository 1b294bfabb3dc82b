"""A guest on a server whose ssh, accounts or sources its owner has set: the station works, people get in."""

from __future__ import annotations

import subprocess

import pytest

from tests.guests import people, sources
from tests.guests.house import House
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SITUATIONS = (*people.SITUATIONS, *sources.SITUATIONS)


PEOPLE = [one for one in SITUATIONS if "people" in one.entry and not one.refused]


@pytest.mark.parametrize("situation", PEOPLE, ids=lambda one: one.name)
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
