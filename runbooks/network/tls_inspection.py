"""Something between two gateways ends TLS and shows a certificate of its own: a proxy that inspects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.steps import Case, Step
from runbooks.network import wrong_dns

TITLE = "TLS inspection in between"
ABOUT = "link"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where the right address shows a certificate that no CA of the network's name signed."""
    for source, server in what.reached().items():
        for target, way in server.ways.items():
            if not foreign(what, way) or wrong_dns.wrong(what, source, target):
                continue
            link = what.link(source, target)
            works = bool(link and link.ok)
            evidence = [f"{source} calls {way.name or target} ({', '.join(way.addresses)}), and is shown: {way.issuer}"]
            others = {one: its.ways[target] for one, its in what.reached().items() if target in its.ways}
            right = [one for one, its in others.items() if one != source and its.issuer and its.ours]
            if right:
                evidence.append(f"{', '.join(right)} is shown the right one there: it is on the side of {source}")
            elif len(others) > 1 and all(foreign(what, its) for its in others.values()):
                evidence.append(f"so is everybody who calls {target}: it is on the side of {target}")
            if works:
                evidence.append("the link still works, by a connection of before")
            yield Fit(seen.link(source, target), 60 if works else 95, tuple(evidence), ahead=works)


def foreign(what: seen.Seen, way: seen.Way) -> bool:
    """Whether another than the network signed it; a CA of its name that is trusted no more is not in between."""
    return (
        bool(way.issuer) and not way.ours and not re.search(rf"CN=CA-[0-9]+,OU={re.escape(what.network)},", way.issuer)
    )


def steps(case: Case) -> Sequence[Step]:
    """Who keeps the proxy leaves these calls out of it."""
    source, target = case.subject.split(seen.ARROW)
    gateway = case.network.definition.organisations[target].gateway
    where = f"{gateway.name} port {gateway.port}" if gateway else target
    return (
        Step(
            key="left alone",
            words=f"have nothing end TLS between {source} and {target}",
            done=lambda case: common.linked(case.look(), case.subject),
            by_hand=(
                f"ring who keeps the network of {source}, and of {target}: calls to {where} are to be left out of TLS "
                f"inspection, both ways. The issuer "
                "that was shown names the device. Never trust its CA on a server. When it is left out, run the same "
                "command again"
            ),
            patience=30,
        ),
    )
