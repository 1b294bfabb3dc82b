"""Polls that others hold with this station: requests go out over them and answers come back in any order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.wire import polls
from station_image.runtime.wire.answers import ANSWER_BODY
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.frames import PREFIX, FrameError
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.polls import Poll, Polls
from tests.station_image.runtime.neighbours import pair, run, until
from tests.station_image.runtime.views import Small

REQUEST = {"kind": "status"}


async def asked(far: Connection) -> dict[str, Any]:
    header, _ = await far.receive(64 * 1024, 1024)
    return header


def test_answers_come_in_any_order_and_each_goes_to_who_asked() -> None:
    async def work() -> None:
        near, far = pair()
        poll = Poll(near)
        reading = asyncio.create_task(poll.run())
        asking = [asyncio.create_task(poll.ask(REQUEST, {"question": number}, b"")) for number in range(3)]
        heard = [await asked(far) for _ in asking]
        for header in reversed(heard):
            await far.send({"reply": header["ask"], "content": {"answer": header["content"]["question"]}}, b"body")
        assert await asyncio.gather(*asking) == [({"answer": number}, b"body") for number in range(3)]
        reading.cancel()

    run(work())


def test_what_is_no_answer_to_an_open_request_is_left_alone() -> None:
    async def work() -> None:
        near, far = pair()
        poll = Poll(near)
        reading = asyncio.create_task(poll.run())
        asking = asyncio.create_task(poll.ask(REQUEST, {}, b""))
        number = (await asked(far))["ask"]
        for strange in ({"reply": 99, "content": {}}, {"reply": number, "content": "text"}, {"ping": True}, {}):
            await far.send(strange)
        for answer in ("first", "second"):
            await far.send({"reply": number, "content": {"answer": answer}})
        assert await asking == ({"answer": "first"}, b"")
        await asyncio.sleep(0)
        assert not reading.done()
        reading.cancel()

    run(work())


def test_a_request_that_is_not_answered_in_time_is_given_up_and_a_late_answer_harms_nothing() -> None:
    async def work() -> None:
        near, far = pair()
        poll = Poll(near)
        reading = asyncio.create_task(poll.run())
        with pytest.raises(ConnectionLostError, match="did not answer over its poll"):
            await poll.ask(REQUEST, {}, b"", timeout=0.01)
        late = await asked(far)
        await far.send({"reply": late["ask"], "content": {"answer": "late"}})
        asking = asyncio.create_task(poll.ask(REQUEST, {}, b""))
        await far.send({"reply": (await asked(far))["ask"], "content": {"answer": "in time"}})
        assert (await asking)[0] == {"answer": "in time"}
        assert poll._waiting == {}, "nothing is kept of what was given up or answered"
        reading.cancel()

    run(work())


def test_whoever_waits_is_told_when_the_poll_ends() -> None:
    async def work() -> None:
        near, far = pair()
        poll = Poll(near)
        asking = [asyncio.create_task(poll.ask(REQUEST, {}, b"")) for _ in range(2)]
        reading = asyncio.create_task(poll.run())
        await asked(far)
        far.close()
        with pytest.raises(ConnectionLostError):
            await reading
        for one in asking:
            with pytest.raises(ConnectionLostError, match="its poll ended"):
                await one

    run(work())


def test_an_answer_that_is_too_large_ends_the_poll() -> None:
    async def work() -> None:
        near, far = pair()
        far.sock.send(PREFIX.pack(2, ANSWER_BODY + 1))
        with pytest.raises(FrameError, match="a body of"):
            await Poll(near).run()

    run(work())


def test_a_poll_is_kept_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "PING_EVERY", 0.001)

    async def work() -> None:
        near, far = pair()
        reading = asyncio.create_task(Poll(near).run())
        assert await asked(far) == await asked(far) == {"ping": True}
        reading.cancel()

    run(work())


def test_a_poll_over_which_nothing_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "SILENCE", 0.01)

    async def work() -> None:
        near, _far = pair()
        with pytest.raises(ConnectionLostError, match="said nothing"):
            await Poll(near).run()

    run(work())


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(Small.make(tmp_path).networks("n.a").find("n"), "n.d", {"kind": "poll"})


def test_a_newer_poll_of_the_same_peer_takes_the_place_and_outlives_the_older(caller: Caller) -> None:
    async def work() -> None:
        held = Polls()
        (near, far), (newer, _newer_far) = pair(), pair()
        serving = asyncio.create_task(held.serve(near, caller))
        older = await until(lambda: held.find("n", "n.d"))
        asyncio.create_task(held.serve(newer, caller))  # noqa: RUF006  # it lasts as long as this test
        await until(lambda: held.find("n", "n.d") is not older)
        far.close()
        with pytest.raises(ConnectionLostError):
            await serving
        assert held.find("n", "n.d") is not None
        assert held.peers("n") == ["n.d"]
        assert held.find("m", "n.d") is None
        assert held.peers("m") == []

    run(work())


def test_a_poll_that_ended_is_forgotten(caller: Caller) -> None:
    async def work() -> None:
        held = Polls()
        near, far = pair()
        serving = asyncio.create_task(held.serve(near, caller))
        await until(lambda: held.find("n", "n.d"))
        far.close()
        with pytest.raises(ConnectionLostError):
            await serving
        assert held.find("n", "n.d") is None

    run(work())


def test_whoever_watches_is_told_of_every_peer_that_begins_to_poll(caller: Caller) -> None:
    async def work() -> None:
        held, told = Polls(), list[tuple[str, str]]()

        async def watch(network: Any, peer: str) -> None:
            told.append((network.name, peer))

        held.watch(watch)
        for _ in range(2):
            near, _far = pair()
            asyncio.create_task(held.serve(near, caller))  # noqa: RUF006
        await until(lambda: len(told) == 2)
        assert set(told) == {("n", "n.d")}

    run(work())
