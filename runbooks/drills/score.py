"""What a drill came to, from records alone: its own, and those of the runbooks that were run meanwhile.

Seconds count from when the incident was there. It was
    detected   when the trainee's `incident diagnose` named it first, or at the first right answer or runbook
    diagnosed  at the first right answer, or when its runbook was first run, at the right target
    recovered  when its runbook ended as healed, or else when the trainee said that it is over and it was
So they tell what the trainee did, and not when monitoring could have known.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator

from base import canonical
from runbooks.drills.drill import NAME, Drill
from runbooks.framework import record

FULL, PASSES = 100, 60
HINTS = (5, 5, 10, 10, 20)
"""What each hint costs, from the vague one to the literal commands."""
WRONG_ANSWER, WRONG_RUNBOOK, NEVER = 10, 10, 20
LATE = {"detected": (300, 10), "diagnosed": (900, 10), "recovered": (2700, 10)}
"""Seconds after which it costs points."""
PASSED, NOT_PASSED = "passed", "not passed"


@dataclasses.dataclass(frozen=True)
class Score:
    """Seconds of each moment, None of one that never came, and what cost how many points."""

    seconds: dict[str, int | None]
    costs: tuple[tuple[str, int], ...]

    @property
    def points(self) -> int:
        """Of 100."""
        return max(0, FULL - sum(points for _, points in self.costs))

    @property
    def verdict(self) -> str:
        """Whether it is enough."""
        return PASSED if self.points >= PASSES else NOT_PASSED

    @property
    def words(self) -> str:
        """In a sentence."""
        told = (f"{what} {'never' if at is None else f'after {at} s'}" for what, at in self.seconds.items())
        return f"{', '.join(told)}; {self.points} of {FULL} points: {self.verdict}"


def of(drill: Drill, others: Iterable[record.Record]) -> Score:
    """The score as it is now; `others` are all records of the network."""
    began = drill.caused
    if began is None:
        return Score(dict.fromkeys(LATE), ())
    since = [one for one in others if one.begun["incident"] != NAME]
    right = [one for one in since if drill.is_it(one.begun["incident"], one.begun["subject"])]
    diagnosed = [*_at(drill.record, "answered", right=True), *_runs(right, began)]
    detected = [*_at(drill.record, "looked", named=True), *diagnosed]
    healed = [at for one in right for at in _at(one, record.ENDED, outcome="healed") if at >= began]
    moments = {"detected": detected, "diagnosed": diagnosed, "recovered": healed or [*_at(drill.record, "well")]}
    seconds = {what: int((min(at) - began).total_seconds()) if at else None for what, at in moments.items()}
    wrong = [one for one in since if one not in right and list(_runs([one], began))]
    return Score(seconds, tuple(_costs(drill, seconds, wrong)))


def _at(told: record.Record, kind: str, **wanted: object) -> Iterator[datetime.datetime]:
    """When lines of a kind were written that say this."""
    for one in told.of_kind(kind):
        if all(one.told.get(name) == value for name, value in wanted.items()):
            yield canonical.moment(one.at)


def _runs(records: Iterable[record.Record], began: datetime.datetime) -> Iterator[datetime.datetime]:
    return (at for one in records for at in _at(one, "runs") if at >= began)


def _costs(drill: Drill, seconds: dict[str, int | None], wrong: list[record.Record]) -> Iterator[tuple[str, int]]:
    for one in drill.record.of_kind("hint"):
        yield f"hint {one.told['number']}", one.told["costs"]
    for one in drill.record.of_kind("answered"):
        if not one.told["right"]:
            yield f"a wrong answer: {one.told['answer']}", WRONG_ANSWER
    for other in wrong:
        yield f"another runbook: {other.begun['incident']} of {other.begun['subject']}", WRONG_RUNBOOK
    for what, (most, points) in LATE.items():
        at = seconds[what]
        if at is not None and at > most:
            yield f"{what} after more than {most} s", points
    over = any(True for _ in drill.record.of_kind("well"))  # until then it may still be
    if over and seconds["diagnosed"] is None:
        yield "never diagnosed", NEVER
