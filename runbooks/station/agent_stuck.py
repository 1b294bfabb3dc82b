"""The agent runs and does not answer: it was stopped by a signal, or hangs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step

TITLE = "Agent stuck"
ABOUT = "organisation"
EXPLAINS = ("partition",)
INTERRUPTS = "sessions that this station takes part in now"
LOSES = ""
STARTS_SECONDS = 20
"""Seconds after a boot in which an agent may still be starting."""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where its container runs, and it says nothing."""
    for organisation, server in what.reached().items():
        container = server.containers.get("agent")
        if not (container and container.runs) or healthy(server):
            continue
        evidence = [f"the agent is asked for its status, and {WORDS[server.agent]}"]
        if "T" in server.processes.get("agent", ()):
            evidence.append("a process of it was stopped by a signal")
        starting = server.agent == "silent" and server.up < STARTS_SECONDS
        yield Fit(organisation, 40 if starting else 90, tuple(evidence))


WORDS = {"yes": "answers", "silent": "nobody listens", "hangs": "it takes the call and does not answer"}


def healthy(server: seen.Server) -> bool:
    """Whether it answers, and no process of it is stopped."""
    return server.agent == "yes" and "T" not in server.processes.get("agent", ())


def steps(case: Case) -> Sequence[Step]:
    """Begin anew."""
    del case
    return (common.restart("agent", healthy), common.ready())
