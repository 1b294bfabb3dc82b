"""A guest on a server with an engine that is its owner's: the station works, and what is the owner's stays."""

from __future__ import annotations

import json

import pytest

from tests.guests import engine
from tests.guests.house import House
from tests.guests.judged import (  # noqa: F401  # asked of each of these situations
    test_after_a_reboot_the_owner_s_is_as_it_was_and_the_station_works,
    test_up_brings_a_verified_station_or_refuses_with_a_sentence_and_places_nothing,
    test_what_is_the_owner_s_is_as_it_was,
)
from tests.guests.situations import Situation

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
SITUATIONS = engine.SITUATIONS


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
