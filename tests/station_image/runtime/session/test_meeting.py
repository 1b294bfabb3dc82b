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
    """The other stations of network n: `releases` is what each runs."""

    def __init__(self, small: Small) -> None:
        super().__init__()
        self.small = small
        self.drains: dict[str, dict[str, int]] = {}
        """What each shows of itself and of others: station → seconds for which that one signed that it drains."""
        self.releases = dict.fromkeys(small.keys, "1.0.0")
        self.away: dict[str, bool] = {}
        self.shows: dict[str, list[str]] = {"n.b": ["n.d"]}
        self.signs: dict[str, str] = {}
        self.old: dict[str, dict[str, Any]] = {}
        """What each shows besides, of before."""
        self.polls = cast("Any", SimpleNamespace(find=lambda *_: None, peers=lambda _: []))
        self.callable = lambda: [*PARTIES]
        self.told = self._told

    def signed(self, station: str, drains: int = 0, ago: int = 0, **changes: Any) -> dict[str, Any]:
        """What a station said of itself so many seconds ago."""
        network = self.small.networks(station).find("n")
        key = self.small.keys[self.signs.get(station, station)]
        own = about.own(self.releases[station], network, drains)
        return about.sign(key, dataclasses.replace(own, said=own.said - ago, **changes))

    def _told(self, peer: str, request: Mapping[str, Any]) -> dict[str, Any]:
        assert request["kind"] == "ready"
        if peer in self.away:
            raise CallFailedError(peer, "does not answer", refused=self.away[peer])
        wanted = self.asked[-1][2]["stations"]
        heard = {one: self.signed(one) for one in self.shows.get(peer, []) if one in wanted}
        drains = {one: self.signed(one, seconds) for one, seconds in self.drains.get(peer, {}).items()}
        return {**self.signed(peer), "heard": {**heard, **drains, **self.old.get(peer, {})}, **drains.get(peer, {})}


class Proposing:
    """One station, n.a unless told, that is about to propose acceptance to n.a, n.b and n.c with n.d contributing."""

    def __init__(self, folder: Path, name: str = "n.a") -> None:
        self.own = Own(Small.make(folder / "small"), name, folder / "station")
        self.peers = Asking(self.own.small)
        peers = cast(Peers, self.peers)
        (self.own.root / "control").mkdir()
        self.draining = Draining(self.own.root / "control" / "draining")
        self.known = Known(self.own.key, "1.0.0", self.own.small.networks(name), peers, self.draining)
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
    [{}, {"about": {}}, {"signature": 3}, {"signature": "x"}, {"about": 1}, {"about": {"release": 1}}],
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
    return Meeting(station.own.network, told, {}, refused=False)


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
        ({"b": [3], "c": [2]}, {"n.c"}),
        ({"b": [4, 5], "c": [2, 3]}, {"n.b"}),
        ({"b": [65535], "c": [2, 3]}, {"n.b"}),
        ({"b": [], "c": [3]}, {"n.b"}),
        ({"b": [2, 4], "c": [3, 4]}, {"n.b"}),
        ({"b": [4], "c": [4]}, {"n.a"}),
    ],
)
def test_who_is_behind_is_told_where_all_who_compute_share_none(
    station: Proposing, protocols: dict[str, list[int]], behind: set[str]
) -> None:
    """Of a computing party that speaks what nobody else does all others were told that they are behind it."""
    with pytest.raises(ProposalRefusedError) as caught:
        said(station, **protocols).agree(station.plan)
    assert (set(caught.value.reasons), caught.value.refused) == (behind, True)
    assert all(why.endswith("with `werkplaats upgrade start n --to dev`") for why in caught.value.reasons.values())


def test_the_way_out_names_the_region_of_a_station_and_what_its_definition_names(station: Proposing) -> None:
    """In a federation stations are those of regional networks, each of which moves its own."""
    members = {**station.own.network.stations, "oost.b": dataclasses.replace(station.own.network.stations["n.b"])}
    members["oost.b"] = dataclasses.replace(members["oost.b"], id="oost.b")
    for release, way in (("2.0.0", "oost --to 2.0.0"), ("", "oost --to RELEASE")):
        network = dataclasses.replace(station.own.network, stations=members, release=release)
        why = Meeting(network, {}, {}, refused=False)._behind(About("n", "oost.b", "1.0.0", [2], []), "which is old")
        assert why == f"it runs release 1.0.0, which is old: bring oost.b up with `werkplaats upgrade start {way}`"


@pytest.mark.parametrize("odd", [{"protocols": [65535]}, {"analyses": ["acceptance_sum/2"]}])
def test_a_contributor_that_cannot_take_part_is_left_out_and_keeps_nobody_from_it(
    station: Proposing, odd: dict[str, Any]
) -> None:
    """It kept everybody from every session, and had all others be those to be brought up."""
    station.peers.old = {"n.b": {"n.d": station.peers.signed("n.d", **odd)}}
    met = station.meet()
    assert met.agree(station.plan).protocol == 3
    assert {one: why.partition(",")[0] for one, why in met.left_out(station.plan).items()} == {
        "n.d": "it runs release 1.0.0"
    }
    with pytest.raises(ProposalRefusedError) as caught:
        met.agree(dataclasses.replace(station.plan, minimum_contributors=4))
    assert set(caught.value.reasons) == {"n.d"}


def test_a_result_party_that_cannot_take_part_is_named_and_nobody_else(station: Proposing) -> None:
    station.peers.old = {"n.b": {"n.d": station.peers.signed("n.d", protocols=[99])}}
    with pytest.raises(ProposalRefusedError) as caught:
        station.meet().agree(dataclasses.replace(station.plan, results=["n.d"]))
    assert (set(caught.value.reasons), caught.value.refused) == ({"n.d"}, True)


@pytest.mark.parametrize("ago", [1, 600])
def test_an_old_word_of_a_station_counts_no_more_once_somebody_shows_a_newer_one(station: Proposing, ago: int) -> None:
    """A computing party keeps what a contributor signed before it was replaced: that it drains, an older release."""
    old = station.peers.signed("n.d", 700, ago, release="0.1", protocols=[99])
    for first in ("n.b", "n.c"):
        station.peers.old = {first: {"n.d": old}}
        station.peers.shows = {one: ["n.d"] for one in ("n.b", "n.c") if one != first}
        met = station.meet()
        assert (met.said["n.d"].release, met.left_out(station.plan)) == ("1.0.0", {})


def test_what_a_party_says_of_another_one_counts_for_nothing(station: Proposing) -> None:
    """It told of any contributor that it drains; that one was waited for, and then left out."""
    station.peers.signs = {"n.d": "n.b"}
    station.peers.drains = {"n.b": {"n.d": 3000}}
    assert set(station.meet().said) == {*PARTIES}


def test_what_a_plan_says_of_another_release_than_the_own_keeps_no_station_out(station: Proposing) -> None:
    """Of one that was replaced a moment ago others show what it signed before."""
    network, gate = station.own.network, Gate(cast("Any", None), station.own.opened, station.own.register, "1.1.0")
    agreed = agreed_in(station.plan, 3, {"n.a": "1.1.0", "n.b": "0.1"})
    gate.check(network, agreed)
    gate.check(network, agreed_in(station.plan, 3, {"n.a": "1.0.0"}))
    for releases in ({"n.x": "1.0.0"}, {"n.a": "a\nb"}, {"n.a": "x" * 64}, {"n.a": 3}, {"n.a": ""}, {"n.a": "1;2"}):
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
