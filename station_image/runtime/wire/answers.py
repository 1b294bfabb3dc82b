"""What other stations may ask, and who answers: each part of the agent adds the kinds of requests that are its own.

Every caller was identified by the hello before it gets here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from ..base.journal import note, plain
from ..base.refusal import BusyError, DrainsError, RefusedError
from .budget import Budget
from .connection import SMALL, Connection, ConnectionLostError, Lend
from .frames import FrameError, limit_body
from .hello import Caller

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
    content: int


class Answers:
    """The table of requests; `budget` is for what comes with them."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._kinds: dict[str, _Kind] = {}
        self._streams: dict[str, Stream] = {}

    def add(self, kind: str, handler: Handler, limit: Limit = _nothing, content: int = SMALL) -> None:
        """Have `handler` answer requests of one kind, whichever way they come; None is answered by "ok".

        `limit` gives the bytes that a caller may bring, and raises RefusedError when it may not ask at all. `content`:
        at most so many bytes of JSON come with it.
        """
        self._new(kind)
        self._kinds[kind] = _Kind(handler, limit, content)

    def add_stream(self, kind: str, stream: Stream) -> None:
        """Give `stream` the whole connection of requests of one kind; it may detach the socket."""
        self._new(kind)
        self._streams[kind] = stream

    async def serve(self, connection: Connection, caller: Caller) -> None:
        """Serve one accepted connection until it is over; closes it unless it was handed on."""
        kind = _kind(caller)
        connection.lend = self.lend(caller.peer)
        try:
            if kind in self._kinds:
                content, length = await connection.receive_header(self._kinds[kind].content)
                async with self._lent(caller, length):
                    # Until it is answered: who takes it may have to wait until it can be handed on.
                    answer = await self.answer(caller, content, bytes(await connection.read_body(length)))
                await connection.send(answer)
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

    def lend(self, peer: str) -> Lend:
        """Room for what `peer` brings."""
        return lambda count: self.budget.lent(peer, count)

    async def body(self, connection: Connection, caller: Caller, length: int) -> bytes:
        """The `length` bytes that come with a request, if they may. Raises FrameError, RefusedError."""
        async with self._lent(caller, length):
            return bytes(await connection.read_body(length))

    def _lent(self, caller: Caller, length: int) -> AbstractAsyncContextManager[None]:
        kind = self._kinds.get(_kind(caller))
        limit_body(length, kind.limit(caller) if kind else 0)
        return self.budget.lent(caller.peer, length)

    async def answer(self, caller: Caller, content: Mapping[str, Any], body: bytes) -> Answer:
        """The answer to a request, whichever way it came; a refusal is an answer too."""
        kind = _kind(caller)
        if kind not in self._kinds:
            return _unknown()
        try:
            found = await self._kinds[kind].handler(caller, content, body)
        except RefusedError as error:
            note("request-refused", peer=caller.peer, kind=kind, why=error)
            return refusal(error)
        return {"ok": True} if found is None else found

    def _new(self, kind: str) -> None:
        if kind in self._kinds or kind in self._streams:
            raise ValueError(f"requests of kind {kind!r} are answered already")


def _kind(caller: Caller) -> str:
    return str(caller.request.get("kind"))


def refusal(error: Exception) -> Answer:
    """How somebody is told why not; `again`: it may ask again, `drains`: after so many seconds at the latest."""
    drains = {"drains": error.seconds} if isinstance(error, DrainsError) else {}
    return {"refused": plain(error), **({"again": True} if isinstance(error, BusyError) else {}), **drains}


def _unknown() -> Answer:
    return {"refused": "this release knows no such request"}


async def _refuse(connection: Connection, error: Exception) -> None:
    try:
        await connection.send(refusal(error), timeout=2.0)
    except ConnectionLostError:
        return
