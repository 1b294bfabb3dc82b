"""Draining: a station that is about to be replaced begins nothing new for a while, and tells the others so.

What runs goes on. It is a lease: it ends by itself, by its people's word, or with the agent that gave it. While no
agent runs, a file beside the control socket tells the programs of the server that one will come.

Who says that it drains is waited for, by each proposer for PATIENCE seconds and no longer: after that it is one that is
away. So a station that says it for ever costs the others no more than one that never comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ..accepted.networks import Network, Networks
from ..base import background, files
from ..base.journal import note
from ..base.refusal import DrainsError, RefusedError
from ..wire.answers import Answers
from ..wire.hello import Caller
from ..wire.peers import CallFailedError, Peers

KIND = "drains"
LONGEST = 3600
"""Seconds of one lease, given or believed, at most."""
SETTLE = 2.0
"""Seconds after the beginning in which what was under way when the others heard of it is joined yet."""
STARTING = 30.0
"""Seconds that a computer may take to start beside an agent that follows one that drained."""
PATIENCE = 120.0
"""Seconds that a proposer waits for one station that drains."""
AGAIN = 3600.0
"""Seconds after which it would wait as long again."""


class Draining:
    """The lease of this station, and of others as these told it."""

    def __init__(self, said: Path, networks: Networks, peers: Peers) -> None:
        self._said = said
        self._networks = networks
        self._peers = peers
        self._until = self._since = -math.inf
        self._begun = 0.0
        self._others: dict[tuple[str, str], float] = {}
        self._starting = time.monotonic() + STARTING if _lasts(said) else -math.inf
        with contextlib.suppress(FileNotFoundError):
            said.unlink()

    def answer_in(self, answers: Answers) -> None:
        """Hear of others that they drain."""
        answers.add(KIND, self._hear)

    @property
    def left(self) -> int:
        """Seconds for which this station drains yet; 0 where it does not."""
        return math.ceil(max(0.0, self._until - time.monotonic()))

    @property
    def starting(self) -> float:
        """Seconds that are left to the computer to start, after a station was replaced that drained; else 0."""
        return max(0.0, self._starting - time.monotonic())

    def of(self, network: Network) -> dict[str, int]:
        """Who of a network drains, and for how many seconds, as far as this station knows."""
        now = time.monotonic()
        self._others = {key: until for key, until in self._others.items() if until > now}
        found = {peer: math.ceil(until - now) for (name, peer), until in self._others.items() if name == network.name}
        return {**found, network.self_id: self.left} if self.left else found

    def check(self, network: Network) -> None:
        """Raise DrainsError while this station drains."""
        if self.left:
            raise DrainsError(network.self_id, self.left)

    def check_joined(self, network: Network, proposed: int) -> None:
        """Raise DrainsError unless a session that was proposed at that time is one that still goes on here."""
        if proposed > self._begun and time.monotonic() > self._since + SETTLE:
            self.check(network)

    async def begin(self, seconds: int) -> None:
        """Drain for so many seconds from now; returns once others were told, as far as they are within reach."""
        self._until, self._since, self._begun = time.monotonic() + seconds, time.monotonic(), time.time()
        files.replace(self._said, json.dumps({"until": self._begun + seconds}))
        note("drains", seconds=seconds)
        await asyncio.gather(self._tell(seconds), asyncio.sleep(SETTLE))

    async def end(self) -> None:
        """Drain no more."""
        self._until = -math.inf
        with contextlib.suppress(FileNotFoundError):
            self._said.unlink()
        note("drains", seconds=0)
        await self._tell(0)

    def hear(self, network: str, peer: str, seconds: int) -> None:
        """Remember that a station drains for so many seconds, 0 that it does not, as it says itself."""
        self._others[network, peer] = time.monotonic() + min(seconds, LONGEST)

    async def _hear(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> None:
        self.hear(caller.network.name, caller.peer, seconds_of(content.get("seconds")))

    async def _tell(self, seconds: int) -> None:
        """Tell everybody within reach; who has not heard it in time goes on being told."""
        telling = []
        for network in self._networks.current().values():
            near = {*self._peers.callable(), *self._peers.polls.peers(network.name)} & network.stations.keys()
            telling += [background.start(self._tell_one(network, peer, seconds)) for peer in near - {network.self_id}]
        if telling:
            await asyncio.wait(telling, timeout=SETTLE)

    async def _tell_one(self, network: Network, peer: str, seconds: int) -> None:
        try:
            await self._peers.ask(network, peer, {"kind": KIND}, {"seconds": seconds})
        except CallFailedError as error:
            note("drains-untold", station=peer, why=error.why)


class Patience:
    """How long this station waits yet for each one that drains."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent: dict[str, tuple[float, float]] = {}
        """Station → seconds that were waited for it, and when that was counted."""

    def left(self, station: str) -> float:
        """Seconds; they come back in AGAIN seconds."""
        spent, at = self._spent.get(station, (0.0, 0.0))
        return PATIENCE - max(0.0, spent - (self._clock() - at) * PATIENCE / AGAIN)

    def waited(self, stations: Collection[str], seconds: float) -> None:
        """Count what was waited for some."""
        for station in stations:
            self._spent[station] = PATIENCE - self.left(station) + seconds, self._clock()


def seconds_of(content: object) -> int:
    """Seconds as another station tells them. Raises RefusedError."""
    if type(content) is not int or content < 0:
        raise RefusedError("seconds: not a whole number")
    return content


def _lasts(said: Path) -> bool:
    """Whether a lease in the file of an agent before this one lasts yet."""
    try:
        return 0 < float(json.loads(said.read_text())["until"]) - time.time() <= LONGEST
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
