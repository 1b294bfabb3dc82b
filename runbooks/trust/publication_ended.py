"""The coordinator's word that a publication is the newest ended, or will soon: nobody changes anything by it then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step

TITLE = "Publication ended, or ending"
ABOUT = "network"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""
DAYS = 3
"""It is good for 35 days where nothing shorter was said, and signed anew long before."""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where that of the publication here is over; where the coordinator is at work here, also where it soon is."""
    days, mine = what.here.publication_days, what.here.coordinates
    if days is None or days >= (DAYS if mine else 0):
        return
    when = "ended" if days < 0 else f"ends in {days} days"
    evidence = [f"the word that publication {what.here.publication} is the newest {when}"]
    evidence.append(
        "the CA lies here: it is published from here" if mine else "it may be an old copy: others may have a newer one"
    )
    yield Fit(what.network, 60 if days >= 0 else 90 if mine else 50, tuple(evidence), ahead=True)


def steps(case: Case) -> Sequence[Step]:
    """It is published anew, and fetched."""
    return (
        Step(
            key="published",
            words="have a publication here whose word is good",
            done=lambda case: not any(fits(case.look())),
            by_hand=(
                f"the coordinator runs `werkplaats trust publish {case.network.name}`, and has cron do it from now on. "
                "All others ring the coordinator for the newest publication, and fetch it. Stations work on meanwhile. "
                "When it lies here, run the same command again"
            ),
            patience=1,
        ),
    )
