"""The polls of an organisation without an inbound port: it calls each computing party that it has a link to, keeps the
connection open, and answers over it what the party asks. The other end is in `polls`.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from ..accepted.networks import Network, Networks
from ..base import background
from ..base.journal import note
from ..base.refusal import RefusedError
from . import frames
from .answers import Answer, Answers, refusal
from .budget import Rates
from .connection import LARGE, Connection, ConnectionLostError
from .hello import Caller
from .mesh_server import HELLOS, MOST_PER_PEER
from .peers import CallFailedError, Peers
from .polls import SILENCE, ping

SOONEST = 0.2
LATEST = 5.0
LOOK_EVERY = 1.0


class Polling:
    """Our polls with the computing parties of each network that do not call us: those that we compute with do."""

    def __init__(self, networks: Networks, peers: Peers, answers: Answers) -> None:
        self._networks = networks
        self._peers = peers
        self._answers = answers
        self._ours: dict[tuple[str, str], asyncio.Task[None]] = {}
        # As much as a party may ask over connections of its own, and not anew with each poll.
        self._places: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_PER_PEER))
        self._requests = Rates(*HELLOS)

    async def keep(self) -> None:
        """Poll every computing party that there is a link to."""
        while True:
            wanted = {
                (network.name, party)
                for network in self._networks.current().values()
                for party in network.computes
                if party != network.self_id and not network.together(party, network.self_id)
                if party in network.stations and self._peers.can_call(party)
            }
            for key, task in list(self._ours.items()):
                if key not in wanted or task.done():
                    self._ours.pop(key).cancel()
            for key in wanted - set(self._ours):
                self._ours[key] = background.start(self._poll(*key))
            await asyncio.sleep(LOOK_EVERY)

    async def _poll(self, network_name: str, party: str) -> None:
        wait, told = SOONEST, ""
        while True:
            network = self._networks.current().get(network_name)
            if network is None:
                return
            try:
                async with self._peers.open(network, party, {"kind": "poll"}) as connection:
                    wait, told = SOONEST, ""
                    note("poll-held", party=party)
                    await self._answer(connection, network, party)
            except (CallFailedError, RefusedError) as error:
                why = error.why if isinstance(error, CallFailedError) else str(error)
                if why != told:  # once, not with every attempt
                    note("poll-lost", party=party, why=why)
                told = why
            # Jitter, or all stations of a region would call a restarted party in the same instant.
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # no secret
            wait = min(LATEST, wait * 2)

    async def _answer(self, connection: Connection, network: Network, party: str) -> None:
        warm = asyncio.create_task(ping(connection))
        connection.lend = self._answers.lend(party)
        try:
            while True:
                header, length = await connection.receive_header(LARGE, timeout=SILENCE)
                if "ask" not in header:
                    await connection.skip(length)
                    continue
                await asyncio.sleep(self._requests.wait(party))
                async with AsyncExitStack() as until_answered:
                    await until_answered.enter_async_context(self._places[party])
                    # The poll stays open while definitions change: what is asked now is checked against the one that
                    # is accepted now, and a party with another key in it proves who it is anew.
                    accepted = self._networks.current().get(network.name)
                    if accepted is None or accepted.stations.get(party) != network.stations.get(party):
                        return
                    self._peers.contact(party)
                    answering = await self._take(connection, accepted, party, header, length)
                    background.start(_reply(connection, header["ask"], answering, until_answered.pop_all()))
        finally:
            warm.cancel()

    async def _take(
        self, connection: Connection, network: Network, party: str, header: frames.JSON, length: int
    ) -> Coroutine[Any, Any, Answer]:
        """Read what comes with a request; answering it does not keep the next one waiting."""
        request, content = header.get("request"), header.get("content")
        if not isinstance(request, dict) or not isinstance(content, dict):
            await connection.skip(length)
            return _at_once({"refused": "neither a request nor content"})
        caller = Caller(network, party, request)
        try:
            body = await self._answers.body(connection, caller, length)
        except (frames.FrameError, RefusedError) as error:
            note("request-refused", peer=party, kind=request.get("kind"), why=error)
            await connection.skip(length)
            return _at_once(refusal(error))
        return self._answers.answer(caller, content, body)


async def _at_once(answer: Answer) -> Answer:
    return answer


async def _reply(
    connection: Connection, number: object, answering: Coroutine[Any, Any, Answer], place: AsyncExitStack
) -> None:
    async with place:
        try:
            await connection.send({"reply": number, "content": await answering})
        except ConnectionLostError:
            return
