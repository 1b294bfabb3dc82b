"""Carry an upgrade out, from whatever was left: wave after wave, and a session over all stations after each.

What is to be done follows from what servers run, never from what was written down; that is for people, and so that a
killed upgrade knows where it went. Every step can be done again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from base import canonical, errors
from stacks import drive
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import canary
from werkplaats.operations.upgrade.drain import Drain
from werkplaats.operations.upgrade.failure import Code, Failure, StoppedError
from werkplaats.operations.upgrade.state import Phase, Step, Store, Upgrade

_CODES: tuple[tuple[type[Exception], Code], ...] = (
    (servers.UnreachableError, Code.UNREACHABLE),
    (drive.DriveError, Code.REPLACE),
    (Exception, Code.FAILED),  # another error of ours, or of this machine's own disk
)


class Keep(Protocol):
    """Keeps that a station is at another step now, which begins to bring a part of its server or none."""

    def __call__(self, organisation: str, step: Step, part: str = "") -> None:
        """Keep it in the vault."""


class Mover(Protocol):
    """What moves: the release of stations, or the packages of servers. Both raise StoppedError."""

    def left(self, wave: Sequence[str]) -> list[str]:
        """Who of a wave has not moved yet, as its server tells."""

    def bring(self, moves: Sequence[str]) -> None:
        """Bring what they need to their servers, while they take part: nothing that goes on there changes by it."""

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """Have them move, from wherever they are, each drained before it is away."""


class Machine:
    """One upgrade at work; the caller holds the network's lock.

    `closes`, where a yes was said beforehand: the organisations of which it was said, each with when its window closes.
    """

    def __init__(
        self,
        network: networks.Network,
        remotes: remote.Remotes,
        store: Store,
        mover: Mover,
        say: progress.Say,
        closes: Mapping[str, datetime.datetime] | None = None,
    ) -> None:
        self._network = network
        self._remotes = remotes
        self._store = store
        self._mover = mover
        self._say = say
        self._closes = closes
        self._drain = Drain(remotes, say)

    def run(self, upgrade: Upgrade) -> Upgrade:
        """Go on until all have moved, somebody asks for a pause, or something stops it; returns how it stands then.

        Raises HalfWayError where that cannot be kept; then, and after what is an error of the program, it counts as
        ended from outside.
        """
        try:
            return self._run(upgrade)
        except OSError as error:
            raise errors.HalfWayError(
                f"how far the upgrade of {upgrade.network} came cannot be kept on this machine: {error}",
                f"mend that, then werkplaats upgrade resume {upgrade.network}",
            ) from error

    def _run(self, upgrade: Upgrade) -> Upgrade:
        self._store.goes_on()
        upgrade = self._store.save(upgrade.now(Phase.RUNNING))
        try:
            for number, wave in enumerate(upgrade.waves, 1):
                if self._store.pause_is_asked:
                    self._say("paused, as was asked")
                    return self._store.save(upgrade.now(Phase.PAUSED))
                upgrade = self._wave(upgrade, number, [one for one in wave if one in self._remotes.servers])
        except StoppedError as stopped:
            failure = stopped.failure
        except (errors.WerkplaatsError, OSError) as error:
            failure = Failure.of(next(code for kind, code in _CODES if isinstance(error, kind)), "", str(error))
        else:
            return self._store.save(upgrade.now(Phase.DONE))
        # As it was kept last: the step that stopped kept how far it came.
        return self._store.save((self._store.load() or upgrade).now(Phase.PAUSED, failure))

    def _wave(self, upgrade: Upgrade, number: int, wave: Sequence[str]) -> Upgrade:
        moves = self._mover.left(wave)
        done = [one for one in wave if one not in moves]
        for one in done:
            if upgrade.stations[one].step is not Step.MOVED:
                upgrade = self._store.save(upgrade.at(one, Step.MOVED))
        self._drain.end(done)  # of a run that was killed after it
        if moves:
            upgrade = self._moved(upgrade, number, moves)
        # Also where a run before this one moved them, and did not come to it, or found that it failed.
        last = number == len(upgrade.waves)
        if number > upgrade.tried and (last or not upgrade.back):
            upgrade = self._tried(upgrade, number, wave)
        return upgrade

    def _moved(self, upgrade: Upgrade, number: int, moves: Sequence[str]) -> Upgrade:
        self._require_open(number, moves)
        self._say(f"wave {number} of {len(upgrade.waves)}: {', '.join(moves)}")
        began = time.monotonic()

        def keep(organisation: str, step: Step, part: str = "") -> None:
            nonlocal upgrade
            upgrade = self._store.save(upgrade.at(organisation, step, part=part))

        for one in moves:
            keep(one, Step.BRINGS)
        self._mover.bring(moves)
        with self._bringing(upgrade.waves[number : number + 1]):
            self._mover.move(moves, keep)
        took = (time.monotonic() - began) / len(moves)
        for one in moves:
            upgrade = self._store.save(upgrade.at(one, Step.MOVED, took))
        return upgrade

    def _require_open(self, number: int, moves: Sequence[str]) -> None:
        """Raise StoppedError where a wave would begin outside of a window of who is in it."""
        for one in moves if self._closes is not None else ():
            closes = (self._closes or {}).get(one)
            if closes is None or canonical.now() >= closes:
                when = (
                    f"its window closed at {canonical.stamp(closes)}" if closes else "nothing was said of it beforehand"
                )
                raise StoppedError(Code.WINDOW, one, f"wave {number} was not begun: {when}")

    @contextlib.contextmanager
    def _bringing(self, waves: Sequence[Sequence[str]]) -> Iterator[None]:
        """What the next wave needs comes while this one drains and is tried; what fails is found again then."""
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            for wave in waves:
                beside.submit(self._mover.bring, [one for one in wave if one in self._remotes.servers])
            yield

    def _tried(self, upgrade: Upgrade, number: int, wave: Sequence[str]) -> Upgrade:
        """A session over all stations, old and new, before anybody else moves; who goes back is tried once, at the end.

        What is wrong may be the very reason why they go back.
        """
        if wrong := canary.worse(upgrade.works, *canary.look(self._network, self._remotes)):
            raise StoppedError(Code.CANARY, wave[0] if wave else "", f"after wave {number}: {wrong}")
        self._say(f"wave {number}: a session over old and new came out right")
        return self._store.save(upgrade.model_copy(update={"tried": number}))


def unfinished(before: Upgrade | None) -> str:
    """What is said of an upgrade that is not over; "" where there is none."""
    if before is None or before.phase.over:
        return ""
    return (
        f"an upgrade to {before.goal} is not over: werkplaats upgrade status {before.network} tells what it waits for"
    )


def cut_off(network: networks.Network, before: Upgrade | None) -> None:
    """Have stations take part again that an upgrade drained which was killed: the caller has the network's lock."""
    if before and before.phase in (Phase.RUNNING, Phase.ENDED):
        with network.remotes() as remotes:
            away = remotes.probe()
            Drain(remotes, lambda _: None).end(o for o in before.stations if o in remotes.servers and o not in away)


def require_over(before: Upgrade | None) -> None:
    """Raise RefusedError while another upgrade is not over."""
    if before and not before.phase.over:
        raise errors.RefusedError(
            f"the upgrade of {before.network} to {before.goal} is {before.phase}", ways_on(before)
        )


def ways_on(before: Upgrade) -> str:
    """What can be done about an upgrade that is not over; one that goes back goes back already."""
    back = "" if before.back else " | rollback"
    return f"werkplaats upgrade resume {before.network}{back} | abort"
