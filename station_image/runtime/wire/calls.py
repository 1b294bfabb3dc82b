"""Calls to other stations, and to this one in the same way: a party that proposes also asks itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ..accepted.networks import Network, NetworkError
from ..base import background
from ..base.journal import plain
from ..station import Station
from . import frames, hello
from .connection import LARGE, Connection, ConnectionLostError, open_unix

ANSWER_BODY = 1024 * 1024


class CallFailedError(Exception):
    """A station could not be asked, or refused. The text names it. `refused` when it answered and said no."""

    def __init__(self, peer: str, why: str, refused: bool = False) -> None:
        super().__init__(f"{peer}: {why}")
        self.peer = peer
        self.why = why
        self.refused = refused


@asynccontextmanager
async def open_call(
    station: Station, network: Network, peer: str, request: Mapping[str, Any]
) -> AsyncIterator[Connection]:
    """A connection on which `peer` proved who it is and accepted `request`. Raises CallFailedError."""
    try:
        connection = await _connect(station, network, peer, request)
    except hello.HelloError as error:
        raise CallFailedError(peer, str(error).removeprefix(f"{peer} "), refused=True) from error
    except (ConnectionLostError, frames.FrameError, NetworkError) as error:
        raise CallFailedError(peer, f"does not answer ({error})") from error
    try:
        yield connection
    except (ConnectionLostError, frames.FrameError) as error:
        raise CallFailedError(peer, str(error)) from error
    finally:
        connection.close()


async def ask(
    station: Station,
    network: Network,
    peer: str,
    request: Mapping[str, Any],
    content: Mapping[str, Any] | None = None,
    body: bytes = b"",
) -> tuple[frames.JSON, bytes]:
    """One question, one answer: over a connection that `peer` holds open to us, or over one of ours to it."""
    poll = station.polls.find(network.name, peer)
    if poll is None:
        return await ask_directly(station, network, peer, request, content, body)
    try:
        return _unrefused(peer, *await poll.ask(request, content or {}, body))
    except ConnectionLostError as error:
        raise CallFailedError(peer, str(error)) from error


async def ask_directly(
    station: Station,
    network: Network,
    peer: str,
    request: Mapping[str, Any],
    content: Mapping[str, Any] | None = None,
    body: bytes = b"",
) -> tuple[frames.JSON, bytes]:
    """One question, one answer, over a connection of ours."""
    async with open_call(station, network, peer, request) as connection:
        answer, data = await _exchange(connection, content or {}, body)
    return _unrefused(peer, answer, bytes(data))


def _unrefused(peer: str, answer: frames.JSON, data: bytes) -> tuple[frames.JSON, bytes]:
    if "refused" in answer:
        raise CallFailedError(peer, f"refused: {plain(answer['refused'])}", refused=True)
    return answer, data


async def _exchange(connection: Connection, content: Mapping[str, Any], body: bytes) -> tuple[frames.JSON, bytearray]:
    try:
        await connection.send(content, body)
    except ConnectionLostError:
        # The other side may have refused before it read everything; then its answer says why.
        return await connection.receive(LARGE, ANSWER_BODY, timeout=1.0)
    return await connection.receive(LARGE, ANSWER_BODY)


async def _connect(station: Station, network: Network, peer: str, request: Mapping[str, Any]) -> Connection:
    if peer == network.self_id:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        caller = hello.Caller(network, peer, dict(request))
        background.start(station.serve(Connection(theirs), caller))
        return Connection(ours)
    path = station.folders.peer_socket(peer)
    if peer not in network.stations or not path.exists():
        raise CallFailedError(peer, "has no link with this station in this direction")
    connection = await open_unix(str(path))
    try:
        async with asyncio.timeout(15):
            await hello.call(connection, station.key, network, peer, request)
    except TimeoutError as error:
        connection.close()
        raise ConnectionLostError("it took too long to say hello") from error
    except BaseException:
        connection.close()
        raise
    station.contact(peer)
    return connection
