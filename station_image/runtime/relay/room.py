"""How much room the copies of all peers of a network have together: no peer keeps another's from finding its place.

A copy that is larger than one that comes goes first, and before that one that a follower with the usual interval has
had the time to look at: were it right, it would be no news any more. So whoever fills the room gives way to the small
one that is right.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .shape import LARGEST_WHOLE

ROOM = LARGEST_WHOLE
"""Bytes: of 25 organisations a publication has 140,000, of 625 some 3.5 million."""
LOOKED = 900.0
"""Seconds in which a follower with the usual interval looked three times."""


@dataclass(frozen=True)
class _Taken:
    size: int
    since: float


class Room:
    """Of one network: in a federation for the copies of all its members, by whose and which. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: dict[str, _Taken] = {}
        self._lock = threading.Lock()

    def take(self, peer: str, size: int) -> list[str]:
        """Have `size` bytes for a peer, in all; returns whose copies have to go. Raises OSError where none are."""
        with self._lock:
            now = self._clock()
            others = {name: one for name, one in self._taken.items() if name != peer}
            goes: list[str] = []
            free = ROOM - sum(one.size for one in others.values())
            for name in sorted(others, key=lambda name: (self._fresh(others[name], now), -others[name].size)):
                if free >= size:
                    break
                if others[name].size > size or not self._fresh(others[name], now):
                    goes.append(name)
                    free += others[name].size
            if free < size:
                raise OSError(errno.ENOSPC, f"a copy of {size} bytes, and those of other peers leave {max(free, 0)}")
            self._taken[peer] = _Taken(size, now)
            for name in goes:
                del self._taken[name]
            return goes

    def settle(self, peer: str, size: int) -> None:
        """So much of a peer lies here now; nothing arrives."""
        with self._lock:
            before = self._taken.pop(peer, None)
            if size:
                self._taken[peer] = _Taken(size, before.since if before else self._clock())

    @staticmethod
    def _fresh(one: _Taken, now: float) -> bool:
        return now - one.since < LOOKED
