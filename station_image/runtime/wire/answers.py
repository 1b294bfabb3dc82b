"""What other stations may ask, and who answers: each part of the agent adds the kinds of requests that are its own.

Every caller was identified by the hello before it gets here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..base.journal import note, plain
from ..base.refusal import RefusedError
from .connection import LARGE, Connection, ConnectionLostError
from .frames import FrameError
from .hello import Caller

REQUEST_BODY = 64 * 1024 * 1024
"""Bytes that a request of any kind may bring at most; each kind has its own limit below this."""
ANSWER_BODY = 1024 * 1024
Answer = dict[str, Any]
Handler = Callable[[Caller, Mapping[str, Any], bytes], Awaitable[Answer | None]]
Stream = Callable[[Connection, Caller], Awaitable[None]]
Limit = Callable[[Caller], int]


def _nothing(_: Caller) -> int:
    return 0


@dataclass(frozen=True)
class _Kind:
    handler: Handler
    limit: Limit


class Answers:
    """The table of requests."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._streams: dict[str, Stream] = {}

    def add(self, kind: str, handler: Handler, limit: Limit = _nothing) -> None:
        """Have `handler` answer requests of one kind, whichever way they come; None is answered by "ok".

        `limit` gives the bytes that a caller may bring, and raises RefusedError when it may not ask at all.
        """
        self._new(kind)
        self._kinds[kind] = _Kind(handler, limit)

    def add_stream(self, kind: str, stream: Stream) -> None:
        """Give `stream` the whole connection of requests of one kind; it may detach the socket."""
        self._new(kind)
        self._streams[kind] = stream

    async def serve(self, connection: Connection, caller: Caller) -> None:
        """Serve one accepted connection until it is over; closes it unless it was handed on."""
        kind = _kind(caller)
        try:
            if kind in self._kinds:
                content, body = await connection.receive(LARGE, self._kinds[kind].limit(caller))
                await connection.send(await self.answer(caller, content, bytes(body)))
            elif kind in self._streams:
                await self._streams[kind](connection, caller)
            else:
                await connection.send(_unknown())
        except ConnectionLostError:
            pass  # whoever needs to know notices on its own side
        except (FrameError, RefusedError) as error:
            note("request-refused", peer=caller.peer, kind=kind, why=error)
            await _refuse(connection, error)
        finally:
            connection.close()

    async def answer(self, caller: Caller, content: Mapping[str, Any], body: bytes) -> Answer:
        """The answer to a request, whichever way it came; a refusal is an answer too."""
        kind = _kind(caller)
        if kind not in self._kinds:
            return _unknown()
        try:
            found = await self._kinds[kind].handler(caller, content, body)
        except RefusedError as error:
            note("request-refused", peer=caller.peer, kind=kind, why=error)
            return {"refused": plain(error)}
        return {"ok": True} if found is None else found

    def _new(self, kind: str) -> None:
        if kind in self._kinds or kind in self._streams:
            raise ValueError(f"requests of kind {kind!r} are answered already")


def _kind(caller: Caller) -> str:
    return str(caller.request.get("kind"))


def _unknown() -> Answer:
    return {"refused": "this release knows no such request"}


async def _refuse(connection: Connection, error: Exception) -> None:
    try:
        await connection.send({"refused": plain(error)}, timeout=2.0)
    except ConnectionLostError:
        return
