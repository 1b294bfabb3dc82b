"""Draining: a station begins and joins no new session, and what runs there ends first.

It is a lease that ends by itself, so that an upgrade that is killed leaves no station out.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from base import errors, values
from werkplaats.operations import progress
from werkplaats.operations.look import station_says
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade.failure import Code, StoppedError

LEASE, RENEW = 120, 60
"""Seconds of one lease, and after which it is given anew: who proposes waits as long, and replacing takes a few."""
POLL = 0.5


class Drain:
    """The stations of one operator."""

    def __init__(self, remotes: remote.Remotes, say: progress.Say) -> None:
        self._remotes = remotes
        self._say = say

    @contextlib.contextmanager
    def held(self, organisations: Sequence[str], seconds: int) -> Iterator[None]:
        """Wait as `wait` does, and have them drain until what is done meanwhile is over, however long that takes.

        Else a lease ends while many are replaced on a slow machine, and a session begins that the next container ends.
        """
        self.wait(organisations, seconds)
        over = threading.Event()

        def renew() -> None:
            while not over.wait(RENEW):
                with contextlib.suppress(errors.WerkplaatsError):  # whatever is wrong, what is done meanwhile tells
                    self._left(organisations)

        with contextlib.ExitStack() as after:
            after.callback(self.end, organisations)  # who was not replaced takes part again, while people look
            beside = after.enter_context(concurrent.futures.ThreadPoolExecutor(1))
            after.callback(over.set)
            beside.submit(renew)
            yield

    def wait(self, organisations: Sequence[str], seconds: int) -> None:
        """Begin, and wait until no session runs; raises StoppedError where one goes on, and takes all back first.

        One whose agent does not answer runs none.
        """
        self._begin(organisations)
        begun = given = time.monotonic()
        told = False
        while busy := self._busy(organisations):
            now = time.monotonic()
            if now > begun + seconds:
                self.end(organisations)
                raise StoppedError(Code.BUSY, busy[0], f"a session goes on after {seconds} s")
            if now > given + RENEW:
                self._begin(organisations)
                given = now
            if not told:
                self._say(f"waiting for sessions at {', '.join(busy)}, at most {seconds} s")
                told = True
            time.sleep(POLL)
        if time.monotonic() > given + RENEW / 2:
            self._begin(organisations)

    def _begin(self, organisations: Sequence[str]) -> None:
        """Have them drain; raises StoppedError of one that does not, though its agent is there."""
        # One that starts may answer just after it was asked.
        for one, why in self._left(self._left(organisations)).items():
            self.end(o for o in organisations if o != one)
            raise StoppedError(Code.DRAIN, one, f"its station does not drain: {why}")

    def _left(self, organisations: Iterable[str]) -> dict[str, str]:
        """Have them drain; returns organisation → why, of those that do not though their agent answers."""
        asked = [*organisations]
        given = self._remotes.ask_all(asked, "station", "drain", "--seconds", str(LEASE), "--json") if asked else {}
        left = {}
        for one, answer in given.items():
            if isinstance(answer, servers.UnreachableError):
                raise StoppedError(Code.UNREACHABLE, one, str(answer))
            if not _told(answer).get("draining") and station_says.status_of(self._status([one])[one]):
                left[one] = answer.stderr.strip() or answer.stdout.strip() or "it does not say why"
        return left

    def _status(self, organisations: Sequence[str]) -> Mapping[str, remote.Answer]:
        return self._remotes.ask_all(organisations, "station", "status", "--json")

    def end(self, organisations: Iterable[str]) -> None:
        """They take part again; one that does not drain is left as it is."""
        asked = [*organisations]
        if asked:
            self._remotes.ask_all(asked, "station", "drain", "--end", "--json")

    def _busy(self, organisations: Sequence[str]) -> list[str]:
        return [one for one, answer in self._status(organisations).items() if running(answer)]


def _told(answer: remote.Done) -> dict[str, Any]:
    try:
        return values.mapping(answer.stdout)
    except ValueError:
        return {}


def running(answer: remote.Answer) -> int:
    """How many sessions a station says that it takes part in; 0 of one that says nothing."""
    return int(station_says.status_of(answer).get("sessions", 0))
