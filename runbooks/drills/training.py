"""What a trainee does in a drill: looks, asks for a hint, says what it is, rings somebody, says that it is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from base import errors
from runbooks.drills import drill as drills
from runbooks.drills import score
from runbooks.drills.drill import Drill, Ground
from runbooks.framework import found, prose, record, seen
from runbooks.framework.diagnosis import Found
from runbooks.framework.incident import Incident

ABOUT = {"organisation": "one organisation", "link": "two organisations and what is between them"}


def looked(folder: Path, network: str, causes: Iterable[Found]) -> None:
    """Note that somebody looked, where a drill goes on, and whether what was caused is among what was found."""
    with contextlib.suppress(
        errors.LockedError, errors.UsageError, errors.RefusedError
    ):  # then it is no look of a drill
        if record.unfinished(folder, drills.NAME, network) is None:
            return
        with drills.at_work(folder, network, "note a look") as drill:
            named = any(drill.is_it(one.incident.name, one.fit.subject) for one in causes)
            drill.record.add("looked", named=named)


def hint(folder: Path, network: str) -> str:
    """The next hint, which costs points. Raises UsageError where there is none any more."""
    with drills.at_work(folder, network, "hint") as drill:
        number = len([*drill.record.of_kind("hint")])
        if number == len(score.HINTS):
            raise errors.UsageError("every hint was given", f"the last one has the commands; or {drill.again} --end")
        text = hints(drill)[number]
        drill.record.add("hint", number=number + 1, costs=score.HINTS[number])
    return f"hint {number + 1} of {len(score.HINTS)}, {score.HINTS[number]} points: {text}"


def hints(drill: Drill) -> tuple[str, ...]:
    """All of them, from the vague one to the literal commands, out of the incident's own prose."""
    incident, network = found.find(drill.cause.incident), drill.record.begun["network"]
    told = {heading: _here(text, drill) for heading, text in prose.sections(incident.prose()).items()}
    return (
        f"look at all of it: werkplaats incident diagnose {network}. It is about {ABOUT[incident.about]}, and one of "
        f"those that `werkplaats incident list` has under {incident.group}",
        told["Impact"],
        told["Diagnosis"],
        f"it is {incident.name}. {told['Meaning']}",
        "\n".join((f"it is of {drill.subject}. In this order:", *_commands(incident, drill))),
    )


def _here(text: str, drill: Drill) -> str:
    """A text of the prose with the network of the drill in it."""
    return text.strip().replace("NETWORK", drill.record.begun["network"])


def _commands(incident: Incident, drill: Drill) -> list[str]:
    """What mends it, literally: its runbook shown, and taken; between two runs of it whom it has rung."""
    network, target = drill.record.begun["network"], ":".join(drill.ends)
    shown = f"werkplaats incident run {network} {incident.name} --target {target}"
    taken = f'{shown} --execute --reason "a drill"'
    people = [f"{drill.again} --rang", taken] if drill.cause.by_people else []
    return [f"  {one}" for one in (shown, taken, *people, f"{drill.again} --done")]


def answer(folder: Path, network: str, text: str) -> bool:
    """Note what the trainee says that it is, as INCIDENT or INCIDENT:TARGET; returns whether that is right."""
    name, _, target = text.partition(":")
    found.find(name)
    with drills.at_work(folder, network, "answer") as drill:
        if not target and "incident" in drill.told:
            raise errors.UsageError(
                f"that it is {drill.cause.incident} was told: say of whom", f"{drill.again} --answer {name}:TARGET"
            )
        subject = target.replace(":", seen.ARROW)
        right = name == drill.cause.incident and (not target or drill.is_it(name, subject))
        drill.record.add("answered", answer=text, subject=subject, right=right, who=record.who())
    return right


def rang(ground: Ground) -> bool:
    """Have those whom the trainee rang do what the runbook asks of them; returns whether it asks anything of people.

    Raises RefusedError as long as nobody could tell them what it is.
    """
    with drills.at_work(ground.folder, ground.network, "rang") as drill:
        if now(ground.folder, drill).seconds["diagnosed"] is None:
            raise errors.RefusedError(
                "whom you ring asks what is wrong, and where", f"say it first: {drill.again} --answer INCIDENT:TARGET"
            )
        if not drill.cause.by_people:
            return False
        drills.undo(ground, drill)
        drill.record.add("rang")
    return True


def now(folder: Path, drill: Drill) -> score.Score:
    """The score so far."""
    return score.of(drill, record.every(folder))


def done(ground: Ground) -> tuple[Drill, str]:
    """Look whether it is over; then score it, undo what may be left, and end it. Returns why it is not over, or "".

    Interrupted after the score, it goes on with that one.
    """
    with drills.at_work(ground.folder, ground.network, "done") as drill:
        if drill.scored is None:
            if why := _not_over(ground):
                return drill, why
            drill.record.add("well")
            told = now(ground.folder, drill)
            drill.record.add(
                "scored",
                words=told.words,
                points=told.points,
                verdict=told.verdict,
                costs=[f"{points}: {what}" for what, points in told.costs],
                **told.seconds,
            )
        drills.undo(ground, drill)
        drill.record.add(record.ENDED, outcome=drill.scored.told["verdict"] if drill.scored else drills.EARLY)
    return drill, ""


def _not_over(ground: Ground) -> str:
    if left := drills.left(ground, drills.WELL_SECONDS):
        count = f"{len(left)} incident{'s fit' if len(left) > 1 else ' fits'}"
        return f"it is not over: {count}; werkplaats incident diagnose {ground.network} names what"
    if why := ground.session():
        return f"it is not over: no session works: {seen.text(why)}"
    return ""
