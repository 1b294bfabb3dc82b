"""The long polls that organisations without an inbound port hold with this station: requests go to them over these.

Whoever holds one is asked over it (start, status, result) as it would be over a connection of ours. The other end is
in `polling`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ..accepted.networks import Network
from ..base import background
from ..base.journal import note
from . import frames
from .answers import ANSWER_BODY
from .connection import LARGE, Connection, ConnectionLostError
from .hello import Caller

PING_EVERY = 5.0
SILENCE = 16.0
ANSWER_WITHIN = 15.0
Watcher = Callable[[Network, str], Coroutine[Any, Any, None]]


class Poll:
    """One poll: asks, and takes the answers in any order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, asyncio.Future[tuple[frames.JSON, bytes]]] = {}
        self._count = 0

    async def ask(
        self, request: Mapping[str, Any], content: Mapping[str, Any], body: bytes, timeout: float = ANSWER_WITHIN
    ) -> tuple[frames.JSON, bytes]:
        """Ask and wait. Raises ConnectionLostError."""
        self._count += 1
        number = self._count
        future: asyncio.Future[tuple[frames.JSON, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(timeout):
                await self._connection.send({"ask": number, "request": request, "content": content}, body)
                return await future
        except TimeoutError as error:
            raise ConnectionLostError("it did not answer over its poll") from error
        finally:
            del self._waiting[number]

    async def run(self) -> None:
        """Read answers and keep the connection warm until it ends."""
        warm = asyncio.create_task(ping(self._connection))
        try:
            while True:
                header, body = await self._connection.receive(LARGE, ANSWER_BODY, SILENCE)
                number = header.get("reply")
                future = self._waiting.get(number) if isinstance(number, int) else None
                if future is not None and not future.done() and isinstance(header.get("content"), dict):
                    future.set_result((header["content"], bytes(body)))
        finally:
            warm.cancel()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionLostError("its poll ended"))


class Polls:
    """The polls that others hold with us now, by network and peer."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Poll] = {}
        self._watchers: list[Watcher] = []

    def find(self, network: str, peer: str) -> Poll | None:
        """The open poll of `peer`, if there is one."""
        return self._held.get((network, peer))

    def peers(self, network: str) -> list[str]:
        """Who polls us."""
        return sorted(peer for name, peer in self._held if name == network)

    def watch(self, watcher: Watcher) -> None:
        """From now on tell `watcher` of every peer that begins to poll us: it can be asked again."""
        self._watchers.append(watcher)

    async def serve(self, connection: Connection, caller: Caller) -> None:
        """Hold the poll of `caller` until it ends; a newer one of the same peer takes its place."""
        key = (caller.network.name, caller.peer)
        poll = Poll(connection)
        self._held[key] = poll
        note("poll-open", peer=caller.peer)
        for watcher in self._watchers:
            background.start(watcher(caller.network, caller.peer))
        try:
            await poll.run()
        finally:
            if self._held.get(key) is poll:
                del self._held[key]
            note("poll-closed", peer=caller.peer)


async def ping(connection: Connection) -> None:
    """Keep a poll's connection warm until it breaks."""
    while True:
        await asyncio.sleep(PING_EVERY)
        try:
            await connection.send({"ping": True})
        except ConnectionLostError:
            return
