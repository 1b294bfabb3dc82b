"""Agent or computer do not run: their containers were stopped, paused or removed, or end by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Kept, Step

TITLE = "Station down"
ABOUT = "organisation"
EXPLAINS = ("agent-stuck", "computer-stuck", "partition")
INTERRUPTS = ""
LOSES = ""
# What a container that does not run is brought back by, and what undoes that.
WAYS = {"exited": ("start", "stop"), "created": ("start", "stop"), "paused": ("unpause", "pause")}


def fits(seen: Seen) -> Iterator[Fit]:
    """Where the engine answers, and a container of the station does not run on a server that has been set up."""
    for organisation, server in seen.reached().items():
        if server.engine or server.unit(GATEWAY).active == "not there":
            continue
        states = {part: server.containers.get(part) for part in common.PARTS}
        evidence = [
            f"the container station-{part} is {one.state if one else 'not there'}"
            for part, one in states.items()
            if not (one and one.runs)
        ]
        if evidence:
            yield Fit(organisation, 95, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Start what is there; have `up` make what is not."""
    del case
    return (
        Step(
            key="start containers",
            words="start the containers of the station that are there and do not run",
            done=lambda case: not _idle(case),
            run=_start,
            before=_idle,
            rollback=_stop,
        ),
        common.brought_up(
            "make containers",
            "have `up` make the containers that are not there, or end again and again",
            lambda case: common.containers(case) == dict.fromkeys(common.PARTS, "running"),
        ),
        common.ready(),
    )


def _idle(case: Case) -> dict[str, str]:
    return {part: state for part, state in common.containers(case).items() if state in WAYS}


def _start(case: Case) -> None:
    for part, state in _idle(case).items():
        case.must("docker", WAYS[state][0], f"station-{part}")


def _stop(case: Case, kept: Kept) -> None:
    for part, state in kept.items():
        case.must("docker", WAYS[state][1], f"station-{part}", seconds=90)
