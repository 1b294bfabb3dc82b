"""A computing party keeps back what it is to open: sessions end with it named, which is no proof of intent."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Result withheld"
ABOUT = "member"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Exclude what is milder, ask its people, go on with another set, then let the members decide."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "milder",
            "exclude that it cannot, before it is said that it will not",
            f"What does `werkplaats incident diagnose {network}` say, and `werkplaats verify {network}`? A link that "
            f"breaks, a computer that ends, a release or a definition that differs also ends sessions with {who} "
            "named. What do the other computing parties have of it: `station register --last 20` on each: does it "
            "name the same party, more than once, and only after `from here on somebody may have the result`? Is "
            "all milder excluded?",
        ),
        common.asked(
            "asked",
            "ask its people",
            f"Ring steward and operator of {who} at a number that you had before: what does their `station register "
            "--last 20` say of these sessions, and did its steward take a yes back? To refuse a question is its "
            "right, and no incident. Keep what each register says, with date and session, in writing. Did they "
            "answer?",
        ),
        common.asked(
            "without",
            "have the question answered without it, where that was agreed",
            "Where the definition names `computing_alternates` with a set without it: the result party asks again with "
            "`station propose NAME --computing N`, of which `station questions NAME` shows the sets. A session that "
            "counts is asked again only when the question may be. Else another computing party is named, reviewed: "
            f"`werkplaats check {network}`, `werkplaats trust publish {network}`; every operator accepts and every "
            "steward allows that anew. Is it answered, or does it wait?",
        ),
        common.asked(
            "members",
            "have the members decide whether it goes on as a computing party",
            "By their agreement, and not by one operator's commands. Only where they say so the coordinator takes "
            f"it out: `werkplaats incident run {network} organisation-leaves-in-anger --target {who}`. Did they "
            "decide?",
        ),
    )
