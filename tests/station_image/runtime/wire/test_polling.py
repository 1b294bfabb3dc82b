"""The polls of an organisation without an inbound port: whom it polls, and what it answers over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.base.refusal import BusyError, RefusedError
from station_image.runtime.wire import polling
from station_image.runtime.wire.answers import Answers, Handler
from station_image.runtime.wire.budget import Budget
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.mesh_server import MOST_PER_PEER
from station_image.runtime.wire.polling import Polling
from tests.station_image.runtime.neighbours import FakePeers, run, until
from tests.station_image.runtime.views import PRINTS, Small

Far = Callable[[Connection], Awaitable[None]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(polling, "SOONEST", 0.001)
    monkeypatch.setattr(polling, "LATEST", 0.001)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small.make(tmp_path)


async def for_ever(_: Connection) -> None:
    await asyncio.Event().wait()


def keeping(
    small: Small,
    lines: Mapping[str, Far],
    work: Callable[[FakePeers], Awaitable[None]],
    by: str = "n.d",
    wait: Handler | None = None,
) -> None:
    """Poll as `by`, with `lines` at the other ends, until `work` is over."""

    async def both() -> None:
        peers, answers = FakePeers(), Answers()
        peers.lines = dict(lines)
        answers.add("who", who, lambda _: 3)
        if wait:
            answers.add("wait", wait)
        keeper = asyncio.create_task(Polling(small.networks(by), peers, answers).keep())  # type: ignore[arg-type]
        try:
            await work(peers)
        finally:
            keeper.cancel()

    run(both())


async def who(caller: Caller, content: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    if content.get("secret"):
        raise RefusedError("question: none of the name was delivered")
    return {"peer": caller.peer, "network": caller.network.name, "body": len(body)}


def test_who_does_not_compute_polls_each_computing_party_that_it_has_a_link_to(small: Small) -> None:
    async def work(peers: FakePeers) -> None:
        await until(lambda: len(peers.opened) == 2)
        await asyncio.sleep(0.02)
        assert sorted(peers.opened) == [(party, {"kind": "poll"}) for party in ("n.a", "n.c")]

    keeping(small, dict.fromkeys(("n.a", "n.c"), for_ever), work)


def test_a_computing_party_that_is_cut_is_polled_no_more(small: Small) -> None:
    gone: list[str] = []

    async def held(line: Connection) -> None:
        try:
            await for_ever(line)
        finally:
            gone.append("n.c")

    async def work(peers: FakePeers) -> None:
        await until(lambda: len(peers.opened) == 2)
        small.write("n.d", **small.without("n.d", "n.c"))
        await until(lambda: gone)

    keeping(small, {"n.a": for_ever, "n.c": held}, work)


def test_who_computes_in_another_set_polls_those_of_whom_it_is_in_none(tmp_path: Path) -> None:
    """n.d computes with n.a and n.b, which call it; n.c does so as it calls any contributor: over the poll."""
    sets = Small.make(tmp_path / "sets", [["n.a", "n.b", "n.d"]])

    async def work(peers: FakePeers) -> None:
        await until(lambda: peers.opened)
        await asyncio.sleep(0.02)
        assert {peer for peer, _ in peers.opened} == {"n.c"}

    keeping(sets, dict.fromkeys(("n.a", "n.b", "n.c"), for_ever), work)


def test_a_computing_party_polls_nobody(small: Small) -> None:
    async def work(peers: FakePeers) -> None:
        await asyncio.sleep(0.02)
        assert peers.opened == []

    keeping(small, dict.fromkeys(PRINTS, for_ever), work, by="n.b")


def test_a_request_over_the_poll_is_answered_as_one_of_the_party_at_its_end(small: Small) -> None:
    heard: list[dict[str, Any]] = []

    async def far(line: Connection) -> None:
        for number, content in ((7, {}), (8, {"secret": True})):
            await line.send({"ask": number, "request": {"kind": "who"}, "content": content}, b"abc")
            heard.append((await line.receive())[0])
        for strange in ({"ask": 9, "request": "who", "content": {}}, {"ask": 9, "request": {"kind": "who"}}):
            await line.send(strange)
            heard.append((await line.receive())[0])
        await for_ever(line)

    async def work(peers: FakePeers) -> None:
        await until(lambda: len(heard) == 4)
        nothing = {"reply": 9, "content": {"refused": "neither a request nor content"}}
        assert heard == [
            {"reply": 7, "content": {"peer": "n.a", "network": "n", "body": 3}},
            {"reply": 8, "content": {"refused": "question: none of the name was delivered"}},
            nothing,
            nothing,
        ]
        assert set(peers.contacts) == {"n.a"}

    keeping(small, {"n.a": far}, work)


@pytest.mark.parametrize("polls", [1, 5])
def test_a_party_has_no_more_answered_at_once_over_polls_than_over_connections_of_its_own(
    small: Small, polls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: as many tasks and answers in the agent that polls it as it liked, also by ending the poll."""
    most, asked = MOST_PER_PEER, MOST_PER_PEER + 10
    monkeypatch.setattr(polling, "HELLOS", (1000, 0.001))
    running, answered, ending = list[object](), list[object](), asyncio.Event()

    async def wait(caller: Caller, content: Mapping[str, Any], _: bytes) -> dict[str, Any]:
        running.append(content)
        await ending.wait()
        return {"peer": caller.peer}

    async def far(line: Connection) -> None:
        lines.append(line)
        for number in range(asked // polls):
            await line.send({"ask": number, "request": {"kind": "wait"}, "content": {}})
        if len(lines) < polls:
            await until(lambda: len(running) >= min(most, asked // polls * len(lines)))
            return
        for _ in range(asked // polls):
            header, _ = await line.receive()
            answered.append(header["reply"])
        await for_ever(line)

    lines: list[Connection] = []

    async def work(_: FakePeers) -> None:
        await until(lambda: len(lines) == polls and len(running) >= most)
        await asyncio.sleep(0.05)
        assert len(running) == most
        ending.set()
        await until(lambda: len(answered) == asked // polls)

    keeping(small, {"n.a": far}, work, wait=wait)


def test_a_party_asks_no_more_often_over_its_poll_than_over_connections_of_its_own(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: the whole time of the agent that polls it."""
    monkeypatch.setattr(polling, "HELLOS", (3, 60))
    answered: list[object] = []

    async def far(line: Connection) -> None:
        for number in range(10):
            await line.send({"ask": number, "request": {"kind": "who"}, "content": {}})
        while True:
            header, _ = await line.receive()
            answered.append(header["reply"])

    async def work(_: FakePeers) -> None:
        await until(lambda: len(answered) >= 3)
        await asyncio.sleep(0.05)
        assert len(answered) == 3

    keeping(small, {"n.a": far}, work)


def test_a_poll_that_was_lost_is_taken_up_again_and_the_same_reason_noted_once(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: Connection) -> None:
        raise ConnectionLostError

    async def work(peers: FakePeers) -> None:
        await until(lambda: len(peers.opened) >= 4)

    async def away(peers: FakePeers) -> None:
        peers.can_call = lambda peer: peer == "n.a"  # type: ignore[method-assign]
        await until(lambda: len(peers.opened) >= 4)

    keeping(small, {}, away)
    assert capsys.readouterr().out.count("poll-lost party=n.a why=does not answer") == 1
    keeping(small, {"n.a": broken}, work)


def test_a_poll_for_which_there_is_no_memory_at_the_moment_is_taken_up_again(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it gained: one large request while others filled the memory, and that party was polled no more."""

    async def large(line: Connection) -> None:
        await line.send({"ask": 1, "request": {"kind": "who"}, "content": {"long": "x" * 9000}})
        await for_ever(line)

    @contextlib.asynccontextmanager
    async def none(*_: Any) -> AsyncIterator[None]:
        raise BusyError("no room now")
        yield

    async def work(peers: FakePeers) -> None:
        await until(lambda: len(peers.opened) >= 3)

    monkeypatch.setattr(Budget, "lent", none)
    keeping(small, {"n.a": large}, work)
    assert "poll-lost party=n.a why=no room now" in capsys.readouterr().out


def test_a_poll_that_fails_in_a_way_nobody_expected_is_told_and_taken_up_again(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(peers: FakePeers) -> None:
        real, failed = peers.open, list[bool]()

        def once(*words: Any) -> Any:
            if failed:
                return real(*words)
            failed.append(True)
            raise LookupError

        monkeypatch.setattr(peers, "open", once)
        await until(lambda: peers.opened)

    keeping(small, {"n.a": for_ever}, work)
    assert "task-failed kind=LookupError" in capsys.readouterr().out


@pytest.mark.parametrize("changed", ["key", "gone"])
def test_a_party_that_is_another_one_now_has_to_say_hello_anew(
    small: Small, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked over an open poll is checked against the definition that is accepted now."""
    monkeypatch.setattr(polling, "LOOK_EVERY", 60)  # it is not the next look at all links that finds it
    written: list[bool] = []
    ended: list[str] = []

    async def far(line: Connection) -> None:
        await until(lambda: written)
        await line.send({"ask": 1, "request": {"kind": "who"}, "content": {}})
        how = "closed"
        try:
            await line.receive()
            how = "answered"
        finally:
            ended.append(how)

    async def work(peers: FakePeers) -> None:
        await until(lambda: peers.opened)
        rows = small.view("n.d")["stations"]
        if changed == "key":
            rows["n.a"]["statement_key"] = rows["n.b"]["statement_key"]
            small.write("n.d", stations=rows)
        else:
            (small.folder / "n.d" / "n" / "network.json").unlink()
        written.append(True)
        wanted = ["closed", "answered"] if changed == "key" else ["closed"]
        await until(lambda: ended[: len(wanted)] == wanted)
        assert len(peers.opened) >= len(wanted)

    keeping(small, {"n.a": far}, work)


def test_a_link_that_is_gone_ends_its_poll(small: Small) -> None:
    ended: list[bool] = []

    async def far(line: Connection) -> None:
        try:
            await for_ever(line)
        finally:
            ended.append(True)

    async def work(peers: FakePeers) -> None:
        await until(lambda: peers.opened)
        peers.can_call = lambda peer: False  # type: ignore[method-assign]  # noqa: ARG005
        await until(lambda: ended)

    keeping(small, {"n.a": far}, work)
