"""Chance by seed: WERKPLAATS_KILL_SEED chooses what is broken and when, and the same seed chooses the same again.

Or nothing is left to chance: a process is killed at each of its writes, one after another.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

SEED = int(os.environ.get("WERKPLAATS_KILL_SEED", "20261123"))
_WRITES = ("os.rename", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "os.chmod")


def of(what: str) -> random.Random:
    """The choices about one thing; they do not depend on those about another."""
    return random.Random(f"{SEED} {what}")  # noqa: S311 - a place, not a secret


def killed_at(count: int, action: Callable[[], object]) -> bool:
    """Run an action in a process of its own and kill that before its n-th write; returns whether it came so far."""
    child = os.fork()
    if not child:
        left = [count]

        def before(event: str, arguments: tuple[Any, ...]) -> None:
            opened = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if opened or event in _WRITES:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(before)
        with contextlib.suppress(BaseException):  # it must not come back to pytest; the parent sees that it failed
            action()
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


class KilledError(BaseException):
    """The process ends here."""


class Writes:
    """So many writes are let through, `left`, and at the next one the run is killed, within this process."""

    def __init__(self) -> None:
        self.left = 0

    def counted(self, action: Callable[..., None]) -> Callable[..., None]:
        """The action, as one of these writes."""

        def one(*given: object, **named: object) -> None:
            self.left -= 1
            if self.left < 0:
                raise KilledError
            action(*given, **named)

        return one
