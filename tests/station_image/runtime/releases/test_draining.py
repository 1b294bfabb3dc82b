"""The lease of a station that is about to be replaced, what others believe of it, and how long they wait."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.base.refusal import DrainsError, RefusedError
from station_image.runtime.releases import draining
from station_image.runtime.releases.draining import AGAIN, LONGEST, PATIENCE, Draining, Patience
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.peers import Peers
from tests.station_image.runtime.neighbours import FakePeers, Own, away, run
from tests.station_image.runtime.views import Small


class Station:
    """n.a; within reach are n.b, that it calls, and n.d, that polls it."""

    def __init__(self, folder: Path) -> None:
        self.own = Own(Small.make(folder / "small"), "n.a", folder / "station")
        (self.own.root / "control").mkdir(exist_ok=True)
        self.said = self.own.root / "control" / "draining"
        self.peers = FakePeers()
        self.peers.callable = lambda: ["n.b"]  # type: ignore[attr-defined]
        self.peers.polls = cast("Any", type("Polls", (), {"peers": lambda *_: ["n.d"]})())  # type: ignore[attr-defined]
        self.draining = self.again()

    def again(self) -> Draining:
        """What an agent that starts makes of it."""
        return Draining(self.said, self.own.small.networks("n.a"), cast(Peers, self.peers))


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    monkeypatch.setattr(draining, "SETTLE", 0.0)
    return Station(tmp_path)


def test_it_begins_nothing_until_the_lease_ends_by_itself(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    network = station.own.network
    station.draining.check(network)
    run(station.draining.begin(60))
    assert station.draining.left == 60
    with pytest.raises(DrainsError, match=r"n\.a is being upgraded: no new session begins there now") as caught:
        station.draining.check(network)
    assert (caught.value.station, caught.value.seconds) == ("n.a", 60)
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    station.draining.check(network)
    assert station.draining.of(network) == {}


def test_everybody_within_reach_is_told_when_it_begins_and_when_it_ends(station: Station) -> None:
    station.peers.told = away("n.b")
    run(station.draining.begin(60))
    run(station.draining.end())
    told = [(peer, content) for peer, request, content, _ in station.peers.asked if request == {"kind": "drains"}]
    assert sorted(told[:2], key=str) == [("n.b", {"seconds": 60}), ("n.d", {"seconds": 60})]
    assert sorted(told[2:], key=str) == [("n.b", {"seconds": 0}), ("n.d", {"seconds": 0})]
    assert station.draining.left == 0
    assert not station.said.exists()


def test_programs_of_the_server_read_until_when_and_the_next_agent_takes_that_away(station: Station) -> None:
    run(station.draining.begin(60))
    assert 0 < json.loads(station.said.read_text())["until"] - time.time() <= 60
    after = station.again()
    assert (after.left, station.said.exists()) == (0, False)
    assert after.starting > 0, "its computer may be replaced too"
    assert station.again().starting == 0, "an agent that follows one that drained no more waits for no computer"


@pytest.mark.parametrize("text", ["", "[]", '{"until": "soon"}', '{"until": 1}', '{"until": 1e300}'])
def test_a_file_that_says_nothing_of_now_is_none(station: Station, text: str) -> None:
    station.said.write_text(text)
    assert station.again().starting == 0


def test_what_was_proposed_before_it_began_is_joined(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    before = int(time.time())
    run(station.draining.begin(60))
    station.draining.check_joined(station.own.network, before)
    with pytest.raises(DrainsError):
        station.draining.check_joined(station.own.network, before + 100)
    monkeypatch.setattr(draining, "SETTLE", 2.0)
    station.draining.check_joined(station.own.network, before + 100)


def test_it_believes_each_of_itself_and_no_longer_than_an_hour(station: Station) -> None:
    answers, network = Answers(), station.own.network
    station.draining.answer_in(answers)

    def hear(peer: str, seconds: Any) -> dict[str, Any]:
        return run(answers.answer(station.own.caller(peer, kind="drains"), {"seconds": seconds}, b""))

    assert hear("n.b", 30) == {"ok": True}
    assert hear("n.c", 10**30) == {"ok": True}
    assert station.draining.of(network) == {"n.b": 30, "n.c": LONGEST}
    hear("n.b", 0)
    assert station.draining.of(network) == {"n.c": LONGEST}
    for odd in (-1, 1.5, True, "60", None):
        assert hear("n.b", odd) == {"refused": "seconds: not a whole number"}
    with pytest.raises(RefusedError):
        draining.seconds_of(None)


def test_patience_with_one_is_spent_once_and_comes_back_slowly() -> None:
    """Who says for ever that it drains costs no more than one that is away."""
    now = [1000.0]
    patience = Patience(lambda: now[0])
    assert patience.left("n.b") == PATIENCE
    for _ in range(120):
        patience.waited(["n.b"], 1.0)
    assert (patience.left("n.b"), patience.left("n.c")) == (0, PATIENCE)
    now[0] += AGAIN / 2
    assert patience.left("n.b") == pytest.approx(PATIENCE / 2)
    now[0] += AGAIN * 9
    assert patience.left("n.b") == PATIENCE
