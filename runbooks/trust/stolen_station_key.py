"""A station's keys were stolen or lost with their server: people say so, nothing that is seen from here can."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Stolen station key"
ABOUT = "member"
EXPLAINS = ()
INTERRUPTS = "every link and session of that organisation, until it has new keys"
LOSES = "the keys and the certificate of that station, for good"


def steps(case: Case) -> Sequence[Step]:
    """Be sure, revoke, see it in force. That it comes back is an affair of its own, with new keys."""
    network, who = case.network.name, case.subject
    revoke = f"werkplaats trust revoke {network} {who} --reason"
    return (
        common.asked(
            "stolen",
            "be sure that it is theft, and nothing milder",
            f"What shows that somebody else may have the keys of {who}? A certificate that ended is no theft "
            "(certificate-ending), nor are a changed image (image-tampered) or another certificate on the way "
            f"(tls-inspection) by themselves. Where it may turn out to be nothing: `{revoke} certificateHold --now` "
            "stops it and can be taken back, and this runbook is done by it too. "
            f"Did {who} say so, at a number that you already had?",
        ),
        common.cut_off(case),
    )
