"""The computer runs and does not answer, so that no session of this station can begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step
from runbooks.station.agent_stuck import WORDS

TITLE = "Computer stuck"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = "sessions that this station computes in now"
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where its container runs, and it says nothing."""
    for organisation, server in what.reached().items():
        container = server.containers.get("computer")
        if not (container and container.runs) or healthy(server):
            continue
        evidence = [f"the computer is called, and {WORDS[server.computer]}"]
        if "T" in server.processes.get("computer", ()):
            evidence.append("a process of it was stopped by a signal")
        yield Fit(organisation, 90, tuple(evidence))


def healthy(server: seen.Server) -> bool:
    """Whether it answers, and no process of it is stopped."""
    return server.computer == "yes" and "T" not in server.processes.get("computer", ())


def steps(case: Case) -> Sequence[Step]:
    """Begin anew."""
    del case
    return (common.restart("computer", healthy), common.ready())
