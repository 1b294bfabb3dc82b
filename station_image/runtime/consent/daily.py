"""What others can have entered in the register in one day: beyond that it is counted, and the count is entered.

Everybody in a network may propose, so without this a register would grow by what others ask. A steward sees every kind
of refusal once a day, and how often; sessions about data that were carried out are all there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable


class Daily:
    """Counts of one day (UTC), by what they are about."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._day = ""
        self._entered: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()

    def enters(self, about: str, most: int, like: str = "") -> bool:
        """Whether one more about this is an entry of its own; else it is counted.

        `like`: of those that are like each other only the first is, and they are counted by that name.
        """
        if self._entered[about] < most and not (like and self._entered[like]):
            self._entered.update(filter(None, (about, like)))
            return True
        self._counted[like if self._entered[like] else about] += 1
        return False

    def past(self, *, stopping: bool = False) -> tuple[str, dict[str, int]]:
        """The day that is over, and what was counted in it, once; the day that still lasts too when `stopping`."""
        today = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        if today == self._day and not stopping:
            return "", {}
        day, counted = self._day, dict(self._counted)
        self._day = today
        self._counted.clear()
        if day != today:
            self._entered.clear()
        return day, counted

    @property
    def counted(self) -> dict[str, int]:
        """What was counted today and is in no entry yet."""
        return dict(self._counted)
