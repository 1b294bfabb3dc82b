"""The agent's end of a session in the computer, frame by frame."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.consent.plan import Plan
from station_image.runtime.data.differencing import Earlier
from station_image.runtime.session import handover
from station_image.runtime.session.handover import ComputerLink
from station_image.runtime.wire import frames
from station_image.runtime.wire.connection import LARGE, Connection, ConnectionLostError
from tests.station_image.runtime.neighbours import FakeComputer, plain_plan, run
from tests.station_image.runtime.views import Small


@pytest.fixture
def agreed(tmp_path: Path) -> Plan:
    return plain_plan(Small.make(tmp_path).networks("n.a").find("n"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "computer.sock"


def linked(
    path: Path,
    agreed: Plan,
    agent: Callable[[ComputerLink], Awaitable[None]],
    computer: Callable[[Connection], Awaitable[None]],
    earlier: tuple[Earlier, ...] = (),
) -> None:
    """Both ends of one session, each doing its work; the computer's is over when the agent's is."""

    async def work() -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def far(connection: Connection) -> None:
            try:
                await computer(connection)
            except BaseException as error:
                over.set_exception(error)
            else:
                over.set_result(None)

        async with FakeComputer(path, far):
            link = await ComputerLink.begin(str(path), agreed, 1, earlier)
            await agent(link)
            await over
            link.close()

    run(work())


async def nothing(_: ComputerLink) -> None:
    return None


def test_a_session_begins_with_its_plan_and_the_earlier_results_in_the_body(path: Path, agreed: Plan) -> None:
    """Two years of daily results are more than a header may hold."""
    edition = "0123456789abcdef.0123456789abcdef"
    earlier = tuple(Earlier({f"n.{number}": edition}, 3, "", True, "griep") for number in range(40_000))

    async def computer(connection: Connection) -> None:
        header, body = await connection.receive(LARGE, 16 * LARGE)
        assert header == {"event": "begin", "plan": agreed.content, "digest": agreed.digest, "number": 1}
        assert len(body) > LARGE
        assert [Earlier(**one) for one in json.loads(body)["earlier"]] == list(earlier)

    linked(path, agreed, nothing, computer, earlier)


def test_without_a_computer_there_is_no_link(path: Path, agreed: Plan) -> None:
    with pytest.raises(ConnectionLostError, match="nobody listens"):
        run(ComputerLink.begin(str(path), agreed, 0, ()))


def test_the_connection_with_a_party_is_handed_over_and_ours_closed(path: Path, agreed: Plan) -> None:
    ours, theirs = socket.socketpair()

    async def agent(link: ComputerLink) -> None:
        await link.peer(2, theirs, (b"\x01" * 28, b"\x02" * 28))
        assert theirs.fileno() == -1

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        await readable(connection.sock)
        data, descriptors, _, _ = socket.recv_fds(connection.sock, 4096, 4)
        header = {"event": "peer", "number": 2, "send": "01" * 28, "receive": "02" * 28}
        assert json.loads(data[frames.PREFIX.size :]) == header
        with socket.socket(fileno=descriptors[0]) as handed:
            handed.sendall(b"from the computer")
        with ours:
            assert ours.recv(100) == b"from the computer"
            assert ours.recv(100) == b""

    linked(path, agreed, agent, computer)


async def readable(sock: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sock, ready.set)
    await ready.wait()
    loop.remove_reader(sock)


def test_shares_go_over_one_contributor_after_the_other(path: Path, agreed: Plan) -> None:
    async def agent(link: ComputerLink) -> None:
        await link.deposit("n.c", "tag c", b"ccc")
        await link.deposit("n.a", "tag a", b"aaa")
        await link.complete()

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        for name, brought in (("c", b"ccc"), ("a", b"aaa")):
            header, body = await connection.receive(LARGE, LARGE)
            assert header == {"event": "deposit", "contributor": f"n.{name}", "tag": f"tag {name}"}
            assert bytes(body) == brought
        header, body = await connection.receive(LARGE, LARGE)
        assert (header, bytes(body)) == ({"event": "intake"}, b"")

    linked(path, agreed, agent, computer)


@pytest.mark.parametrize("root", [2, None])
def test_a_party_that_cannot_be_had_is_named_to_the_others_through_the_computer(
    path: Path, agreed: Plan, root: int | None
) -> None:
    async def agent(link: ComputerLink) -> None:
        await link.leave(root, "no channel with it came about")

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        header, _ = await connection.receive()
        assert header == {"event": "leave", "root": root, "reason": "no channel with it came about"}

    linked(path, agreed, agent, computer)


def test_signs_of_life_are_heard_and_not_told(path: Path, agreed: Plan) -> None:
    heard: list[Any] = []

    async def agent(link: ComputerLink) -> None:
        heard.append(await link.next_event())
        heard.append(await link.next_event())

    async def computer(connection: Connection) -> None:
        for event in ("beat", "beat", "connected", "beat"):
            await connection.send({"event": event})
        await connection.send({"event": "done", "public": [1]}, b"shares")

    linked(path, agreed, agent, computer)
    assert heard == [({"event": "connected"}, b""), ({"event": "done", "public": [1]}, b"shares")]


def test_a_computer_that_says_nothing_is_given_up(path: Path, agreed: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "SILENCE", 0.02)

    async def agent(link: ComputerLink) -> None:
        with pytest.raises(ConnectionLostError, match="said nothing"):
            await link.next_event()
        link.close()

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        with pytest.raises(ConnectionLostError, match="closed the connection"):
            await connection.receive(timeout=None)

    linked(path, agreed, agent, computer)


def test_the_computer_hears_that_its_agent_is_there(path: Path, agreed: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "BEAT_EVERY", 0.01)

    async def agent(link: ComputerLink) -> None:
        with pytest.raises(ConnectionLostError):
            await link.next_event()
        link.close()

    async def computer(connection: Connection) -> None:
        await connection.receive(LARGE, LARGE)
        assert [(await connection.receive())[0] for _ in range(2)] == [{"event": "beat"}] * 2

    linked(path, agreed, agent, computer)


def test_a_computer_that_ends_is_seen(path: Path, agreed: Plan) -> None:
    async def agent(link: ComputerLink) -> None:
        with pytest.raises(ConnectionLostError, match="the connection"):
            await link.next_event()

    async def computer(_: Connection) -> None:
        return None

    linked(path, agreed, agent, computer)
