"""An organisation leaves from one day to the next, or has to go: out at once, and the others go on."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Organisation leaves in anger"
ABOUT = "member"
EXPLAINS = ()
INTERRUPTS = "every link and session of that organisation; where it computes, sessions of all until another does"
LOSES = "the certificate of that station, for good, where it is no hold"


def steps(case: Case) -> Sequence[Step]:
    """Hear it from who may say so, hold it, take from its people what opens others, name another, take its card out."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "said",
            "hear it from who may say so for the organisation",
            f"Did the board of {who} say in writing that it leaves, or do the members by their agreement have it go? "
            "One angry administrator is not the organisation: where only that is so, its own people change its "
            f"logins. In doubt a hold, which can be taken back: `werkplaats trust revoke {network} {who} --reason "
            "certificateHold --now`. Is it said, or is a hold wanted?",
        ),
        common.cut_off(case, "certificateHold", ", and once it is sure the same with --reason cessationOfOperation"),
        common.asked(
            "people",
            "take from its people what opens anything of others",
            "Do they operate other organisations' servers, log in there as steward or scientist, hold a root or "
            "release key, or have the coordinator's vault? Logins: `people` in servers.yml, then each operator's "
            f"`werkplaats up {network}`. Keys of holders: `werkplaats trust root change {network} --root FILE.pub`, "
            f"which enough of the others sign. A vault that they had: `werkplaats incident run {network} "
            "ca-compromised`. Is that done?",
        ),
        common.asked(
            "computes",
            "have sessions go on without it",
            "Where it computes and the definition names `computing_alternates`, the next set without it computes by "
            f"itself. Else name another computing party: `werkplaats plan {network} --steps` tells in which order; "
            f"each operator accepts it, `werkplaats accept {network}`, and each steward allows anew. Questions that "
            f"name it or need its data change too. Does `werkplaats session {network}` end well?",
        ),
        common.asked(
            "card",
            "take its card out of the definition, last of all",
            f"Reviewed as any change, then `werkplaats check {network}` and `werkplaats trust publish {network}`: "
            "from then on this runbook cannot name it any more. Its data, register and results are its own and stay "
            "on its server: who operates that for it hands them over first, and only then takes the station off: "
            f"`werkplaats destroy {network} --name {network} --only {who}`. Results that others have stay with them, "
            "as agreed. Is it so?",
        ),
    )
