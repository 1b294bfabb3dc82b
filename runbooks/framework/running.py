"""Go through the steps of a runbook: show them, take them, take them back. One at a time for each target."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from base import errors
from runbooks.framework import record, seen
from runbooks.framework.incident import Incident
from runbooks.framework.steps import Case, Step, StepError
from werkplaats.operations.home import locks
from werkplaats.operations.reach.servers import UnreachableError

HEALED_SECONDS = 90.0
AGAIN_SECONDS = 1.0
Ask = Callable[[str], str]
"""Asks a person, and returns what was typed."""


@dataclasses.dataclass(frozen=True)
class Planned:
    """A step as a dry run shows it; `done` is None where that cannot be seen now."""

    number: int
    step: Step
    done: bool | None

    def line(self) -> str:
        """For people."""
        state = {True: "already so", False: "to do", None: "cannot be seen now"}[self.done]
        kind = "changes" if self.step.changes else "looks" if not self.step.by_hand else "by people"
        back = self.step.no_way_back and f"; no way back: {self.step.no_way_back}"
        asks = self.step.decides and f"; asks first: {self.step.decides}"
        return f"{self.number}. [{state}] {self.step.words} ({kind}{back}{asks})"


def planned(case: Case, steps: Sequence[Step]) -> list[Planned]:
    """The steps, with which of them are done already. Changes nothing."""
    return [Planned(number, step, _done(case, step)) for number, step in enumerate(steps, 1)]


@contextlib.contextmanager
def target(case: Case, name: str) -> Iterator[Path]:
    """The lock of a target: one runbook at a time works on it. Gives the folder of the records."""
    folder = case.network.vault.folder / record.FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    slug = re.sub("[^a-z0-9.]+", "-", case.subject.lower())
    with contextlib.ExitStack() as held:
        for one in sorted({slug, *seen.ends(case.subject)}):
            lock = held.enter_context(locks.Lock(folder / f"{one}.lock", f"{case.network.name}: {one}", name))
            if lock.taken_over:
                case.say(lock.taken_over)
        yield folder


def execute(incident: Incident, case: Case, reason: str, ask: Ask) -> record.Record:
    """Take the steps that are not done, and look whether the incident is over. Goes on with a record that is open.

    Raises RefusedError where somebody does not say yes, HalfWayError where a step fails or it is not over.
    """
    with target(case, f"incident run {incident.name}") as folder:
        told = record.unfinished(folder, incident.name, case.subject)
        if told is None:
            told = record.begin(folder, case.network.name, incident.name, case.subject)
        else:
            case.say(f"going on with {told.id}")
        told.add("runs", reason=reason, who=record.who(), evidence=_evidence(incident, case))
        steps = incident.steps(case)
        for number, step in enumerate(steps, 1):
            _take(case, step, told, f"{number}/{len(steps)}", ask)
        _healed(incident, case, told)
        told.add(record.ENDED, outcome="healed")
    return told


def rollback(incident: Incident, case: Case, reason: str) -> record.Record:
    """Undo the recorded steps of the last run, backwards; what has no way back is said, and left.

    Raises UsageError where nothing is recorded, HalfWayError where one cannot be undone.
    """
    with target(case, f"incident run {incident.name} --rollback") as folder:
        told = record.latest(folder, incident.name, case.subject)
        if told is None:
            raise errors.UsageError(f"nothing is recorded of {incident.name} at {case.subject}: there is no way back")
        by_key = {step.key: step for step in incident.steps(case)}
        begun = _begun(told)
        told.add("goes back", reason=reason, who=record.who())
        for key, kept in reversed(begun.items()):
            if key in by_key:
                _undo(case, by_key[key], kept, told)
            else:
                _stays(case, key, key, "the runbook has no such step any more", told)
        told.add(record.ENDED, outcome="taken back")
    return told


def _begun(told: record.Record) -> dict[str, dict[str, str]]:
    """Step → what was there before it, of those that were not taken back since, as they were begun.

    A step that began twice found at the second time what it had done itself: the first counts.
    """
    found: dict[str, dict[str, str]] = {}
    for one in told.of_kind("begins", "returned"):
        step = one.told["step"]
        if one.kind == "begins":
            found[step] = {**one.told["kept"], **found.get(step, {})}
        else:
            found.pop(step, None)
    return found


def _stays(case: Case, key: str, words: str, why: str, told: record.Record) -> None:
    case.say(f"stays: {words}: {why}")
    told.add("stays", step=key, why=why)


def _undo(case: Case, step: Step, kept: dict[str, str], told: record.Record) -> None:
    if step.rollback is None:
        _stays(case, step.key, step.words, step.no_way_back, told)
        return
    case.say(f"takes back: {step.words}")
    told.add("returns", step=step.key)
    try:
        step.rollback(case, kept)
    except (StepError, errors.WerkplaatsError) as error:
        raise _half_way(case, told, step, str(error)) from error
    told.add("returned", step=step.key)


def _take(case: Case, step: Step, told: record.Record, place: str, ask: Ask) -> None:
    if _done(case, step):
        case.say(f"{place} already so: {step.words}")
        told.add("already", step=step.key)
        return
    case.say(f"{place} {step.words}")
    if step.decides:
        _decided(case, step, told, ask)
    if step.run is None:
        case.say(step.by_hand)
        told.add("waits", step=step.key, words=step.words)
    else:
        _act(case, step, told, step.run)
    if not until(lambda: _done(case, step), step.patience):
        raise _half_way(case, told, step, step.by_hand or f"it does not show within {step.patience:.0f} s")
    told.add("done", step=step.key)


def _act(case: Case, step: Step, told: record.Record, run: Callable[[Case], None]) -> None:
    try:
        told.add("begins", step=step.key, words=step.words, kept=dict(step.before(case)))
        with case.network.vault.lock(f"incident: {step.key}") if step.whole else contextlib.nullcontext():
            run(case)
    except (StepError, errors.WerkplaatsError) as error:
        raise _half_way(case, told, step, str(error)) from error


def _decided(case: Case, step: Step, told: record.Record, ask: Ask) -> None:
    typed = ask(f"{step.decides}\nType {case.subject} to go on: ")
    told.add("decides", step=step.key, question=step.decides, yes=typed == case.subject, who=record.who())
    if typed != case.subject:
        raise errors.RefusedError(f"nobody said yes to: {step.words}", "what was done before it stays; run it again")


def _half_way(case: Case, told: record.Record, step: Step, why: str) -> errors.HalfWayError:
    told.add("failed", step=step.key, why=why)
    again = f"werkplaats incident run {case.network.name} {told.begun['incident']}"
    return errors.HalfWayError(
        f"{step.words}: {seen.text(why, 600)}",
        f"the same command goes on from there, {again} --rollback --execute takes back what was done",
    )


def _healed(incident: Incident, case: Case, told: record.Record) -> None:
    left: list[str] = []

    def over() -> bool:
        what = case.look()
        left[:] = [*_fitting(incident, case, what), *_dark(incident, case, what)]
        return not left

    if not until(over, HEALED_SECONDS):
        told.add("not over", evidence=left)
        raise errors.HalfWayError(
            f"every step is taken, and {incident.name} of {case.subject} is not over: {'; '.join(left)}",
            f"werkplaats incident diagnose {case.network.name} tells what else fits",
        )


def _evidence(incident: Incident, case: Case) -> list[str]:
    return _fitting(incident, case, case.look())


def _fitting(incident: Incident, case: Case, what: seen.Seen) -> list[str]:
    return [line for fit in incident.fits(what) if fit.subject == case.subject for line in fit.evidence]


def _dark(incident: Incident, case: Case, what: seen.Seen) -> Iterator[str]:
    """Why it cannot be seen whether it is over: nothing fits a server that says nothing."""
    if incident.about not in ("organisation", "link"):
        return
    first = case.subject.partition(seen.ARROW)[0]
    server = what.servers.get(first)
    if server and not server.reached:
        yield f"{first} cannot be looked at: {server.why or 'no answer'}"
    elif server and incident.about == "link" and server.agent != "yes":
        yield f"the agent of {first}, which tries that link, says nothing"


def _done(case: Case, step: Step) -> bool | None:
    try:
        return step.done(case)
    except (StepError, UnreachableError):
        return None


def until(ready: Callable[[], bool | None], seconds: float) -> bool:
    """Whether it is so within some seconds; looked at once at least."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(AGAIN_SECONDS)
    return True
