"""A release of the station image turns out to be bad: stations go back, and no definition names it any more."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Release to be withdrawn"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = "new sessions of each station, while it moves"
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Stop it from spreading, go back or on, publish, see that nobody runs it."""
    name = case.network.name
    return (
        common.asked(
            "bad",
            "decide whether sessions are to stop meanwhile, and whether to go back or on",
            "What is wrong with it: does it give wrong results or let somebody read, or does it only fail? Only for "
            "the former do stewards refuse questions until it is gone (`station refuse` on their servers). Do the "
            "release holders agree to which release stations are to go: the one before, or a mended one?",
        ),
        common.asked(
            "stopped",
            "stop an upgrade to it that goes on",
            f"`werkplaats upgrade status {name}` tells. Where one goes on or paused: "
            f"`werkplaats upgrade rollback {name}` brings back who moved. "
            "Ring other operators for theirs. Does none go on?",
        ),
        common.asked(
            "published",
            "publish a definition that does not name it",
            f"Write the release that is right in the definition, have it reviewed; `werkplaats plan {name} --steps` "
            "tells the order; release holders sign where it is another one: "
            f"`werkplaats release sign {name} --key FILE`; then "
            f"`werkplaats trust publish {name}`, and each operator `werkplaats accept {name}`. Is it published?",
        ),
        common.asked(
            "moved",
            "have every station move",
            f"`werkplaats upgrade start {name} --to VERSION` for who still runs it, at each operator. "
            f"Does `werkplaats status {name}` show the right release of every station?",
        ),
    )
