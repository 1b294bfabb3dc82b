"""Takes the connections of peers from the gateway: who the gateway verified, then the hello, then what they ask."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

from ..accepted.networks import Networks
from ..accepted.statement import StatementKey
from ..base import background
from ..base.journal import note
from . import hello, proxy
from .answers import Answers
from .connection import Connection, ConnectionLostError, peer_uid
from .frames import FrameError
from .peers import Peers

MOST_PER_PEER = 32
MOST_STRANGERS = 256
HELLO_WITHIN = 20.0


class MeshServer:
    """Takes connections from the gateway, and from nobody else."""

    def __init__(self, key: StatementKey, networks: Networks, peers: Peers, answers: Answers) -> None:
        self._key = key
        self._networks = networks
        self._peers = peers
        self._answers = answers
        self._strangers = 0
        self._open: Counter[str] = Counter()

    async def run(self, listener: socket.socket) -> None:
        """Accept for ever."""
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            uid = peer_uid(sock)
            if uid != self._networks.gateway_uid or self._strangers >= MOST_STRANGERS:
                note("mesh-refused", uid=uid, waiting=self._strangers)
                sock.close()
                continue
            background.start(self._take(Connection(sock)))

    async def _take(self, connection: Connection) -> None:
        self._strangers += 1
        try:
            seen = await proxy.read(connection)
        except (ConnectionLostError, proxy.ProxyError) as error:
            note("proxy-failed", why=error)
            connection.close()
            return
        finally:
            self._strangers -= 1
        if self._open[seen.peer] >= MOST_PER_PEER:
            note("hello-failed", peer=seen.peer, why=f"{MOST_PER_PEER} connections are open already")
            connection.close()
            return
        self._open[seen.peer] += 1
        try:
            await self._greet(connection, seen)
        finally:
            self._open[seen.peer] -= 1
            connection.close()

    async def _greet(self, connection: Connection, seen: proxy.Identity) -> None:
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                caller = await hello.accept(connection, self._key, self._networks, seen)
        except (ConnectionLostError, FrameError, hello.HelloError, TimeoutError) as error:
            note("hello-failed", peer=seen.peer, why=error)
        else:
            self._peers.contact(caller.peer)
            try:
                with self._peers.hold(caller.network, caller.peer, connection):
                    await self._answers.serve(connection, caller)
            except ConnectionLostError as error:
                note("hello-failed", peer=seen.peer, why=error)
