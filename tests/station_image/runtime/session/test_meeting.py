"""What is asked before a plan is made: who is there, who is replaced just now, what each says of its release."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from station_image.runtime.base.refusal import DrainsError, RefusedError
from station_image.runtime.consent.gate import Gate
from station_image.runtime.consent.plan import Plan, agreed_in, check, parse
from station_image.runtime.releases import about
from station_image.runtime.releases.about import About
from station_image.runtime.releases.draining import PATIENCE, Draining, Patience
from station_image.runtime.releases.known import Known
from station_image.runtime.session.meeting import Meeting, Meetings
from station_image.runtime.session.proposal import ProposalRefusedError
from station_image.runtime.wire.peers import CallFailedError, Peers
from tests.station_image.runtime.neighbours import FakePeers, Own, plain_plan, run
from tests.station_image.runtime.views import PARTIES, Small


class Asking(FakePeers):
    """The other stations of network n: `drains` is what each says of whom, `releases` what each runs."""

    def __init__(self, small: Small) -> None:
        super().__init__()
        self.small = small
        self.drains: dict[str, dict[str, Any]] = {}
        self.releases = dict.fromkeys(small.keys, "1.0.0")
        self.away: dict[str, bool] = {}
        self.shows: dict[str, list[str]] = {"n.b": ["n.d"]}
        self.signs: dict[str, str] = {}
        self.polls = cast("Any", SimpleNamespace(find=lambda *_: None, peers=lambda _: []))
        self.callable = lambda: [*PARTIES]
        self.told = self._told

    def signed(self, station: str) -> dict[str, Any]:
        network = self.small.networks(station).find("n")
        key = self.small.keys[self.signs.get(station, station)]
        return about.sign(key, about.own(self.releases[station], network))

    def _told(self, peer: str, request: Mapping[str, Any]) -> dict[str, Any]:
        assert request["kind"] == "ready"
        if peer in self.away:
            raise CallFailedError(peer, "does not answer", refused=self.away[peer])
        wanted = self.asked[-1][2]["stations"]
        heard = {one: self.signed(one) for one in self.shows.get(peer, []) if one in wanted}
        return {**self.signed(peer), "heard": heard, "drains": self.drains.get(peer, {})}


class Proposing:
    """One station, n.a unless told, that is about to propose acceptance to n.a, n.b and n.c with n.d contributing."""

    def __init__(self, folder: Path, name: str = "n.a") -> None:
        self.own = Own(Small.make(folder / "small"), name, folder / "station")
        self.peers = Asking(self.own.small)
        peers = cast(Peers, self.peers)
        (self.own.root / "control").mkdir()
        self.draining = Draining(self.own.root / "control" / "draining", self.own.small.networks(name), peers)
        self.known = Known(self.own.key, "1.0.0", peers, self.draining)
        self.meetings = Meetings(self.known, self.draining, peers, Patience())

    @property
    def plan(self) -> Plan:
        return plain_plan(self.own.network)

    def meet(self) -> Meeting:
        return run(self.meetings.of(self.own.network, self.plan))

    def refusal(self) -> ProposalRefusedError:
        with pytest.raises(ProposalRefusedError) as caught:
            self.meet()
        return caught.value


@pytest.fixture
def station(tmp_path: Path) -> Proposing:
    return Proposing(tmp_path)


def test_parties_speak_for_themselves_and_show_what_contributors_signed(station: Proposing) -> None:
    station.peers.releases.update({"n.c": "1.1.0", "n.d": "0.9.0"})
    met = station.meet()
    met.agree(station.plan)
    assert {name: one.release for name, one in met.said.items()} == {
        **{"n.a": "1.0.0", "n.b": "1.0.0"},
        **{"n.c": "1.1.0", "n.d": "0.9.0"},
    }


def test_where_everybody_else_computes_nobody_is_asked_for_a_third(tmp_path: Path) -> None:
    station = Proposing(tmp_path, "n.d")
    station.meet()
    assert [(peer, content["stations"]) for peer, _, content, _ in station.peers.asked] == [
        ("n.a", []),
        ("n.b", []),
        ("n.c", []),
    ]


def test_who_nobody_knows_holds_nobody_up_and_what_another_signed_is_not_taken(station: Proposing) -> None:
    station.peers.shows = {}
    assert set(station.meet().said) == {*PARTIES}
    station.peers.shows = {"n.c": ["n.d"]}
    station.peers.signs = {"n.d": "n.c"}
    assert set(station.meet().said) == {*PARTIES}
    station.peers.signs = {}
    assert set(station.meet().said) == {*PARTIES, "n.d"}


def test_a_party_that_is_away_is_told_of_once_the_session_is_proposed(station: Proposing) -> None:
    station.peers.away = {"n.c": False}
    with pytest.raises(ProposalRefusedError, match=r"n\.c: does not answer") as caught:
        station.meet().agree(station.plan)
    assert caught.value.refused is False
    station.peers.away = {"n.c": True}
    with pytest.raises(ProposalRefusedError) as caught:
        station.meet().agree(station.plan)
    assert caught.value.refused is True


@pytest.mark.parametrize("who", ["n.b", "n.d"])
def test_whoever_drains_is_named_with_all_who_know_it(station: Proposing, who: str) -> None:
    station.peers.drains = {"n.b": {who: 30}}
    error = station.refusal()
    assert (error.refused, set(error.drains)) == (False, {who})
    assert error.reasons == {who: f"{who} is being upgraded: no new session begins there now"}


def test_of_itself_each_knows_best(station: Proposing) -> None:
    """It is back, and others have not heard it yet."""
    station.peers.drains = {"n.b": {"n.c": 30}}
    station.meet().agree(station.plan)


def test_what_others_heard_of_the_agent_before_keeps_nobody_from_proposing(station: Proposing) -> None:
    """The first session that a station proposed after it was replaced waited until its own lease was over."""
    station.peers.drains = {"n.b": {"n.a": 700}, "n.c": {"n.a": 700}}
    assert {*station.meet().said} >= {"n.a", "n.b", "n.c"}


def test_who_is_away_while_it_is_replaced_is_known_from_others(station: Proposing) -> None:
    station.peers.drains = {"n.b": {"n.c": 30}}
    station.peers.away = {"n.c": False}
    assert station.refusal().drains == {"n.c"}


def test_another_one_that_is_simply_away_is_named_beside_it(station: Proposing) -> None:
    station.peers.drains = {"n.b": {"n.b": 30}}
    station.peers.away = {"n.c": False}
    error = station.refusal()
    assert (set(error.reasons), set(error.drains)) == ({"n.b", "n.c"}, {"n.b"})


def test_nobody_is_waited_for_for_ever(station: Proposing) -> None:
    """A contributor is gone on without; a computing party is named."""
    station.meetings.patience.waited(["n.b", "n.d"], PATIENCE + 1)
    station.peers.drains = {"n.b": {"n.d": 30}}
    station.meet().agree(station.plan)
    station.peers.drains = {"n.b": {"n.b": 30}}
    error = station.refusal()
    assert (set(error.reasons), error.drains) == ({"n.b"}, frozenset())


def test_a_station_that_drains_itself_proposes_nothing(station: Proposing) -> None:
    async def work() -> None:
        beginning = asyncio.create_task(station.draining.begin(60))
        await asyncio.sleep(0)
        with pytest.raises(DrainsError):
            await station.meetings.of(station.own.network, station.plan)
        beginning.cancel()

    run(work())
    assert station.peers.kinds("ready") == []


@pytest.mark.parametrize(
    "odd",
    [{}, {"about": {}}, {"drains": 3}, {"drains": {"n.c": -1}}, {"about": 1}, {"about": {"release": 1}}],
)
def test_an_answer_that_cannot_be_read_is_a_no_of_who_gave_it(station: Proposing, odd: dict[str, Any]) -> None:
    before = station.peers.told

    def told(peer: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return {**(before(peer, request) if odd else {}), **odd} if peer == "n.c" else before(peer, request)

    station.peers.told = told
    met = station.meet()
    assert (set(met.away), met.refused) == ({"n.c"}, True)


def said(station: Proposing, **others: list[int]) -> Meeting:
    """Who meets, by what each speaks; n.a speaks what this release does."""
    protocols = {station.own.name: [2, 3]} | {f"n.{name}": one for name, one in others.items()}
    told = {one: About("n", one, f"1.{len(speaks)}", speaks, HAS) for one, speaks in protocols.items()}
    return Meeting(told, {}, refused=False)


HAS = ["acceptance_sum/1"]


@pytest.mark.parametrize(
    ("protocols", "chosen"),
    [({"b": [2, 3], "d": [3, 4]}, 3), ({"b": [2, 3], "d": [2]}, 2), ({"b": [1, 2, 3, 9], "d": [9, 2]}, 2), ({}, 3)],
)
def test_the_highest_protocol_that_all_share_is_chosen(
    station: Proposing, protocols: dict[str, list[int]], chosen: int
) -> None:
    agreed = said(station, **protocols).agree(station.plan)
    assert agreed.protocol == chosen
    assert bool(agreed.releases) == (chosen >= 3) == ("releases" in agreed.content)
    assert parse(agreed.content) == agreed
    check(agreed, station.own.network)


@pytest.mark.parametrize(
    ("protocols", "behind"),
    [
        ({"b": [3], "d": [2]}, {"n.d"}),
        ({"b": [4, 5], "d": [2, 3]}, {"n.a", "n.d"}),
        ({"b": [], "d": [3]}, {"n.b"}),
        ({"b": [2, 4], "d": [3, 4]}, {"n.a"}),
    ],
)
def test_who_is_behind_is_told_where_all_share_none(
    station: Proposing, protocols: dict[str, list[int]], behind: set[str]
) -> None:
    with pytest.raises(ProposalRefusedError) as caught:
        said(station, **protocols).agree(station.plan)
    assert (set(caught.value.reasons), caught.value.refused) == (behind, True)
    assert all("werkplaats upgrade start n --to 1." in why for why in caught.value.reasons.values())


def test_what_a_plan_says_of_another_release_than_the_own_is_refused(station: Proposing) -> None:
    network, gate = station.own.network, Gate(cast("Any", None), station.own.opened, station.own.register, "1.1.0")
    agreed = agreed_in(station.plan, 3, {"n.a": "1.1.0", "n.b": "0.1"})
    gate.check(network, agreed)
    with pytest.raises(RefusedError, match=r"releases: n\.a runs 1\.1\.0, not 1\.0\.0"):
        gate.check(network, agreed_in(station.plan, 3, {"n.a": "1.0.0"}))
    for releases in ({"n.x": "1.0.0"}, {"n.a": "a\nb"}, {"n.a": "x" * 41}, {"n.a": 3}):
        with pytest.raises(RefusedError, match="releases: "):
            check(dataclasses.replace(agreed, releases=cast("Any", releases)), network)


def test_a_plan_has_exactly_the_fields_of_its_protocol(station: Proposing) -> None:
    newer = agreed_in(station.plan, 3, {"n.a": "1.1.0"}).content
    older = agreed_in(station.plan, 2, {"n.a": "1.1.0"}).content
    assert newer.keys() - older.keys() == {"releases"}
    for odd in ({**older, "releases": {}}, {**newer, "protocol": 2}, {**older, "protocol": 3}):
        with pytest.raises(RefusedError, match="exactly the fields of this protocol version"):
            parse(odd)
    with pytest.raises(RefusedError, match="protocol: "):
        check(parse({**newer, "protocol": 4}), station.own.network)
