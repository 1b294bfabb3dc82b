"""The follower does not run: no revocation reaches this station by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common
from runbooks.framework.incident import Fit
from runbooks.framework.looking import FOLLOWER, STOPPED
from runbooks.framework.seen import Seen
from runbooks.framework.steps import Case, Kept, Step

TITLE = "Follower stopped"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""
FOLLOW = "/usr/local/sbin/werkplaats-follow"


def fits(seen: Seen) -> Iterator[Fit]:
    """Where its timer does not run, or somebody told it to stop."""
    for organisation, server in seen.reached().items():
        timer = server.unit(FOLLOWER)
        if timer.active in ("not there", "unknown"):
            continue
        if server.stopped:
            yield Fit(organisation, 85, (f"somebody stopped it: {STOPPED} is there", *server.follower))
        elif not timer.runs:
            yield Fit(organisation, 90, (f"{FOLLOWER} is {timer.active} ({timer.sub})", *server.follower))


def steps(case: Case) -> Sequence[Step]:
    """Lift the stop, where somebody says yes to that; then have the timer run."""
    del case
    return (
        Step(
            key="lift the stop",
            words="let the follower change things again",
            done=lambda case: case.on("test", "-e", STOPPED).exited != 0,
            run=lambda case: common.void(case.must(FOLLOW, "--start", seconds=300)),
            before=lambda _: {"why": "taken back: a runbook had lifted the stop"},
            rollback=_stop,
            decides=f"root of this server stopped the follower, and {STOPPED} says why. Is that over?",
        ),
        common.start(FOLLOWER, "start the timer of the follower"),
    )


def _stop(case: Case, kept: Kept) -> None:
    case.must(FOLLOW, "--stop", kept["why"])
