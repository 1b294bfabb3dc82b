"""A server cannot be reached over ssh: it is off, its network is gone, or only the way from here to it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step, StepError
from werkplaats.operations.bring_up import servers
from werkplaats.operations.reach import servers as reach

TITLE = "Server unreachable"
ABOUT = "organisation"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""
BOOT_SECONDS = 180


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a login fails; what its peers see of it tells whether it is the server or the way from here."""
    alone = len(what.servers) > 1 and not what.reached()
    for organisation, server in what.servers.items():
        if server.reached:
            continue
        evidence = [f"ssh: {server.why or 'no answer'}"]
        to_it = [one for one in what.links if one.target == organisation]
        if well := [one.source for one in to_it if one.ok]:
            evidence.append(
                f"its station answers {', '.join(well)}: the server runs, and the way from here does not carry"
            )
        elif to_it:
            evidence.append(f"its station does not answer {', '.join(one.source for one in to_it)} either")
        if alone:
            evidence.append("no server at all is reached: look at this machine's own network first")
        yield Fit(organisation, 70 if alone else 95, tuple(evidence))


def steps(case: Case) -> Sequence[Step]:
    """Have it switched on: that of a sandbox from here, any other by the people who can."""
    where = case.network.server(case.subject)
    return (
        _switched_on(case, _by_hand(where)),
        common.ready("wait until its station answers again by itself"),
    )


def _by_hand(where: reach.Server) -> str:
    if where.here:
        return (
            "see why `sudo -n true` fails at this machine, and mend that. When it ends well, run the same command again"
        )
    return (
        f"ring the administrator of {where.organisation}: is the server at {where.host}:{where.port} on, and does its "
        "firewall let ssh in from here? When it answers, run the same command again"
    )


def _switched_on(case: Case, by_hand: str) -> Step:
    words = "have the server running, and reached"
    if servers.makes(case.network, case.subject):
        return Step(
            key="switch on",
            words=words,
            done=common.reached,
            run=_switch_on,
            no_way_back="a server that was off by an accident is not switched off again",
            patience=BOOT_SECONDS,
        )
    return Step(
        key="switch on",
        words=words,
        done=common.reached,
        by_hand=by_hand,
        patience=1,
    )


def _switch_on(case: Case) -> None:
    if not servers.switch_on(case.network, case.subject):
        raise StepError("this machine's engine has no such server any more: `werkplaats up` makes it anew")
