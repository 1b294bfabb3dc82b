"""A run of the Pulumi engine that says nothing any more is ended: providers wait for ever where an engine stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

SECONDS = 180.0
"""Without a word of the engine: making or removing a container takes some seconds, on a busy machine a minute."""


class Watch:
    """Calls `end` once nothing was heard for so many `seconds`; used in a `with`.

    `going` are the URNs of what began and has not ended, `over` whether `end` was called.
    """

    def __init__(self, end: Callable[[], object], seconds: float | None = None) -> None:
        self.seconds = SECONDS if seconds is None else seconds
        self.going = set[str]()
        self.over = False
        self._end = end
        self._heard = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def heard(self, what: tuple[str, bool]) -> None:
        """The engine said something: a URN, "" for none, and whether that goes on."""
        self._heard = time.monotonic()
        urn, goes_on = what
        if urn and goes_on:
            self.going.add(urn)
        else:
            self.going.discard(urn)

    def _watch(self) -> None:
        while not self._done.wait(max(0.01, self._heard + self.seconds - time.monotonic())):
            if time.monotonic() >= self._heard + self.seconds:
                self.over = True
                self._end()
                return

    def __enter__(self) -> Self:
        self._heard = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
