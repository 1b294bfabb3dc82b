"""Somebody else is root on a server: people say so, since whoever is root there has it say anything."""

from __future__ import annotations

from collections.abc import Sequence

from runbooks.framework import common
from runbooks.framework.steps import Case, Step

TITLE = "Server taken over"
ABOUT = "member"
EXPLAINS = ()
INTERRUPTS = "every link and session of that organisation, until it has a fresh server and new keys"
LOSES = "the keys, the certificate and the allowances of that station, for good"


def steps(case: Case) -> Sequence[Step]:
    """Be sure, cut it off, keep what tells, look at what else it opens. That it comes back begins anew."""
    network, who = case.network.name, case.subject
    revoke = f"werkplaats trust revoke {network} {who} --reason"
    return (
        common.asked(
            "sure",
            "be sure that somebody else is root there, or may be",
            f"What shows it, and who of {who} said so, at a number that you had before? Ask first whether it was their "
            "own administrator: a login, a package or a rule of theirs is none. Nothing that the server says of itself "
            f"counts any more, nor what diagnosis tells of it. In doubt: `{revoke} certificateHold --now` stops it and "
            "can be taken back. Is it so, or in doubt?",
        ),
        common.cut_off(case),
        common.asked(
            "kept",
            "keep what tells how it happened",
            "Have its network closed from outside, by who keeps the firewall in front of it, and a copy made of "
            "disk and memory by who runs the machine. Do not switch it off, log in to clear up, or run "
            f"`up` or `destroy` on it. Its data could be read: begin `werkplaats incident run {network} "
            "suspected-leak` now, since 72 hours count. Is that so?",
        ),
        common.asked(
            "else",
            "look at what else is open by it",
            "Which keys and passwords were typed or lay there, and where do they open anything: other servers of "
            "the same operator, forwarded agents, jump hosts, sudo? Was it the operator's machine that let them in? "
            f"Then its vault is not safe either: `werkplaats incident run {network} ca-compromised` where it "
            "coordinates. Are they changed?",
        ),
        common.asked(
            "back",
            "agree on how it comes back: nothing of that server does",
            "A fresh server of another image, a fresh login and host key, new keys of the station: "
            f"`werkplaats up {network} --only {who}`, `werkplaats trust request {network}`, approved by telephone. No "
            "backup of it is restored: its keys are known, and whoever was root could write what it made of itself. "
            "Allowances are given anew, files are brought anew from their source, and stewards of all others look at "
            "`station register` for sessions with it since it was taken over. Is that agreed?",
        ),
    )
