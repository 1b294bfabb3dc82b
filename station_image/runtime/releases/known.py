"""What stations said of their releases to this one; those that poll it are asked as soon as they do.

    ready     what are you, who drains, and what of these do you know?     own statement, theirs, seconds

So a proposer that cannot ask contributors itself hears of them from a computing party that they poll, in their own
signed words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ..accepted.networks import Network
from ..accepted.statement import StatementKey
from ..base.journal import note
from ..base.refusal import RefusedError
from ..wire.answers import Answer, Answers
from ..wire.connection import LARGE
from ..wire.hello import Caller
from ..wire.peers import CallFailedError, Peers
from . import about, draining
from .draining import Draining

KIND = "ready"
WITHIN = 5.0
"""Seconds for the answer of another station that is asked for a third one."""


class Known:
    """Of each station what it signed last."""

    def __init__(self, key: StatementKey, release: str, peers: Peers, drains: Draining) -> None:
        self._key = key
        self._release = release
        self._peers = peers
        self._draining = drains
        self._heard: dict[tuple[str, str], Mapping[str, Any]] = {}

    def answer_in(self, answers: Answers) -> None:
        """Answer proposers, and computing parties that this station polls."""
        answers.add(KIND, self._ready, content=LARGE)

    def own(self, network: Network) -> dict[str, Any]:
        """What this station says of itself."""
        return about.sign(self._key, about.own(self._release, network))

    async def polled(self, network: Network, peer: str) -> None:
        """A station just came back: it may run another release, and drains no more unless it says so."""
        self._heard.pop((network.name, peer), None)
        await self._ask(network, peer)

    async def of(self, network: Network, stations: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """What each of these said of itself: asked now, where it does not hold a poll; of who is away, the last."""
        asked = [one for one in stations if one != network.self_id and one in network.stations]
        stale = [one for one in asked if not self._fresh(network, one) and self._peers.can_ask(network, one)]
        await asyncio.gather(*(self._ask(network, one) for one in stale))
        found = {one: self._heard[network.name, one] for one in asked if (network.name, one) in self._heard}
        return {**found, network.self_id: self.own(network)}

    def take(self, network: Network, peer: str, told: Mapping[str, Any]) -> dict[str, int]:
        """Keep what a station tells of itself, and return who drains, as it says. Raises RefusedError."""
        said = told.get("drains")
        if not isinstance(said, dict):
            raise RefusedError("drains: not told")
        drains = {str(name): draining.seconds_of(seconds) for name, seconds in said.items()}
        own = {"about": told.get("about"), "signature": told.get("signature")}
        about.read(own, network, peer)
        self._heard[network.name, peer] = own
        self._draining.hear(network.name, peer, drains.get(peer, 0))
        return drains

    def _fresh(self, network: Network, peer: str) -> bool:
        return (network.name, peer) in self._heard and self._peers.polls.find(network.name, peer) is not None

    async def _ask(self, network: Network, peer: str) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                told, _ = await self._peers.ask(network, peer, {"kind": KIND}, {"stations": []})
            self.take(network, peer, told)
        except (CallFailedError, RefusedError, TimeoutError) as error:
            note("release-untold", station=peer, why=str(error) or f"no answer in {WITHIN:g} s")

    async def _ready(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        network, wanted = caller.network, content.get("stations")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise RefusedError("stations: not a list of station ids")
        heard = await self.of(network, set(wanted) - {caller.peer}) if wanted else {}
        return {**self.own(network), "heard": heard, "drains": self._draining.of(network)}
