"""A session goes on longer than any may: people see it, since a station says how many go on, and not since when."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from base import values
from runbooks.framework import common
from runbooks.framework.steps import Case, Step, StepError

TITLE = "Session stuck"
ABOUT = "organisation"
EXPLAINS = ()
INTERRUPTS = "all sessions that this station takes part in now"
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Wait as long as a session may take; only then begin the agent anew, which ends all that it takes part in."""
    network = case.network.name
    return (
        common.asked(
            "late",
            "be sure that it goes on longer than a session may",
            "Every session has a deadline, which ends it by itself: a question that a scientist asks within 61 "
            "minutes, an acceptance session within 11; a station of which the programs were changed may ask for a "
            "day. How many go on: `station status`. What became of the last: "
            "`station register --last 20`. Look first whether anything milder is wrong: `werkplaats incident "
            f"diagnose {network}`; a computer or agent that hangs has a runbook of its own. Has it gone on for "
            "longer than that?",
        ),
        dataclasses.replace(
            common.restart("agent", lambda _: False),
            words="restart the container station-agent, which ends every session that this station takes part in",
            done=lambda case: going(case) == 0,
            decides=(
                "Every session of this station ends by it, also those that are well, and their proposers are told. "
                "What was opened stays with those who have it. Shall the agent begin anew?"
            ),
            patience=60,
        ),
        common.asked(
            "told",
            "look what became of it, and ask again",
            "Does `station register --last 20` at each computing party say how it ended, and does it count there? Then "
            "somebody may have its result, and it is asked again only when the question may be. Is that known to who "
            "asked?",
        ),
    )


def going(case: Case) -> int:
    """How many sessions its station takes part in now. Raises StepError where the agent does not say it."""
    said = case.on("station", "status", "--json").stdout
    try:
        return int(values.mapping(said)["sessions"])
    except (ValueError, KeyError, TypeError) as error:
        raise StepError("its agent does not say how many sessions go on") from error
