"""What other stations can ask, and who answers. Every caller was identified by the hello before it gets here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..base.journal import note, plain
from ..consent import bundle as bundles
from ..consent.plan import PlanRefusedError
from ..session import contribution
from ..station import Station
from .connection import LARGE, Connection, ConnectionLostError
from .frames import FrameError
from .hello import Caller

RESULT_BODY = 64 * 1024 * 1024
Answer = dict[str, Any]
Question = Callable[[Station, Caller, Mapping[str, Any], bytes], Awaitable[Answer]]


async def serve(station: Station, connection: Connection, caller: Caller) -> None:
    """Serve one accepted connection until it is over; closes it unless it was handed on."""
    kind = caller.request.get("kind")
    try:
        if kind in QUESTIONS:
            content, body = await connection.receive(LARGE, body_limit(station, caller))
            await connection.send(await answer(station, caller, content, bytes(body)))
        elif kind in STREAMS:
            await STREAMS[str(kind)](station, connection, caller)
        else:
            await connection.send({"refused": "this release knows no such request"})
    except ConnectionLostError:
        pass  # whoever needs to know notices on its own side
    except (FrameError, PlanRefusedError) as error:
        note("request-refused", peer=caller.peer, kind=kind, why=error)
        await _refuse(connection, error)
    finally:
        connection.close()


async def answer(station: Station, caller: Caller, content: Mapping[str, Any], body: bytes) -> Answer:
    """The answer to a question, whichever way it came; a refusal is an answer too."""
    kind = str(caller.request.get("kind"))
    if kind not in QUESTIONS:
        return {"refused": "this release knows no such request"}
    try:
        return await QUESTIONS[kind](station, caller, content, body)
    except PlanRefusedError as error:
        note("request-refused", peer=caller.peer, kind=kind, why=error)
        return {"refused": plain(error)}


def body_limit(station: Station, caller: Caller) -> int:
    """How many bytes a question may bring: nothing, unless it is shares that are expected."""
    kind = caller.request.get("kind")
    if kind == "deposit":
        return station.sessions.expected_body(caller)
    return RESULT_BODY if kind == "result" else 0


async def _refuse(connection: Connection, error: Exception) -> None:
    try:
        await connection.send({"refused": plain(error)}, timeout=2.0)
    except ConnectionLostError:
        return


async def _status(station: Station, caller: Caller, _: Mapping[str, Any], __: bytes) -> Answer:
    return station.summary(caller.network)


async def _start(station: Station, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
    """A computing party brings a plan that all computing parties accepted: contribute to it."""
    if not caller.network.is_computing(caller.peer):
        raise PlanRefusedError(f"{caller.peer} is not a computing party")
    bundle = bundles.parse(dict(content), caller.network)
    await contribution.begin(station, caller.network, bundle)
    return {"ok": True}


async def _deposit(station: Station, caller: Caller, _: Mapping[str, Any], body: bytes) -> Answer:
    station.sessions.deposit(caller, body)
    return {"ok": True}


async def _decline(station: Station, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
    station.sessions.decline(caller, content)
    return {"ok": True}


async def _receipt(station: Station, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
    station.sessions.receipt(caller, content)
    return {"ok": True}


async def _result(station: Station, caller: Caller, content: Mapping[str, Any], body: bytes) -> Answer:
    station.results.receive(caller, content, body)
    return {"ok": True}


async def _propose(station: Station, connection: Connection, caller: Caller) -> None:
    await station.sessions.propose(connection, caller)


async def _channel(station: Station, connection: Connection, caller: Caller) -> None:
    await station.sessions.channel(connection, caller)


async def _poll(station: Station, connection: Connection, caller: Caller) -> None:
    await station.polls.serve(connection, caller)


QUESTIONS: Mapping[str, Question] = {
    "status": _status,
    "start": _start,
    "deposit": _deposit,
    "decline": _decline,
    "result": _result,
    "receipt": _receipt,
}
STREAMS: Mapping[str, Callable[[Station, Connection, Caller], Awaitable[None]]] = {
    "propose": _propose,
    "channel": _channel,
    "poll": _poll,
}
