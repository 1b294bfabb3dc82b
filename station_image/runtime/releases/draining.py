"""Draining: a station that is about to be replaced begins nothing new for a while, and tells the others so.

What runs goes on. It is a lease: it ends by itself, by its people's word, or with the agent that gave it. Others are
told in what the station signs of itself (`about`). While no agent runs, a file beside the control socket tells the
programs of the server that one will come.

Who says that it drains is waited for, by each proposer for PATIENCE seconds and no longer: after that it is one that is
away. So a station that says it for ever costs the others no more than one that never comes. Nor does one proposal wait
longer for all of them together.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from ..accepted.networks import Network
from ..base import files
from ..base.journal import note
from ..base.refusal import DrainsError

LONGEST = 3600
"""Seconds of one lease, given or believed, at most."""
SETTLE = 2.0
"""Seconds after the beginning in which what was under way when the others heard of it is joined yet."""
STARTING = 30.0
"""Seconds that a computer may take to start beside an agent that follows one that drained."""
PATIENCE = 120.0
"""Seconds that a proposer waits for one station that drains, and one proposal for all together."""
AGAIN = 3600.0
"""Seconds after which it would wait as long again."""
LONGEST_SAID = 200
"""Bytes of the file that tells until when."""
Watcher = Callable[[], Awaitable[None]]


class Draining:
    """The lease of this station."""

    def __init__(self, said: Path) -> None:
        self._said = said
        self._watchers: list[Watcher] = []
        self._until = self._since = -math.inf
        self._begun = 0.0
        self._starting = time.monotonic() + STARTING if _lasts(said) else -math.inf
        with contextlib.suppress(FileNotFoundError):
            said.unlink()

    def watch(self, watcher: Watcher) -> None:
        """From now on have `watcher` tell others whenever the lease begins or ends."""
        self._watchers.append(watcher)

    @property
    def left(self) -> int:
        """Seconds for which this station drains yet; 0 where it does not."""
        return math.ceil(max(0.0, self._until - time.monotonic()))

    @property
    def starting(self) -> float:
        """Seconds that are left to the computer to start, after a station was replaced that drained; else 0."""
        return max(0.0, self._starting - time.monotonic())

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
        await asyncio.gather(self._tell(), asyncio.sleep(SETTLE))

    async def end(self) -> None:
        """Drain no more."""
        self._until = -math.inf
        with contextlib.suppress(FileNotFoundError):
            self._said.unlink()
        note("drains", seconds=0)
        await self._tell()

    async def _tell(self) -> None:
        await asyncio.gather(*(watcher() for watcher in self._watchers))


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


class Waiting(Patience):
    """How long one proposal waits yet: as a whole no longer than for one station."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._whole = PATIENCE

    def left(self, station: str) -> float:
        """Seconds."""
        return min(self._patience.left(station), self._whole)

    def waited(self, stations: Collection[str], seconds: float) -> None:
        """Count what was waited for some, once."""
        self._whole -= seconds
        self._patience.waited(stations, seconds)


def _lasts(said: Path) -> bool:
    """Whether a lease in the file of an agent before this one lasts yet."""
    try:
        return 0 < float(json.loads(files.read(said, LONGEST_SAID))["until"]) - time.time() <= LONGEST
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
