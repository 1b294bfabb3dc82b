"""Whether another station is there: who answers is waited for, who says nothing is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from station_image.runtime.accepted.networks import Network
from station_image.runtime.session import alive
from station_image.runtime.session.alive import Gone, GoneError
from station_image.runtime.wire.peers import CallFailedError, Peers
from tests.station_image.runtime.neighbours import SESSION, FakePeers, run
from tests.station_image.runtime.views import Small


class Asked:
    """n.b, as n.a asks it: one answer after the other, the last one for ever; None is a station that hangs."""

    def __init__(self, network: Network, *answers: dict[str, Any] | CallFailedError | None) -> None:
        self.network = network
        self.times = 0
        self._answers = answers
        self._fake = FakePeers()
        self._fake.answering = {"n.b"}
        self._fake.ask = self._ask  # type: ignore[method-assign, assignment]

    @property
    def peers(self) -> Peers:
        return cast(Peers, self._fake)

    async def _ask(self, _: Network, peer: str, request: Mapping[str, Any], *__: Any) -> tuple[dict[str, Any], bytes]:
        assert (peer, request["kind"]) == ("n.b", "alive")
        answer = self._answers[min(self.times, len(self._answers) - 1)]
        self.times += 1
        if answer is None:
            await asyncio.Future()
        if isinstance(answer, CallFailedError):
            raise answer
        return answer or {}, b""


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """Everything a hundred times faster."""
    for name in ("EVERY", "SILENCE", "STEP"):
        monkeypatch.setattr(alive, name, getattr(alive, name) / 100)
    return Small.make(tmp_path).networks("n.a").find("n")


SILENT = Gone("it gave no sign of life for 0.06 s")
RUNS: dict[str, Any] = {"running": True, "known": False, "root": "", "reason": ""}
AWAY = CallFailedError("n.b", "does not answer")


def _ended(root: str) -> dict[str, Any]:
    return {"running": False, "known": True, "root": root, "reason": "its computer\x1b does not run"}


@pytest.mark.parametrize(
    ("answers", "gone"),
    [
        ([None], SILENT),
        ([AWAY], SILENT),
        ([RUNS, RUNS, None], SILENT),
        ([AWAY, RUNS, AWAY, AWAY, RUNS, None], SILENT),
        ([RUNS, _ended("n.b")], Gone("it ended the session: its computer  does not run")),
        ([RUNS, _ended("n.c")], Gone("it ended the session: its computer  does not run", seen=False, about="n.c")),
        ([RUNS, _ended("")], Gone("it ended the session: its computer  does not run", seen=False)),
        ([{**RUNS, "running": False}], Gone("it knows nothing of the session any more", seen=False)),
    ],
    ids=[
        "stands still",
        "is away",
        "falls silent",
        "is back in time",
        "failed",
        "says whom it failed on",
        "was told to",
        "new",
    ],
)
def test_a_station_is_gone_once_it_says_nothing_or_has_ended_the_session(
    network: Network, answers: list[Any], gone: Gone
) -> None:
    asked = Asked(network, *answers)
    assert run(alive.gone(asked.peers, network, "n.b", SESSION)) == gone
    assert asked.times >= len(answers)


@pytest.mark.parametrize("answer", [RUNS, CallFailedError("n.b", "refused: no such request", refused=True)])
def test_a_slow_station_that_answers_is_waited_for_long_after_a_silent_one_would_be_given_up(
    network: Network, answer: Any
) -> None:
    async def slow() -> str:
        await asyncio.sleep(4 * alive.SILENCE)
        return "here"

    asked = Asked(network, answer)
    assert run(alive.unless_gone(slow(), asked.peers, network, "n.b")) == "here"
    assert asked.times > 3


def test_what_is_waited_for_ends_with_who_should_bring_it(network: Network) -> None:
    ended = False

    async def never() -> None:
        nonlocal ended
        try:
            await asyncio.Future()
        finally:
            ended = True

    with pytest.raises(GoneError, match="no sign of life"):
        run(alive.unless_gone(never(), Asked(network, None).peers, network, "n.b"))
    assert ended


def test_an_error_of_what_is_waited_for_is_its_own(network: Network) -> None:
    async def fails() -> None:
        raise CallFailedError("n.b", "refused: busy", refused=True)

    with pytest.raises(CallFailedError, match="busy"):
        run(alive.unless_gone(fails(), Asked(network, RUNS).peers, network, "n.b"))


def test_who_cannot_be_asked_is_not_called_gone(network: Network) -> None:
    """One without an inbound port calls us; whoever holds its connection sees that end."""

    async def work() -> None:
        asked = Asked(network, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * alive.SILENCE):
                await alive.gone(asked.peers, network, "n.d")
        assert asked.times == 0

    run(work())


def test_time_in_which_this_station_did_not_get_to_run_is_not_held_against_another(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "SILENCE", 0.5)

    async def work() -> None:
        asked = Asked(network, None, RUNS)
        watching = asyncio.create_task(alive.gone(asked.peers, network, "n.b"))
        await asyncio.sleep(0.05)
        time.sleep(0.6)  # this station stands still, and not the other one
        await asyncio.sleep(0.01)
        assert not watching.done()
        watching.cancel()

    run(work())
