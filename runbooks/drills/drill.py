"""A drill from its cause to its end, in a record of its own: what is caused stands there before it is.

So a drill that was interrupted, in whatever way, can always be ended: `end` undoes what the record says was caused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from base import canonical, errors
from runbooks.drills import causes
from runbooks.framework import record as records
from runbooks.framework import running, seen
from runbooks.framework.diagnosis import Found
from werkplaats.operations import progress
from werkplaats.operations.home import locks

NAME = "drill"
"""What its record is of, among those of incidents."""
WELL_SECONDS = 30.0
"""For links to be there again, before it is said that it is not over."""
EARLY = "ended early"


@dataclasses.dataclass(frozen=True)
class Ground:
    """Where drills are held: a sandbox, with the folder of its records and the lock of its network.

    `look` diagnoses; `session` runs one and says why it did not work, "" where it did.
    """

    network: str
    folder: Path
    place: causes.Place
    look: Callable[[], Sequence[Found]]
    session: Callable[[], str]
    lock: Callable[[str], AbstractContextManager[object]]
    say: progress.Say


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What a drill is to cause, and of that what the trainee is told: "incident", "subject"."""

    cause: causes.Cause
    ends: causes.Ends
    seed: int
    told: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Drill:
    """A drill by its record."""

    record: records.Record
    cause: causes.Cause
    ends: causes.Ends
    seed: int
    told: tuple[str, ...]

    @property
    def subject(self) -> str:
        """Of whom it is, as diagnosis says it."""
        return seen.ARROW.join(self.ends)

    @property
    def caused(self) -> datetime.datetime | None:
        """Since when it is there; None where nobody could say so, since that run was interrupted."""
        return next((canonical.moment(one.at) for one in self.record.of_kind("caused")), None)

    @property
    def scored(self) -> records.Entry | None:
        """What it came to."""
        return next(self.record.of_kind("scored"), None)

    @property
    def again(self) -> str:
        """What its commands begin with."""
        return f"werkplaats drill {self.record.begun['network']}"

    def is_it(self, incident: str, subject: str) -> bool:
        """Whether this is what was caused."""
        return incident == self.cause.incident and self.cause.same(self.ends, tuple(subject.split(seen.ARROW)))

    def known(self, what: str) -> bool:
        """Whether the trainee was told, or has found out, which incident ("incident") and of whom ("subject")."""
        right = [one.told for one in self.record.of_kind("answered") if one.told["right"]]
        found = any(what == "incident" or one["subject"] for one in right)
        return what in self.told or found or not self.record.is_open


def draw(
    every: Sequence[str], computing: Sequence[str], seed: int, incident: str = "", target: causes.Ends = ()
) -> Drawn:
    """What a seed draws, of an incident or of any, at a target or at any. Raises UsageError where nothing is left."""
    able = {
        one: subjects
        for one in causes.CAUSES
        if incident in ("", one.incident)
        and (
            subjects := [
                ends for ends in one.subjects(sorted(every), computing) if not target or one.same(ends, target)
            ]
        )
    }
    if not able:
        raise _none_drawn(every, computing, incident, target)
    chance = random.Random(seed)  # noqa: S311 - who has the seed is to draw the same
    name = chance.choice(sorted({one.incident for one in able}))
    cause = chance.choice([one for one in able if one.incident == name])
    told = [what for what, given in (("incident", incident), ("subject", target)) if given]
    return Drawn(cause, chance.choice(able[cause]), seed, tuple(told))


def _none_drawn(
    every: Sequence[str], computing: Sequence[str], incident: str, target: causes.Ends
) -> errors.UsageError:
    of_it = [one for one in causes.CAUSES if one.incident == incident]
    if incident and not of_it:
        return errors.UsageError(f"there is no drill of {incident!r}", f"there are: {', '.join(causes.incidents())}")
    may = sorted({":".join(ends) for one in of_it for ends in one.subjects(sorted(every), computing)})
    what = f"a drill of {incident} cannot be at {':'.join(target)}" if target else f"nothing here can have {incident}"
    return errors.UsageError(what, f"it can be at: {', '.join(may) or 'nobody'}")


def current(folder: Path, network: str) -> Drill | None:
    """The one that goes on. Raises AlteredError; UsageError for one that another version of the suite began."""
    told = records.unfinished(folder, NAME, network)
    return of(told) if told else None


