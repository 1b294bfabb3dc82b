"""How much one peer has this station fetch: whoever claims ever newer publications, or gives none, is asked rarely.

A peer is judged by itself: what one does keeps nothing from arriving from another.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .shape import LARGEST_WHOLE

BYTES_AN_HOUR = 2 * LARGEST_WHOLE
FIRST_WAIT, LONGEST_WAIT = 5.0, 3600.0
"""Seconds until one that gave something is asked again."""
FIRST_BROKEN, LONGEST_BROKEN = 2.0, 60.0
"""The same for one that went away half-way, or exchanged what it has."""
MOST_DOUBLINGS = 20
HOUR = 3600.0


class Pace:
    """One peer in one network."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(BYTES_AN_HOUR)
        self._at = clock()
        self._not_before = -1.0
        self._taken = 0
        self._broken = 0

    def may(self) -> bool:
        """Whether it is asked for its publication now."""
        return self._clock() >= self._not_before and self.left > 0

    @property
    def left(self) -> float:
        """Bytes that are fetched from it now at most."""
        now = self._clock()
        self._left = min(BYTES_AN_HOUR, self._left + (now - self._at) * BYTES_AN_HOUR / HOUR)
        self._at = now
        return self._left

    def count(self, size: int) -> None:
        """So many bytes came from it."""
        self._left = self.left - size

    def taken(self) -> None:
        """It gave something, be it what it must not: each time since one proved right it waits twice as long."""
        self._wait(min(LONGEST_WAIT, FIRST_WAIT * 2**self._taken))
        self._taken = min(self._taken + 1, MOST_DOUBLINGS)
        self._broken = 0

    def broken(self) -> None:
        """It went away, or could not now: each time in a row it waits twice as long."""
        self._wait(min(LONGEST_BROKEN, FIRST_BROKEN * 2**self._broken))
        self._broken = min(self._broken + 1, MOST_DOUBLINGS)

    def proved(self) -> None:
        """What was verified on this server is newer than it was: perhaps from this one."""
        self._taken = 0

    def _wait(self, seconds: float) -> None:
        self._not_before = self._clock() + seconds
