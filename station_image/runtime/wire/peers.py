"""The other stations, as this one asks them; and this one in the same way: a party that proposes also asks itself."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from ..accepted.networks import Network, NetworkError, Networks
from ..accepted.statement import StatementKey
from ..base import background
from ..base.journal import plain
from . import frames, hello
from .answers import ANSWER_BODY
from .connection import LARGE, Connection, ConnectionLostError, open_unix
from .polls import Polls
from .ties import Ties

RENEWED_WITHIN = 3.0
"""Seconds from a gateway's first connection with a renewed certificate until its agent speaks for that, with room."""
RETRY = 0.2
Local = Callable[[Connection, hello.Caller], Coroutine[Any, Any, None]]


class CallFailedError(Exception):
    """A station could not be asked, or refused. The text names it. `refused` when it answered and said no."""

    def __init__(self, peer: str, why: str, refused: bool = False) -> None:
        super().__init__(f"{peer}: {why}")
        self.peer = peer
        self.why = why
        self.refused = refused


class Peers:
    """Asks over the gateway's outbound sockets in the folder `sockets`, over polls, and itself through `local`."""

    def __init__(self, key: StatementKey, networks: Networks, sockets: Path, local: Local) -> None:
        self.polls = Polls()
        self._key = key
        self._networks = networks
        self._ties = Ties(networks)
        self._sockets = sockets
        self._local = local
        self._contacts: dict[str, float] = {}

    def contact(self, peer: str) -> None:
        """Remember that `peer` proved who it is just now."""
        self._contacts[peer] = time.time()

    def last_contact(self, peer: str) -> float | None:
        """When `peer` last proved who it is, in seconds since 1970; None: not since this agent started."""
        return self._contacts.get(peer)

    def can_call(self, peer: str) -> bool:
        """Whether the gateway has an outbound socket to `peer`."""
        return self._socket(peer).exists()

    def can_ask(self, network: Network, peer: str) -> bool:
        """Whether another station can be asked now: over a connection of ours, or one that it holds open to us."""
        return peer != network.self_id and (self.can_call(peer) or self.polls.find(network.name, peer) is not None)

    def callable(self) -> list[str]:
        """Ids of the peers that the gateway has an outbound socket for: the compiled outbound links."""
        return sorted(path.name.removesuffix(".sock") for path in self._sockets.glob("*.sock"))

    def still(self, network: Network, peer: str) -> bool:
        """Whether `peer` is in the network yet, with the key that is pinned in `network`."""
        return self._networks.still(network, peer)

    def hold(self, network: Network, peer: str, connection: Connection) -> AbstractContextManager[None]:
        """End `connection` as soon as `peer` leaves. Raises ConnectionLostError when it did already."""
        return self._ties.hold(network, peer, connection)

    @asynccontextmanager
    async def open(self, network: Network, peer: str, request: Mapping[str, Any]) -> AsyncIterator[Connection]:
        """A connection on which `peer` proved who it is and accepted `request`. Raises CallFailedError."""
        try:
            connection = await self._connected(network, peer, request)
        except hello.PeerError as error:
            raise CallFailedError(peer, error.why, refused=True) from error
        except (ConnectionLostError, frames.FrameError, NetworkError) as error:
            raise CallFailedError(peer, f"does not answer ({error})") from error
        try:
            with self.hold(network, peer, connection):
                yield connection
        except (ConnectionLostError, frames.FrameError) as error:
            raise CallFailedError(peer, str(error)) from error
        finally:
            connection.close()

    async def ask(
        self,
        network: Network,
        peer: str,
        request: Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> tuple[frames.JSON, bytes]:
        """One request, one answer: over a connection that `peer` holds open to us, or over one of ours to it."""
        poll = self.polls.find(network.name, peer)
        if poll is None:
            return await self.ask_directly(network, peer, request, content, body)
        try:
            return _unrefused(peer, *await poll.ask(request, content or {}, body))
        except ConnectionLostError as error:
            raise CallFailedError(peer, str(error)) from error

    async def ask_directly(
        self,
        network: Network,
        peer: str,
        request: Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> tuple[frames.JSON, bytes]:
        """One request, one answer, over a connection of ours."""
        async with self.open(network, peer, request) as connection:
            answer, data = await _exchange(connection, content or {}, body)
        return _unrefused(peer, answer, bytes(data))

    def _socket(self, peer: str) -> Path:
        return self._sockets / f"{peer}.sock"

    async def _connected(self, network: Network, peer: str, request: Mapping[str, Any]) -> Connection:
        """A connection as `open` gives it; asked again where our own certificate was renewed a moment ago."""
        until = time.monotonic() + RENEWED_WITHIN
        while True:
            try:
                return await self._connect(network, peer, request)
            except hello.RenewedError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(RETRY)

    async def _connect(self, network: Network, peer: str, request: Mapping[str, Any]) -> Connection:
        if peer == network.self_id:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            background.start(self._local(Connection(theirs), hello.Caller(network, peer, dict(request))))
            return Connection(ours)
        if peer not in network.stations or not self.can_call(peer):
            raise CallFailedError(peer, "has no link with this station in this direction")
        connection = await open_unix(str(self._socket(peer)))
        try:
            async with asyncio.timeout(15):
                await hello.call(connection, self._key, network, peer, request)
        except TimeoutError as error:
            connection.close()
            raise ConnectionLostError("it took too long to say hello") from error
        except BaseException:
            connection.close()
            raise
        self.contact(peer)
        return connection


def _unrefused(peer: str, answer: frames.JSON, data: bytes) -> tuple[frames.JSON, bytes]:
    if "refused" in answer:
        # One that is busy did not say no.
        raise CallFailedError(peer, f"refused: {plain(answer['refused'])}", refused=answer.get("again") is not True)
    return answer, data


async def _exchange(connection: Connection, content: Mapping[str, Any], body: bytes) -> tuple[frames.JSON, bytearray]:
    try:
        await connection.send(content, body)
    except ConnectionLostError:
        # The other side may have refused before it read everything; then its answer says why.
        return await connection.receive(LARGE, ANSWER_BODY, timeout=1.0)
    return await connection.receive(LARGE, ANSWER_BODY)
