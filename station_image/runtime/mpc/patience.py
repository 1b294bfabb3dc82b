"""How long a party is waited for that gives signs of life and sends nothing else.

A slow party computes for longer than this one, by as much as its server is slower or has more to do; so what it is
allowed follows from the processor time that this one took. It is counted over the whole session, as a liar could send
something just in time at every step. Nobody is named for it: who is waited for may itself be kept waiting.
"""

from __future__ import annotations

import time
from collections import defaultdict

LEAST = 60.0
SLOWER = 30.0
"""So many times slower than this one another party may be."""


class Patience:
    """Seconds that each party was waited for. Until `begins`, monotonic, nobody is late who has not begun."""

    def __init__(self, begins: float) -> None:
        self._begins = begins
        self._waited: defaultdict[int, float] = defaultdict(float)

    def waits(self, number: int, seconds: float, begun: bool) -> float:
        """Party `number` was waited for `seconds` more; how many in all, where that is too long, else 0."""
        if begun or time.monotonic() > self._begins:
            self._waited[number] += seconds
        waited = self._waited[number]
        return waited if waited > LEAST + SLOWER * time.process_time() else 0.0
