"""The long poll of an organisation without an inbound port, in both roles.

It calls each computing party that it has a link to and keeps the connection open; the computing party asks its
questions over it (start, status, result), as it would over a connection of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from ..accepted.networks import Network
from ..base import background
from ..base.journal import note
from ..station import Station
from . import calls, frames, requests
from .connection import LARGE, Connection, ConnectionLostError
from .hello import Caller

PING_EVERY = 5.0
SILENCE = 16.0
SOONEST = 0.2
LATEST = 5.0
LOOK_EVERY = 1.0


class Poll:
    """The end at the computing party: asks, and takes the answers in any order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, asyncio.Future[tuple[frames.JSON, bytes]]] = {}
        self._count = 0

    async def ask(
        self, request: Mapping[str, Any], content: Mapping[str, Any], body: bytes, timeout: float = 15.0
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
        ping = asyncio.create_task(_ping(self._connection))
        try:
            while True:
                header, body = await self._connection.receive(LARGE, calls.ANSWER_BODY, SILENCE)
                future = self._waiting.get(header.get("reply", 0))
                if future is not None and not future.done() and isinstance(header.get("content"), dict):
                    future.set_result((header["content"], bytes(body)))
        finally:
            ping.cancel()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionLostError("its poll ended"))


class Polls:
    """Polls that others hold with us, by network and peer; and ours with the computing parties."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._held: dict[tuple[str, str], Poll] = {}
        self._ours: dict[tuple[str, str], asyncio.Task[None]] = {}

    def find(self, network: str, peer: str) -> Poll | None:
        """The open poll of `peer`, if there is one."""
        return self._held.get((network, peer))

    def peers(self, network: str) -> list[str]:
        """Who polls us."""
        return sorted(peer for name, peer in self._held if name == network)

    async def serve(self, connection: Connection, caller: Caller) -> None:
        """Hold the poll of `caller` until it ends; a newer one of the same peer takes its place."""
        key = (caller.network.name, caller.peer)
        poll = Poll(connection)
        self._held[key] = poll
        note("poll-open", peer=caller.peer)
        background.start(self._station.sessions.tell_again(caller.network, caller.peer))
        try:
            await poll.run()
        finally:
            if self._held.get(key) is poll:
                del self._held[key]
            note("poll-closed", peer=caller.peer)

    async def keep(self) -> None:
        """Poll every computing party that there is a link to, in every network where we are not one ourselves."""
        while True:
            wanted = {
                (network.name, party)
                for network in self._station.networks.current().values()
                if not network.is_computing(network.self_id)
                for party in network.computing
                if self._station.folders.peer_socket(party).exists()
            }
            for key in set(self._ours) - wanted:
                self._ours.pop(key).cancel()
            for key in wanted - set(self._ours):
                self._ours[key] = asyncio.create_task(self._poll(*key))
            await asyncio.sleep(LOOK_EVERY)

    async def _poll(self, network_name: str, party: str) -> None:
        wait, said = SOONEST, ""
        while True:
            network = self._station.networks.current().get(network_name)
            if network is None:
                return
            try:
                async with calls.open_call(self._station, network, party, {"kind": "poll"}) as connection:
                    wait, said = SOONEST, ""
                    note("poll-held", party=party)
                    await self._answer(connection, network, party)
            except calls.CallFailedError as error:
                if str(error) != said:  # once, not with every attempt
                    note("poll-lost", party=party, why=error.why)
                said = str(error)
            # Jitter, or all stations of a region would call a restarted party in the same instant.
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            wait = min(LATEST, wait * 2)

    async def _answer(self, connection: Connection, network: Network, party: str) -> None:
        ping = asyncio.create_task(_ping(connection))
        try:
            while True:
                header, body = await connection.receive(LARGE, requests.RESULT_BODY, SILENCE)
                # The poll stays open while definitions change: what is asked now is checked against the one that is
                # accepted now, and a party with another key in it proves who it is anew.
                accepted = self._station.networks.current().get(network.name)
                if accepted is None or accepted.stations.get(party) != network.stations.get(party):
                    return
                if "ask" in header:
                    self._station.contact(party)
                    background.start(self._reply(connection, accepted, party, header, bytes(body)))
        finally:
            ping.cancel()

    async def _reply(
        self, connection: Connection, network: Network, party: str, header: frames.JSON, body: bytes
    ) -> None:
        request, content = header.get("request"), header.get("content")
        if isinstance(request, dict) and isinstance(content, dict):
            caller = Caller(network, party, request)
            answer = await requests.answer(self._station, caller, content, body)
        else:
            answer = {"refused": "a question without request and content"}
        try:
            await connection.send({"reply": header["ask"], "content": answer})
        except ConnectionLostError:
            return


async def _ping(connection: Connection) -> None:
    while True:
        await asyncio.sleep(PING_EVERY)
        try:
            await connection.send({"ping": True})
        except ConnectionLostError:
            return
