"""What stations signed of their releases, as this one heard it; those that poll it are asked as soon as they do.

    ready     what are you, and what do you know of these?     own statement, theirs, and those of who drains
    drains    what I say of myself changed: here it is

So a proposer that cannot ask contributors itself hears of them from computing parties that they poll, in their own
signed words. What a station says itself takes the place of all before; of what others show, only what is newer.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..accepted.networks import Network, Networks
from ..accepted.statement import StatementKey
from ..base import background
from ..base.documents import canonical
from ..base.journal import note
from ..base.refusal import BusyError, RefusedError
from ..wire.answers import Answer, Answers
from ..wire.budget import Rates
from ..wire.connection import LARGE
from ..wire.hello import Caller
from ..wire.peers import CallFailedError, Peers
from . import about, draining
from .about import About
from .draining import Draining

KIND, CHANGED = "ready", "drains"
WITHIN = 5.0
"""Seconds for the answer of another station that is asked for a third one."""
MEMORY = 10.0
"""Seconds in which one is not asked again for others, whoever asks and whether it answered or not."""
ASKED = 120, 0.25
"""Each caller: so many questions at once, then one in so many seconds."""
ROOM = LARGE // 2
"""Bytes of what others signed in one answer; the smallest first, so that no large one keeps others out."""
Key = tuple[str, str]


@dataclass(frozen=True)
class _Said:
    about: About
    signed: Mapping[str, Any]

    @functools.cached_property
    def size(self) -> int:
        return len(canonical(self.signed))


class Known:
    """Of each station what it signed last."""

    def __init__(self, key: StatementKey, release: str, networks: Networks, peers: Peers, drains: Draining) -> None:
        self._key = key
        self._release = release
        self._networks = networks
        self._peers = peers
        self._draining = drains
        self._said: dict[Key, _Said] = {}
        self._fresh: set[Key] = set()
        """Who said something since it began to poll: it says more by itself when that changes."""
        self._asked: dict[Key, float] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}
        self._rates = Rates(*ASKED)

    def answer_in(self, answers: Answers) -> None:
        """Answer proposers, and computing parties that this station polls; hear what changed."""
        answers.add(KIND, self._ready, content=LARGE)
        answers.add(CHANGED, self._changed)

    def own(self, network: Network) -> dict[str, Any]:
        """What this station says of itself."""
        return about.sign(self._key, about.own(self._release, network, self._draining.left))

    def said(self, network: Network, stations: Iterable[str]) -> dict[str, About]:
        """What each of these said last, as far as this station heard of it."""
        found = {one: said.about for one in stations if (said := self._said.get((network.name, one)))}
        return {**found, network.self_id: about.own(self._release, network, self._draining.left)}

    def take(self, network: Network, peer: str, told: Mapping[str, Any]) -> None:
        """Keep what a station just said of itself. Raises RefusedError."""
        self._said[network.name, peer] = _Said(about.read(told, network, peer), _signed(told))
        self._fresh.add((network.name, peer))

    def show(self, network: Network, station: str, told: Mapping[str, Any]) -> None:
        """Keep what another one shows of a station, if it is newer. Raises RefusedError if that did not sign it."""
        before = self._said.get((network.name, station))
        if before is not None and before.signed == told:
            return  # as most are: hundreds of signatures are not verified again
        found = about.read(told, network, station)
        if before is None or found.said > before.about.said:
            self._said[network.name, station] = _Said(found, _signed(told))

    async def refresh(self, network: Network, stations: Iterable[str]) -> None:
        """Ask each of these that can be asked and is not known as it is now."""
        asked = (one for one in stations if one in network.stations and self._peers.can_ask(network, one))
        await asyncio.gather(*(self._ask_once(network, one) for one in asked if not self._is_fresh(network, one)))

    async def polled(self, network: Network, peer: str) -> None:
        """A station just came back: it may run another release, and drains no more unless it says so."""
        key = network.name, peer
        self._fresh.discard(key)
        self._asking.pop(key, None)  # that was asked of the one before
        await self._ask_once(network, peer)

    async def tell(self) -> None:
        """Tell everybody within reach what this station says of itself now; who is slow goes on being told."""
        telling = []
        for network in self._networks.current().values():
            near = {*self._peers.callable(), *self._peers.polls.peers(network.name)} & network.stations.keys()
            telling += [background.start(self._tell_one(network, peer)) for peer in near - {network.self_id}]
        if telling:
            await asyncio.wait(telling, timeout=draining.SETTLE)

    def part(self, network: str, station: str) -> None:
        """`station` left a network, or has another key."""
        for known in (self._said, self._asked, self._asking):
            known.pop((network, station), None)
        self._fresh.discard((network, station))

    def _is_fresh(self, network: Network, peer: str) -> bool:
        key = network.name, peer
        if key in self._asking:
            return False
        polls = key in self._fresh and self._peers.polls.find(*key) is not None
        return polls or time.monotonic() < self._asked.get(key, -math.inf) + MEMORY

    async def _ask_once(self, network: Network, peer: str) -> None:
        """Ask a station, or wait for the answer to who asked it a moment ago."""
        key = network.name, peer
        if key not in self._asking:
            self._asked[key] = time.monotonic()
            asking = self._asking[key] = background.start(self._ask(network, peer))
            asking.add_done_callback(functools.partial(self._answered, key))
        await asyncio.shield(self._asking[key])

    def _answered(self, key: Key, asking: asyncio.Task[None]) -> None:
        if self._asking.get(key) is asking:
            del self._asking[key]

    async def _ask(self, network: Network, peer: str) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                told, _ = await self._peers.ask(network, peer, {"kind": KIND}, {"stations": []})
            self.take(network, peer, told)
        except (CallFailedError, RefusedError, TimeoutError) as error:
            note("release-untold", station=peer, why=str(error) or f"no answer in {WITHIN:g} s")

    async def _tell_one(self, network: Network, peer: str) -> None:
        try:
            await self._peers.ask(network, peer, {"kind": CHANGED}, self.own(network))
        except CallFailedError as error:
            note("drains-untold", station=peer, why=error.why)

    async def _changed(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> None:
        self._count(caller)
        self.take(caller.network, caller.peer, content)

    async def _ready(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        network, wanted = caller.network, content.get("stations")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise RefusedError("stations: not a list of station ids")
        self._count(caller)
        others = set(wanted) & network.stations.keys() - {caller.peer, network.self_id}
        await self.refresh(network, others)
        return {**self.own(network), "heard": self._heard(network, others)}

    def _count(self, caller: Caller) -> None:
        if wait := self._rates.allow(caller.peer):
            raise BusyError(f"stations: asked more often than a station may; ask again in {math.ceil(wait)} s")

    def _heard(self, network: Network, wanted: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """What others signed: each that is wanted, and each that drains, as far as there is room."""
        known = {one: said for (name, one), said in self._said.items() if name == network.name}
        found = {one: said for one, said in known.items() if one in wanted or said.about.left}
        left = ROOM
        heard = {}
        for one in sorted(found, key=lambda one: found[one].size):
            left -= found[one].size + len(one) + 8
            if left < 0:
                note("release-unshown", station=one)
                break
            heard[one] = found[one].signed
        return heard


def _signed(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("about", "signature")}
