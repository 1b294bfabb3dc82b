"""Progress for people: a line per thing that happens, with the time since the start and the phase it belongs to."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from base import errors

Say = Callable[[str], None]
"""Says one line of what happens to whoever waits."""


class Progress:
    """Prints to `stream` and keeps the seconds of each phase in `phases` (name → seconds, wall clock)."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._lock = threading.Lock()
        self._about = ""
        self.start = time.monotonic()
        self.phases: dict[str, float] = {}

    def about(self, part: str) -> Progress:
        """The progress of one part, whose lines begin with its name, with phases of its own."""
        found = Progress(self._stream, quiet=self._quiet)
        found._lock, found._about, found.start = self._lock, f"{part}: ", self.start
        return found

    def say(self, text: str, phase: str = "") -> None:
        """One line; safe from several threads."""
        if self._quiet:
            return
        with self._lock:
            stamp, text = f"[{time.monotonic() - self.start:6.1f} s]", self._about + text
            line = errors.printable(f"{stamp} {phase:<10} {text}" if phase else f"{stamp} {text}")
            print(line, file=self._stream, flush=True)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[PhaseProgress]:
        """Time what happens inside as the phase `name`; several stretches of one phase add up."""
        began = time.monotonic()
        try:
            yield PhaseProgress(self, name)
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start


class PhaseProgress:
    """Says lines in the name of one phase; can be called like a function."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name

    def __call__(self, text: str) -> None:
        """One line in this phase."""
        self._progress.say(text, self._name)
