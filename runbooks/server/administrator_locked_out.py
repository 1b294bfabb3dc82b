"""A server answers and does not let its operator in: another host key, a login that is refused, sudo that is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step

TITLE = "Administrator locked out"
ABOUT = "organisation"
EXPLAINS = ("server-unreachable", "partition")
INTERRUPTS = ""
LOSES = ""
SIGNS = {
    r"shows host key |Host key verification failed": (
        "it shows another host key than servers.yml says: it was made anew, or somebody else answers there"
    ),
    r"Permission denied": "it takes the call, and refuses the login: the account, its key or from where it comes",
    r"\bsudo: ": "it lets the login in, and sudo refuses what has to be done as root",
}


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where what ssh says is a refusal, and no silence. What the others see tells whether the station goes on."""
    alone = len(what.servers) > 1 and not what.reached()
    for organisation, server in what.servers.items():
        sign = next((words for mark, words in SIGNS.items() if re.search(mark, server.why)), "")
        if server.reached or not sign:
            continue
        evidence = [f"ssh: {server.why}", sign]
        if well := [one.source for one in what.links if one.target == organisation and one.ok]:
            evidence.append(f"its station answers {', '.join(well)}: it goes on, and nothing has to be hurried")
        if alone:
            evidence.append("no server at all is reached: look at this machine's own key and network first")
        yield Fit(organisation, 96, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Know who changed it, be let in by those who can, look at what else changed."""
    network, who = case.network.name, case.subject
    return (
        common.asked(
            "who",
            "know who changed it, before anything is set right",
            f"Ring the administrator of {who} at a number that you had before, and have the fingerprint of the host "
            "key read from the server's own console: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Write "
            "another one in servers.yml only where it was made anew on purpose; never take one over because it is "
            f"shown. Where nobody knows who changed it: `werkplaats incident run {network} server-taken-over "
            f"--target {who}`. Is it known, and harmless?",
        ),
        Step(
            key="let in",
            words="have the server let us in again",
            done=common.reached,
            by_hand=(
                f"the administrator of {who}, at its console: is our account there, our key in its authorized_keys, "
                "our address in the firewall and in sshd's rules, sudo without a password and a terminal? Here: is "
                "the right key in the agent, is the login in servers.yml the one that was agreed? Wait some minutes "
                "after many failed logins. When it lets in, run the same command again"
            ),
            patience=1,
        ),
        common.asked(
            "looked",
            "look at what else changed meanwhile",
            f"`werkplaats plan {network}` shows what is not as it was put there, and `werkplaats incident diagnose "
            f"{network}` what is wrong. Is nothing of it strange?",
        ),
    )
