"""A station that is about to be replaced says so, and no session fails for it: whatever its part, it is waited for."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from tests.harness.region import SEVEN, Region
from tests.harness.stations import Station, wait_until
from tests.station_image.runtime.test_sessions import right

pytestmark = pytest.mark.slow
FIRST, OTHER = ("ggd", "gelre", "sensire"), ("ggd", "sensire", "yunio")


def work(station: Station) -> dict[str, int]:
    """How many sessions go on at a station, in each role."""
    told = station.control("status")
    return {"sessions": told["sessions"], **told["roles"]}


def is_done(station: Station) -> bool:
    return not work(station)["sessions"]


@pytest.mark.parametrize("who", ["gelre", "yunio", "huisarts"])
def test_a_proposal_waits_for_who_is_replaced_whatever_its_part(region: Region, who: str) -> None:
    station = region[who]
    told = station.ask("drain", "--seconds", "60")
    assert (told["exit"], told["sessions"]) == (0, 0)
    assert 50 < told["draining"] <= 60
    proposal = region["ggd"].propose()
    proposal.until("waits")
    assert proposal.events[-1] == {"event": "waits", "for": [station.id]}
    assert work(region["ggd"])["sessions"] == 0, "who waits for another may be replaced itself"
    station.kill("agent", "computer")
    station.start("agent", "computer")
    answer = proposal.answer()
    assert right(answer), answer
    assert answer["left_out"] == {}
    assert station.control("status")["draining"] == 0


def test_a_proposer_that_never_heard_it_waits_too(region: Region) -> None:
    """Its agent is newer than the news, and who drains is away: the other parties know."""
    gelre = region["gelre"]
    gelre.ask("drain", "--seconds", "60")
    gelre.kill("agent", "computer")
    region["ggd"].restart("agent")
    proposal = region["ggd"].propose()
    proposal.until("waits")
    gelre.start("agent", "computer")
    assert right(proposal.answer())


def test_what_runs_goes_on_and_is_counted_in_each_role_until_it_ends(region: Region) -> None:
    proposal = region["ggd"].propose(rounds=20_000)
    proposal.until_computing(3)
    gelre, huisarts = region["gelre"], region["huisarts"]
    for one, role in ((region["ggd"], "proposing"), (gelre, "computing"), (huisarts, "contributing")):
        assert one.ask("drain", "--seconds", "60")["exit"] == 0
        assert work(one)[role] == 1, role
    refused = region["sensire"].propose()
    assert set(refused.until("waits")[-1]["for"]) <= {region["ggd"].id, gelre.id, huisarts.id}
    assert right(proposal.answer())
    for one in (region["ggd"], gelre, huisarts):
        wait_until(functools.partial(is_done, one), "the session to end everywhere")
        assert one.ask("drain", "--end")["draining"] == 0
    assert right(refused.answer())


def test_a_session_that_is_asked_for_on_the_station_itself_is_that_of_the_agent_that_follows(region: Region) -> None:
    ggd = region["ggd"]
    ggd.ask("drain", "--seconds", "60")
    while_it_drains = ggd.begin("session", "--network", "drie", "--rounds", "1")
    refused = ggd.propose()
    assert refused.answer()["drains"].keys() == {ggd.id}
    ggd.kill("agent", "computer")
    while_it_is_away = ggd.begin("session", "--network", "drie", "--rounds", "1")
    wait_until(lambda: (ggd.root / "control" / "draining").exists(), "it to say so")
    ggd.start("agent", "computer")
    assert right(while_it_drains.answer())
    assert right(while_it_is_away.answer())


def test_an_agent_that_is_away_and_said_nothing_is_named_at_once(region: Region) -> None:
    region["ggd"].kill("agent")
    answer = region["ggd"].ask("session", "--network", "drie")
    assert answer["exit"] == 4
    assert "does not answer" in answer["error"]


@pytest.fixture
def sets(region: Region) -> Iterator[Region]:
    """Network drie, in which yunio may take the place of gelre."""
    members = (*SEVEN[:4], "huisarts")
    region.network("drie", FIRST, members, alternates=[OTHER])
    yield region
    region["gelre"].ask("drain", "--end")
    region.heal()
    region.network("drie", FIRST, members)


def test_another_set_without_who_is_replaced_would_not_help_where_it_contributes(sets: Region) -> None:
    gelre = sets["gelre"]
    gelre.ask("drain", "--seconds", "60")
    proposal = sets["ggd"].propose()
    assert proposal.until("waits")[-1]["for"] == [gelre.id]
    gelre.ask("drain", "--end")
    answer = proposal.answer()
    assert right(answer)
    assert answer["computing"] == [sets[one].id for one in FIRST]
