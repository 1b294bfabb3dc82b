"""The socket that the gateway brings peers to: nobody else, nobody too often, and nobody without a hello."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from station_image.runtime.wire import hello, mesh_server, proxy
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import Connection, ConnectionLostError, open_unix, peer_uid
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.mesh_server import MeshServer
from tests.station_image.runtime.neighbours import FakePeers, run
from tests.station_image.runtime.views import PRINTS, Small


async def who(caller: Caller, _: Mapping[str, Any], __: bytes) -> dict[str, Any]:
    return {"peer": caller.peer}


def serving(
    small: Small, path: Path, work: Callable[[FakePeers], Coroutine[Any, Any, None]], uid: int | None = None
) -> None:
    """Serve as n.b on `path` while `work` is done; the gateway's uid is ours, or the one that is given."""
    host = {"gateway_uid": os.getuid() if uid is None else uid}
    (small.folder / "n.b" / "host.json").write_text(json.dumps(host))

    async def both() -> None:
        answers, peers = Answers(), FakePeers()
        answers.add("who", who)
        server = MeshServer(small.keys["n.b"], small.networks("n.b"), peers, answers)  # type: ignore[arg-type]
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(100)
            listener.setblocking(False)
            accepting = asyncio.create_task(server.run(listener))
            await work(peers)
            accepting.cancel()

    run(both())


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small.make(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mesh.sock"


async def brought(path: Path, peer: str) -> Connection:
    """A connection that the gateway brings, with what it verified of its far end."""
    connection = await open_unix(str(path))
    value = f"{peer}|{PRINTS[peer]}".encode()
    payload = struct.pack("!BH", proxy.UNIQUE_ID, len(value)) + value
    header = proxy.SIGNATURE + b"\x21\x00" + struct.pack("!H", len(payload)) + payload
    await asyncio.get_running_loop().sock_sendall(connection.sock, header)
    return connection


async def closed(connection: Connection) -> bool:
    with pytest.raises(ConnectionLostError):
        await connection.read_exactly(1)
    return True


def test_a_peer_that_the_gateway_verified_says_hello_and_is_answered(small: Small, path: Path) -> None:
    async def work(peers: FakePeers) -> None:
        connection = await brought(path, "n.a")
        network = small.networks("n.a").find("n")
        await hello.call(connection, small.keys["n.a"], network, "n.b", {"kind": "who"})
        await connection.send({})
        assert (await connection.receive())[0] == {"peer": "n.a"}
        assert peers.contacts == ["n.a"]

    serving(small, path, work)


def test_whoever_is_not_the_gateway_is_closed_without_a_word(
    small: Small, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(_: FakePeers) -> None:
        assert await closed(await brought(path, "n.a"))

    serving(small, path, work, uid=os.getuid() + 1)
    assert f"mesh-refused uid={os.getuid()}" in capsys.readouterr().out


def test_a_connection_without_an_identity_or_a_hello_ends_and_is_noted(
    small: Small, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(peers: FakePeers) -> None:
        nameless = await open_unix(str(path))
        await asyncio.get_running_loop().sock_sendall(nameless.sock, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await closed(nameless)
        rude = await brought(path, "n.a")
        await rude.send({"hello": "you"})
        assert await closed(rude)
        assert peers.contacts == []

    serving(small, path, work)
    out = capsys.readouterr().out
    assert "proxy-failed why=no PROXY header" in out
    assert "hello-failed peer=n.a why=a message without its part 'hello'" in out


def test_one_peer_cannot_take_all_connections_and_has_them_back_when_it_leaves(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh_server, "MOST_PER_PEER", 2)

    async def work(_: FakePeers) -> None:
        held = [await brought(path, "n.a") for _ in range(2)]
        await asyncio.sleep(0.01)
        assert await closed(await brought(path, "n.a"))
        other = await brought(path, "n.c")
        await greeted(other, "n.c")
        for line in held:
            line.close()

        async def again() -> bool:
            line = await brought(path, "n.a")
            try:
                await greeted(line, "n.a")
            except ConnectionLostError:
                return False
            return True

        while not await again():
            await asyncio.sleep(0.001)

    async def greeted(line: Connection, name: str) -> None:
        await hello.call(line, small.keys[name], small.networks(name).find("n"), "n.b", {"kind": "who"})

    serving(small, path, work)


def test_who_says_no_hello_in_time_is_let_go(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mesh_server, "HELLO_WITHIN", 0.01)

    async def work(_: FakePeers) -> None:
        assert await closed(await brought(path, "n.a"))

    serving(small, path, work)
    assert "hello-failed peer=n.a" in capsys.readouterr().out


def test_more_strangers_than_are_waited_for_are_closed(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mesh_server, "MOST_STRANGERS", 1)

    async def work(_: FakePeers) -> None:
        waiting = await open_unix(str(path))
        await asyncio.sleep(0.01)
        assert await closed(await open_unix(str(path)))
        waiting.close()
        while not await greeted():
            await asyncio.sleep(0.001)

    async def greeted() -> bool:
        line = await brought(path, "n.a")
        network = small.networks("n.a").find("n")
        try:
            await hello.call(line, small.keys["n.a"], network, "n.b", {"kind": "who"})
        except ConnectionLostError:
            return False
        return True

    serving(small, path, work)
    assert "mesh-refused" in capsys.readouterr().out


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ECONNABORTED, errno.EPERM])
def test_an_accept_that_fails_is_noted_and_the_next_peer_is_served(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """What it gained: one connection too many ended the server, and the process stayed up without ears."""
    monkeypatch.setattr(mesh_server, "AFTER_FAILURE", 0.01)
    failing = [number] * 3

    def uid(sock: socket.socket) -> int:
        if failing:
            raise OSError(failing.pop(), os.strerror(number))
        return peer_uid(sock)

    monkeypatch.setattr(mesh_server, "peer_uid", uid)

    async def work(_: FakePeers) -> None:
        for _number in range(3):
            assert await closed(await brought(path, "n.a"))
        line = await brought(path, "n.a")
        await hello.call(line, small.keys["n.a"], small.networks("n.a").find("n"), "n.b", {"kind": "who"})

    serving(small, path, work)
    assert f"accept-failed why={os.strerror(number)}" in capsys.readouterr().out


def test_without_free_descriptors_peers_wait_and_are_heard_when_there_are_some(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real thing: no descriptor is left in this process, then some are."""
    monkeypatch.setattr(mesh_server, "AFTER_FAILURE", 0.01)

    async def work(_: FakePeers) -> None:
        network = small.networks("n.a").find("n")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        line = await brought(path, "n.a")
        other = socket.socket(socket.AF_UNIX)
        other.setblocking(False)
        resource.setrlimit(resource.RLIMIT_NOFILE, (other.fileno() + 1, hard))
        try:
            other.connect(str(path))
            await asyncio.sleep(0.05)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            other.close()
        await hello.call(line, small.keys["n.a"], network, "n.b", {"kind": "who"})
        late = await brought(path, "n.a")
        await hello.call(late, small.keys["n.a"], network, "n.b", {"kind": "who"})

    serving(small, path, work)
    assert "accept-failed why=Too many open files" in capsys.readouterr().out


def test_who_says_hello_too_often_waits_and_another_does_not(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gained: each hello takes two signatures and two checks of the agent, as often as a member likes."""
    monkeypatch.setattr(mesh_server, "HELLOS", (2, 0.3))

    async def greeted(name: str) -> float:
        began = time.monotonic()
        line = await brought(path, name)
        await hello.call(line, small.keys[name], small.networks(name).find("n"), "n.b", {"kind": "who"})
        line.close()
        return time.monotonic() - began

    async def work(_: FakePeers) -> None:
        assert max([await greeted("n.a") for _ in range(2)]) < 0.2
        late, other = await asyncio.gather(greeted("n.a"), greeted("n.c"))
        assert late > 0.2 > other

    serving(small, path, work)


def test_who_floods_does_not_fill_the_journal(
    small: Small, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mesh_server, "NOTES", (3, 60.0))

    async def work(_: FakePeers) -> None:
        for _number in range(20):
            rude = await brought(path, "n.a")
            await rude.send({"hello": "you"})
            assert await closed(rude)

    serving(small, path, work)
    assert capsys.readouterr().out.count("hello-failed") == 3
