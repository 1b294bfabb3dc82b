"""The agent's end of its connection with the computer, one per session."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from ..base import documents
from ..consent.plan import Plan
from ..data.differencing import Earlier
from ..wire import frames
from ..wire.connection import LARGE, Connection, ConnectionLostError, open_unix

BEAT_EVERY = 1.0
SILENCE = 7.0
RESULT = 64 * 1024 * 1024


class ComputerLink:
    """One session in the computer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._beating = asyncio.create_task(self._beat())

    @classmethod
    async def begin(cls, path: str, plan: Plan, number: int, earlier: Sequence[Earlier]) -> ComputerLink:
        """Have a process made for `plan`. Raises ConnectionLostError when the computer is not there.

        `earlier`: the results that this one may not be subtracted from.
        """
        connection = await open_unix(path)
        begin = {"event": "begin", "plan": plan.content, "digest": plan.digest, "number": number}
        # In the body: after two years of daily results it is larger than a header may be.
        await connection.send(begin, documents.canonical({"earlier": [one.content for one in earlier]}))
        return cls(connection)

    async def peer(self, number: int, sock: socket.socket, keys: tuple[bytes, bytes]) -> None:
        """Hand over the connection with party `number`, and the keys to send and to receive with; ours is closed."""
        send, receive = (key.hex() for key in keys)
        with sock:
            await self._connection.send_descriptor(
                {"event": "peer", "number": number, "send": send, "receive": receive}, sock
            )

    async def leave(self, root: int | None, reason: str) -> None:
        """Have the process tell the other parties because of whom this one leaves."""
        await self._connection.send({"event": "leave", "root": root, "reason": reason})

    async def deposit(self, contributor: str, tag: str, body: bytes) -> None:
        """Hand over the shares of one contributor."""
        await self._connection.send({"event": "deposit", "contributor": contributor, "tag": tag}, body)

    async def complete(self) -> None:
        """Tell the process that no more shares come."""
        await self._connection.send({"event": "intake"})

    async def remembered(self) -> None:
        """Tell the process that what it is about to open is remembered here."""
        await self._connection.send({"event": "remembered"})

    async def next_event(self) -> tuple[frames.JSON, bytes]:
        """What the session's process says next. Raises ConnectionLostError when it is gone or stuck."""
        while True:
            header, body = await self._connection.receive(LARGE, RESULT, SILENCE)
            if header.get("event") != "beat":
                return header, bytes(body)

    def close(self) -> None:
        """End the session's process, if it still runs."""
        self._beating.cancel()
        self._connection.close()

    async def _beat(self) -> None:
        """Tell the process that this agent is there: the other parties see no more of a station than its computer."""
        with contextlib.suppress(ConnectionLostError):
            while True:
                await asyncio.sleep(BEAT_EVERY)
                await self._connection.send({"event": "beat"})
