"""What one party hears of another is what that said, in its order, or the end of the session."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from station_image.runtime.data.seal import KEY, NONCE, Channel
from station_image.runtime.mpc import exchanger
from station_image.runtime.mpc.exchanger import DATA, Exchanger

FORTH, BACK = (os.urandom(KEY + NONCE) for _ in range(2))


class Heard:
    """Keeps what an exchanger tells the session."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *facts: self.told.append((name, *facts))


class Line:
    """An exchanger for party 1, and the far end of its connection."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.far = Channel(BACK, FORTH)
        ours, self.sock = socket.socketpair()
        self.sock.settimeout(5)
        ours.setblocking(False)
        self.loop = asyncio.get_running_loop()
        self.peer = Exchanger(self.heard, self.loop, 1, ours, Channel(FORTH, BACK), b"keys")
        self.ours = ours

    async def open(self) -> Line:
        await self.loop.connect_accepted_socket(lambda: self.peer, sock=self.ours)
        return self

    def say(self, content: bytes) -> None:
        self.sock.sendall(exchanger.LENGTH.pack(len(content)) + content)

    def message(self, kind: int, label: int, payload: bytes = b"") -> bytes:
        return self.far.seal(exchanger.HEAD.pack(kind, label) + payload)

    def read(self) -> tuple[int, int, bytes]:
        """The next message at the far end."""
        (length,) = exchanger.LENGTH.unpack(self.sock.recv(exchanger.LENGTH.size, socket.MSG_WAITALL))
        content = self.far.open(self.sock.recv(length, socket.MSG_WAITALL))
        return (*exchanger.HEAD.unpack_from(content), content[exchanger.HEAD.size :])


def _on_a_line(work: Callable[[Line], Awaitable[None]]) -> Line:
    async def run() -> Line:
        line = await Line().open()
        async with asyncio.timeout(5):
            await work(line)
            while not line.heard.told:
                await asyncio.sleep(0)
        line.sock.close()
        line.peer._raw.close()
        line.peer.close()
        await asyncio.sleep(0)
        return line

    return asyncio.run(run())


def test_messages_are_sealed_and_opened() -> None:
    async def work(line: Line) -> None:
        assert line.read() == (exchanger.KEYS, 0, b"keys")
        line.peer.send(2**60, b"ours")
        assert line.read() == (DATA, 2**60, b"ours")
        line.say(line.message(DATA, 7, b"theirs"))
        assert await line.peer.receive(7) == b"theirs"
        line.say(line.message(exchanger.BYE, 0))

    assert _on_a_line(work).heard.told[0] == ("bye", 1)


@pytest.mark.parametrize("how", ["changed", "repeated", "left out", "made up", "too short", "in the clear"])
def test_any_other_message_ends_the_session_and_is_never_heard(how: str) -> None:
    async def work(line: Line) -> None:
        first, second = (line.message(DATA, label, b"share") for label in (1, 2))
        line.say(first)
        assert await line.peer.receive(1) == b"share"
        line.say(
            {
                "changed": second[:-1] + bytes([second[-1] ^ 1]),
                "repeated": first,
                "left out": line.message(DATA, 2, b"third"),
                "made up": Channel(os.urandom(KEY + NONCE), FORTH).seal(exchanger.HEAD.pack(DATA, 2)),
                "too short": b"",
                "in the clear": exchanger.HEAD.pack(DATA, 2) + b"share",
            }[how]
        )
        waiting = line.peer.receive(2)
        while not line.heard.told:
            await asyncio.sleep(0)
        assert not waiting.done()

    (said,) = [one for one in _on_a_line(work).heard.told if one[0] == "violated"]
    assert said[1] == 1
    assert "changed, repeated, left out or made on its way" in said[2]


@pytest.mark.parametrize(
    ("message", "why"),
    [(b"", "a message without a kind"), (exchanger.HEAD.pack(99, 0), "a message of an unknown kind")],
)
def test_a_party_that_seals_nonsense_is_named_for_it(message: bytes, why: str) -> None:
    async def work(line: Line) -> None:
        line.say(line.far.seal(message))

    assert ("violated", 1, why) in _on_a_line(work).heard.told


def test_a_length_over_the_limit_is_not_waited_for() -> None:
    async def work(line: Line) -> None:
        line.sock.sendall(exchanger.LENGTH.pack(exchanger.LARGEST))

    assert ("violated", 1, "a message larger than allowed") in _on_a_line(work).heard.told


def test_a_beat_that_found_no_room_goes_before_the_next_message() -> None:
    """Its number in the channel is used: were it dropped, nothing that follows would open."""

    async def work(line: Line) -> None:
        assert line.read()[0] == exchanger.KEYS
        line.peer.beat()
        assert line.read() == (exchanger.BEAT, 0, b"")
        right = line.peer._raw
        line.peer._raw, far = socket.socketpair()
        with line.peer._raw, far:
            line.peer._raw.shutdown(socket.SHUT_WR)
            for _ in range(3):
                line.peer.beat()
        line.peer._raw = right
        line.peer.send(5, b"share")
        assert line.read() == (exchanger.BEAT, 0, b"")
        assert line.read() == (DATA, 5, b"share")
        line.peer.beat()
        assert line.read() == (exchanger.BEAT, 0, b"")
        line.say(line.message(exchanger.BYE, 0))

    assert ("bye", 1) in _on_a_line(work).heard.told
