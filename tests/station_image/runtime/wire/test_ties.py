"""Whoever leaves a network loses what it holds with this station; everybody else keeps it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.accepted.networks import Networks
from station_image.runtime.wire import hello
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import Connection, ConnectionLostError
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.mesh_server import MeshServer
from station_image.runtime.wire.peers import CallFailedError, Peers
from station_image.runtime.wire.proxy import Identity
from station_image.runtime.wire.ties import Ties
from tests.station_image.runtime.neighbours import FakeComputer as Listening
from tests.station_image.runtime.neighbours import pair, run, until
from tests.station_image.runtime.views import PRINTS, Small
from tests.station_image.runtime.wire.test_mesh_server import brought

WHY = "n.c left n, or is cut"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small.make(tmp_path)


async def lost(connection: Connection) -> bool:
    """Whether the far end closes, and before anybody would do so for having heard nothing."""
    with pytest.raises(ConnectionLostError, match=r"closed|broke"):
        await _read_on(connection)
    return True


async def _read_on(connection: Connection) -> None:
    while True:
        await connection.receive(timeout=4.0)


def serving(small: Small, path: Path, work: Callable[[Networks], Coroutine[Any, Any, None]]) -> None:
    """Serve as n.b while `work` is done; what is asked there takes for ever. The folder is looked at all the time."""
    (small.folder / "n.b" / "host.json").write_text(json.dumps({"gateway_uid": os.getuid()}))

    async def for_ever(_: Caller, __: Mapping[str, Any], ___: bytes) -> None:
        await asyncio.Event().wait()

    async def both() -> None:
        networks, answers = small.networks("n.b"), Answers()
        peers = Peers(small.keys["n.b"], networks, small.folder / "peers", answers.serve)
        answers.add("wait", for_ever)
        answers.add_stream("poll", peers.polls.serve)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(100)
            listener.setblocking(False)
            tasks = [asyncio.create_task(MeshServer(small.keys["n.b"], networks, peers, answers).run(listener))]
            tasks.append(asyncio.create_task(networks.keep()))
            await work(networks)
            for task in tasks:
                task.cancel()

    run(both())


async def greeted(small: Small, path: Path, name: str, kind: str) -> Connection:
    line = await brought(path, name)
    await hello.call(line, small.keys[name], small.networks(name).find("n"), "n.b", {"kind": kind})
    return line


def test_who_is_cut_loses_its_polls_and_requests_and_nobody_else_does(small: Small, tmp_path: Path) -> None:
    """Without it a revoked peer goes on for as long as its gateway keeps the connection."""
    path = tmp_path / "mesh.sock"

    async def work(_: Networks) -> None:
        held = [await greeted(small, path, "n.c", kind) for kind in ("wait", "poll")]
        others = [await greeted(small, path, name, "poll") for name in ("n.a", "n.d")]
        small.write("n.b", **small.without("n.b", "n.c"), definition="sha256:1")
        assert [await lost(line) for line in held] == [True, True]
        for line in others:
            with pytest.raises(ConnectionLostError, match="said nothing"):
                await line.receive(timeout=0.05)

    serving(small, path, work)


def test_who_is_cut_while_it_says_hello_is_not_let_in(small: Small, tmp_path: Path) -> None:
    """It began with a view in which it was a member, and waited with its last message."""
    path = tmp_path / "mesh.sock"

    async def work(networks: Networks) -> None:
        line = await brought(path, "n.c")
        send, frames = line.send, 0

        async def late(*words: Any, **more: Any) -> None:
            nonlocal frames
            frames += 1
            if frames == 2:
                small.write("n.b", **small.without("n.b", "n.c"))
                networks.current()
            await send(*words, **more)

        line.send = late  # type: ignore[method-assign]
        network = small.networks("n.c").find("n")
        await hello.call(line, small.keys["n.c"], network, "n.b", {"kind": "poll"})
        assert await lost(line)

    serving(small, path, work)


def test_a_call_to_who_is_cut_ends_with_the_reason_and_no_other_is_made(small: Small) -> None:
    sockets = small.folder / "peers"
    sockets.mkdir()

    async def far(connection: Connection) -> None:
        networks = small.networks("n.c")
        seen = Identity("n.a", PRINTS["n.a"])
        await hello.accept(connection, small.keys["n.c"], networks, seen)
        await asyncio.Event().wait()

    async def work() -> None:
        networks = small.networks("n.a")
        peers = Peers(small.keys["n.a"], networks, sockets, Answers().serve)
        network = networks.find("n")
        async with Listening(sockets / "n.c.sock", far):
            asked = asyncio.create_task(peers.ask(network, "n.c", {"kind": "poll"}))
            await until(lambda: peers.last_contact("n.c"))
            small.write("n.a", **small.without("n.a", "n.c"))
            networks.current()
            for call in (asked, peers.ask(network, "n.c", {"kind": "poll"})):
                with pytest.raises(CallFailedError, match=WHY):
                    await call
            assert not peers.still(network, "n.c")

    run(work())


def test_what_is_let_go_is_not_ended(small: Small) -> None:
    async def work() -> None:
        networks = small.networks("n.b")
        ties, network = Ties(networks), networks.find("n")
        near, far = pair()
        with ties.hold(network, "n.c", near):
            pass
        small.write("n.b", **small.without("n.b", "n.c"))
        networks.current()
        await near.send({"still": "there"})
        header, _ = await far.receive()
        assert header == {"still": "there"}
        with pytest.raises(ConnectionLostError, match=WHY), ties.hold(network, "n.c", near):
            pass

    run(work())
