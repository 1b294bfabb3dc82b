"""A steward regrets a yes: it is taken back at once for what comes, and not for what was handed over."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "A steward's yes regretted"
ABOUT = "member"
EXPLAINS = ()
INTERRUPTS = "the question, until a steward allows it again"
LOSES = ""


def steps(case: Case) -> Sequence[Step]:
    """Take it back, end what runs, know what was handed over, tell."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "refused",
            "have the steward take the yes back",
            f"The steward of {who}, on its own server: `station refuse NAME`. From then on the next session is "
            "refused; nobody else has to agree, and nobody else can do it. `station questions NAME` says `waits` "
            "then. Is it so?",
        ),
        common.asked(
            "runs",
            "decide about a session that runs",
            "A session that runs goes on until its deadline: 61 minutes as `station propose` asks, and a day and ten "
            "minutes at the most that any station accepts. Only where that must not be the operator ends "
            f"all sessions of its station: `werkplaats incident run {network} session-stuck --target {who}`. Does "
            "`station status` say that none runs, or may it end?",
        ),
        common.asked(
            "handed",
            "know what was handed over",
            "`station register` names each session that it contributed to, and from which on somebody may have the "
            "result; the question names to whom results go. That counts as asked for good. No command takes it "
            "back: ask these organisations, by the agreement with them, what they do with it. Do you know, and did "
            "they answer?",
        ),
        common.asked(
            "told",
            "tell whom it concerns",
            "The coordinator and the other stewards: without this organisation there may be too few contributors. "
            "Its data protection officer, where the yes should not have been given: results of it may be a breach, "
            f"and then 72 hours count: `werkplaats incident run {network} suspected-leak`. Are they told?",
        ),
    )
