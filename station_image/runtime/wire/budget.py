"""What others may have this process hold for them: bytes that arrive, and how often somebody may come.

Bytes are asked for before they are read, and nothing is allocated for bytes that did not arrive. A peer has at most its
part of all, so that no single one keeps others from being heard; where several wait, who holds least comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ..base import memory
from ..base.refusal import BusyError, RefusedError

ARRIVING = 8
"""One part in so many of the process's memory is for bodies and large headers that arrive."""
PARTS = 4
"""One peer may fill one of so many parts of that."""
WITHIN = 12.0
"""Seconds that somebody waits for room: longer than a connection has patience with who sends slowly and holds it."""


@dataclass
class _Waiting:
    peer: str
    count: int
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_granted(self) -> bool:
        return self.granted.done() and not self.granted.cancelled()


class Budget:
    """Bytes, of which each peer may hold its part."""

    def __init__(self, total: int | None = None) -> None:
        self.total = memory.limit() // ARRIVING if total is None else total
        self.most = self.total // PARTS
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @property
    def held(self) -> int:
        """Bytes that are given out."""
        return self._held.total()

    @asynccontextmanager
    async def lent(self, peer: str, count: int) -> AsyncIterator[None]:
        """Have room for `count` bytes of `peer`. Raises RefusedError, or BusyError where there was none in time."""
        if count > self.most:
            raise RefusedError(f"{count} bytes at once, where this station has memory for {self.most} of one station")
        await self._take(peer, count)
        try:
            yield
        finally:
            self._give_back(peer, count)

    async def _take(self, peer: str, count: int) -> None:
        waiting = _Waiting(peer, count)
        self._waiting.append(waiting)
        self._grant()
        try:
            async with asyncio.timeout(WITHIN):
                await waiting.granted
        except TimeoutError as error:
            if not waiting.is_granted:  # it may be, in the same turn of the loop
                raise BusyError("this station reads as much as its memory allows at the moment; ask again") from error
        except asyncio.CancelledError:
            if waiting.is_granted:
                self._give_back(peer, count)
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
                self._grant()

    def _give_back(self, peer: str, count: int) -> None:
        self._held[peer] -= count
        if not self._held[peer]:
            del self._held[peer]
        self._grant()

    def _grant(self) -> None:
        """Give those that wait their turn: nobody passes who holds less, or came first, because it asks for less."""
        for waiting in sorted(self._waiting, key=lambda one: self._held[one.peer]):
            if waiting.granted.done() or self._held[waiting.peer] + waiting.count > self.most:
                continue  # it left a moment ago, or waits for itself
            if self.held + waiting.count > self.total:
                break
            self._held[waiting.peer] += waiting.count
            self._waiting.remove(waiting)
            waiting.granted.set_result(None)


@dataclass
class _Bucket:
    left: float
    at: float


class Rates:
    """How often each peer may come: `burst` at once, then one every `seconds`."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._seconds = seconds
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, peer: str) -> float:
        """Count one time of `peer`; in how many seconds it may come, 0.0 for now."""
        now = self._clock()
        bucket = self._buckets.setdefault(peer, _Bucket(self._burst, now))
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) / self._seconds)
        bucket.at = now
        bucket.left -= 1
        return max(0.0, -bucket.left * self._seconds)

    def allow(self, peer: str) -> float:
        """The same for who is turned away when it comes too early: that time does not count."""
        wait = self.wait(peer)
        if wait:
            self._buckets[peer].left += 1
        return wait