def of(told: records.Record) -> Drill | None:
    """The drill of a record; None of one that was interrupted before anything was caused."""
    for one in told.of_kind("causes"):
        plan = one.told
        cause = causes.find(plan["incident"], plan["how"])
        return Drill(told, cause, tuple(plan["ends"]), plan["seed"], tuple(plan["told"]))
    return None


@contextlib.contextmanager
def alone(folder: Path, network: str, purpose: str) -> Iterator[None]:
    """The lock of a network's drill. Raises LockedError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.Lock(folder / "_drill.lock", f"the drill of {network}", purpose):
        yield


@contextlib.contextmanager
def at_work(folder: Path, network: str, purpose: str) -> Iterator[Drill]:
    """The drill that goes on, under its lock. Raises UsageError where none does, RefusedError of one half begun."""
    with alone(folder, network, purpose):
        yield _whole(folder, network)


def _whole(folder: Path, network: str) -> Drill:
    drill = current(folder, network)
    if drill is None:
        raise errors.UsageError(f"no drill goes on in {network}", f"werkplaats drill {network} --surprise begins one")
    if drill.caused is None:
        raise errors.RefusedError(
            f"the drill {drill.record.id} was interrupted while its incident was being caused",
            f"{drill.again} --end puts everything right; then begin another",
        )
    return drill


def begin(ground: Ground, drawn: Drawn) -> Drill:
    """Cause what was drawn. Raises RefusedError, before anything is changed, while a drill goes on or all is not well.

    Where it cannot be caused, what there is of it stays until the drill is ended (HalfWayError).
    """
    with alone(ground.folder, ground.network, "begin"), ground.lock("drill"):
        if going := records.unfinished(ground.folder, NAME, ground.network):
            raise errors.RefusedError(
                f"a drill goes on in {ground.network} already: {going.id}",
                f"werkplaats drill {ground.network} tells how far it is, --end ends it",
            )
        if found := ground.look():
            raise errors.RefusedError(
                f"{ground.network} is not well, and a drill begins where all is: {_named(found)}",
                f"werkplaats incident diagnose {ground.network} tells what to do",
            )
        told = records.begin(ground.folder, ground.network, NAME, ground.network)
        told.add(
            "causes",
            incident=drawn.cause.incident,
            subject=seen.ARROW.join(drawn.ends),
            how=drawn.cause.how,
            ends=drawn.ends,
            seed=drawn.seed,
            told=drawn.told,
            who=records.who(),
        )
        try:
            drawn.cause.act(ground.place, drawn.ends)
        except errors.WerkplaatsError as error:
            raise errors.HalfWayError(
                f"it cannot be caused: {error.what}", f"werkplaats drill {ground.network} --end puts everything right"
            ) from error
        told.add("caused")
    return Drill(told, drawn.cause, drawn.ends, drawn.seed, drawn.told)


def _named(found: Sequence[Found]) -> str:
    return ", ".join(f"{one.incident.name} of {one.fit.subject}" for one in found)


def undo(ground: Ground, drill: Drill) -> None:
    """Undo what was caused, as far as it is there. Raises UnreachableError, HalfWayError: the same command goes on."""
    with ground.lock("drill: undo"):
        drill.record.add("undoes")
        drill.cause.undo(ground.place, drill.ends)
        drill.record.add("undone")


def end(ground: Ground) -> tuple[records.Record, str]:
    """End the drill that goes on, wherever it is: undo, and look. Returns what is still wrong, in words.

    Raises UsageError where none goes on.
    """
    with alone(ground.folder, ground.network, "end"):
        told = records.unfinished(ground.folder, NAME, ground.network)
        if told is None:
            raise errors.UsageError(f"no drill goes on in {ground.network}", "there is nothing to be put right")
        drill = of(told)
        if drill:
            undo(ground, drill)
        scored = drill.scored if drill else None
        told.add(records.ENDED, outcome=scored.told["verdict"] if scored else EARLY)
    found = left(ground, running.HEALED_SECONDS)
    return told, _named(found)


def left(ground: Ground, seconds: float) -> Sequence[Found]:
    """What diagnosis still finds after some seconds at most."""
    found: list[Found] = []

    def well() -> bool:
        found[:] = ground.look()
        return not found

    running.until(well, seconds)
    return found
