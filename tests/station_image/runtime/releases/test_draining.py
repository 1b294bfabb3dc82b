"""The lease of a station that is about to be replaced, and how long others wait."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from station_image.runtime.base.refusal import DrainsError
from station_image.runtime.releases import draining
from station_image.runtime.releases.draining import AGAIN, PATIENCE, Draining, Patience, Waiting
from tests.station_image.runtime.neighbours import Own, run
from tests.station_image.runtime.views import Small


class Station:
    """n.a."""

    def __init__(self, folder: Path) -> None:
        self.own = Own(Small.make(folder / "small"), "n.a", folder / "station")
        (self.own.root / "control").mkdir(exist_ok=True)
        self.said = self.own.root / "control" / "draining"
        self.draining = self.again()

    def again(self) -> Draining:
        """What an agent that starts makes of it."""
        return Draining(self.said)


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
    assert station.draining.left == 0


def test_others_are_told_when_it_begins_and_when_it_ends(station: Station) -> None:
    told: list[int] = []

    async def tell() -> None:
        told.append(station.draining.left)

    station.draining.watch(tell)
    run(station.draining.begin(60))
    run(station.draining.end())
    assert told == [60, 0]
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


def test_what_is_no_file_of_that_size_is_neither_followed_nor_waited_for(station: Station, tmp_path: Path) -> None:
    text = json.dumps({"until": time.time() + 60})
    (tmp_path / "elsewhere").write_text(text)
    station.said.symlink_to(tmp_path / "elsewhere")
    assert station.again().starting == 0
    station.said.write_text(text.replace("}", " " * 300 + "}"))
    assert station.again().starting == 0
    os.mkfifo(station.said)
    held_open = os.open(
        station.said, os.O_RDWR | os.O_NONBLOCK
    )  # so that a reader that waits sees that nobody is there
    os.write(held_open, text.encode())
    assert station.again().starting == 0
    os.close(held_open)


def test_what_was_proposed_before_it_began_is_joined(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    before = int(time.time())
    run(station.draining.begin(60))
    station.draining.check_joined(station.own.network, before)
    with pytest.raises(DrainsError):
        station.draining.check_joined(station.own.network, before + 100)
    monkeypatch.setattr(draining, "SETTLE", 2.0)
    station.draining.check_joined(station.own.network, before + 100)


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


def test_one_proposal_waits_no_longer_for_all_together_than_for_one() -> None:
    """Who is gone on without costs others of the same proposal nothing, and other proposals nothing."""
    patience = Patience()
    waiting = Waiting(patience)
    for one in "abc":
        waiting.waited([f"n.{one}", "n.z"], PATIENCE / 4)
    assert waiting.left("n.d") == PATIENCE / 4
    waiting.waited(["n.d"], PATIENCE / 4)
    assert waiting.left("n.e") == 0
    assert (patience.left("n.e"), Waiting(patience).left("n.e")) == (PATIENCE, PATIENCE)
