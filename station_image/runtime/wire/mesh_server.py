"""Takes the connections of peers from the gateway: who the gateway verified, then the hello, then what they ask."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter

from ..accepted.networks import Networks
from ..accepted.statement import StatementKey
from ..base import background
from ..base.journal import note
from . import hello, proxy
from .answers import Answers
from .budget import Rates
from .connection import Connection, ConnectionLostError, peer_uid
from .frames import FrameError
from .peers import Peers

MOST_PER_PEER = 32
MOST_STRANGERS = 256
HELLO_WITHIN = 20.0
HELLOS = 60, 0.05
"""Each peer: so many hellos at once, then one in so many seconds; who comes more often waits."""
NOTES = 20, 30.0
"""The same for lines in the journal about who is not heard."""
AFTER_FAILURE = 0.2
OWN_FILES = 128
"""Open files that are kept free for what this station does itself: its register is one of them."""


class MeshServer:
    """Takes connections from the gateway, and from nobody else."""

    def __init__(self, key: StatementKey, networks: Networks, peers: Peers, answers: Answers) -> None:
        self._key = key
        self._networks = networks
        self._peers = peers
        self._answers = answers
        self._strangers = 0
        self._open: Counter[str] = Counter()
        self._most = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OWN_FILES)
        self._hellos = Rates(*HELLOS)
        self._notes = Rates(*NOTES)

    async def run(self, listener: socket.socket) -> None:
        """Accept for ever, whatever happens to one connection."""
        while True:
            try:
                await self._accept(listener)
            except OSError as error:
                # No descriptor or memory is left, or the caller went away: accept(2). Those that are open close.
                self._noted("accept-failed", "", why=error.strerror or error)
                await asyncio.sleep(AFTER_FAILURE)

    async def _accept(self, listener: socket.socket) -> None:
        sock, _ = await asyncio.get_running_loop().sock_accept(listener)
        try:
            uid = peer_uid(sock)
            full = self._strangers >= MOST_STRANGERS or self._strangers + self._open.total() >= self._most
            if uid != self._networks.gateway_uid or full:
                self._noted("mesh-refused", "", uid=uid, waiting=self._strangers)
                sock.close()
                return
            connection = Connection(sock)
        except OSError:
            sock.close()
            raise
        background.start(self._take(connection))

    async def _take(self, connection: Connection) -> None:
        self._strangers += 1
        try:
            seen = await proxy.read(connection)
        except (ConnectionLostError, proxy.ProxyError) as error:
            self._noted("proxy-failed", "", why=error)
            connection.close()
            return
        finally:
            self._strangers -= 1
        if self._open[seen.peer] >= MOST_PER_PEER:
            self._noted("hello-failed", seen.peer, why=f"{MOST_PER_PEER} connections are open already")
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
            await asyncio.sleep(self._hellos.wait(seen.peer))
            async with asyncio.timeout(HELLO_WITHIN):
                caller = await hello.accept(connection, self._key, self._networks, seen)
        except (ConnectionLostError, FrameError, hello.HelloError, TimeoutError) as error:
            self._noted("hello-failed", seen.peer, why=error)
        else:
            self._peers.contact(caller.peer)
            try:
                with self._peers.hold(caller.network, caller.peer, connection):
                    await self._answers.serve(connection, caller)
            except ConnectionLostError as error:
                self._noted("hello-failed", seen.peer, why=error)

    def _noted(self, event: str, peer: str, **facts: object) -> None:
        """Note it, unless it happens again and again: whoever floods must not fill the journal either."""
        if not self._notes.allow(f"{event} {peer}"):
            note(event, peer=peer or None, **facts)
