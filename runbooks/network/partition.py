"""Two organisations do not reach each other, or one does not reach the other, or badly; and both stations are well."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from on_server.incident.look import CALLS
from runbooks.framework import common, seen
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.steps import Case, Step
from runbooks.network import wrong_dns

TITLE = "Partition between two organisations"
ABOUT = "link"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""
LOST_IN = 3
"""Calls that lost something, of those that were made, by which a line that carries is poor."""
SLOW_SECONDS, TIMES_SLOWER = 1.0, 5
"""A call that takes so long, and so many times as long as any other of the same two servers, makes it poor too."""
LOOKS = 2
"""That have to find it well: one may be chance."""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a station does not reach another, or badly, though its own gateway runs. Once for a pair, if both ways."""
    bad = {(one.source, one.target): why for one in what.links if (why := _wrong(what, one))}
    for source, target in sorted(bad):
        back = bad.get((target, source), "")
        if back and source > target:
            continue
        ways = ((source, target), (target, source)) if back else ((source, target),)
        evidence = [line for ends in ways for line in (bad[ends], *_way(what, *ends))]
        if not back and (other := what.link(target, source)) and other.ok:
            evidence.append(f"{other.name} works: one direction only")
        there = what.servers.get(target)
        if there is None:
            evidence.append(f"the server of {target} is another operator's: whether it is well is not known here")
        elif there.reached and there.agent == "yes" and there.unit(GATEWAY).runs:
            evidence.append(f"agent and gateway of {target} are well")
        broken = [ends for ends in ways if not common.linked(what, seen.link(*ends))]
        score = 60 if not broken else 50 if there is None else 80
        witnessed = frozenset(to for who, to in broken if _witnessed(what, who, to))
        yield Fit(seen.link(source, target), score, tuple(evidence), ahead=not broken, witnessed=witnessed)


def _wrong(what: seen.Seen, one: seen.Link) -> str:
    """What is wrong with a link, in words; nothing is where it carries well, or was cut on purpose."""
    if one.ok:
        return _poor(what, one.source, one.target)
    return "" if _cut(what, one) else f"{one.name}: {one.why or 'no answer'}"


def _poor(what: seen.Seen, source: str, target: str) -> str:
    """What is poor about a line that carries; none is where other calls of one of the two servers are as slow."""
    server = what.servers.get(source)
    way = server.ways.get(target) if server and server.reached else None
    if way is None or not way.ours:
        return ""
    calls, found = f"from {source} to {target}", ""
    if way.again >= LOST_IN:
        found = f"in {way.again} of {CALLS} calls {calls} something had to be sent again, or never came"
    elif not way.why and way.seconds >= SLOW_SECONDS:
        slowest = max(_others(what, source, target), default=way.seconds)
        if way.seconds >= TIMES_SLOWER * slowest:
            found = f"a call {calls} takes {way.seconds:.1f} s, most others of these two {slowest:.1f} s at most"
    return "" if found and wrong_dns.wrong(what, source, target) else found


def _others(what: seen.Seen, source: str, target: str) -> Iterator[float]:
    """How long other calls take of each of two servers, and to it: of these what most of them say at least.

    Of a server that was taken over no word hides a line between two others by itself.
    """
    servers = what.reached()
    for one, other in ((source, target), (target, source)):
        yield from (
            way.seconds
            for to, way in (servers[one].ways.items() if one in servers else ())
            if to != other and not way.why
        )
        told = [
            way.seconds
            for who, server in servers.items()
            if who != other and (way := server.ways.get(one)) and not way.why
        ]
        yield from [statistics.median_low(told)] if told else []


def _witnessed(what: seen.Seen, source: str, target: str) -> bool:
    """Whether a call to a server that lets us in is taken by nobody there; a gateway that is down refuses it."""
    here, there = what.servers.get(source), what.servers.get(target)
    way = here.ways.get(target) if here else None
    if not (way and way.why and there and there.reached) or way.taken:
        return False
    return not way.refused or there.unit(GATEWAY).runs


def _cut(what: seen.Seen, one: seen.Link) -> bool:
    """Whether somebody cut it on purpose, by `station-cut`."""
    ends = ((one.source, one.target), (one.target, one.source))
    servers = what.reached()
    return any(
        name.rpartition(".")[2] == other for here, other in ends if here in servers for name in servers[here].cut
    )


def _way(what: seen.Seen, source: str, target: str) -> Iterator[str]:
    server = what.servers.get(source)
    way = server.ways.get(target) if server else None
    if way and way.why:
        yield f"a call from the server of {source} to {', '.join(way.addresses) or target} fails too: {way.why}"
    elif way:
        yield f"a call from the server of {source} outside the station gets through"


def steps(case: Case) -> Sequence[Step]:
    """Our own firewall at both ends, then the people who keep the network between them."""
    source, target = case.subject.split(seen.ARROW)
    both = ((source, target), (target, source))
    linked = {(one.source, one.target) for one in case.network.compiled.links}
    operated = case.remotes.servers
    firewalls = [_firewall(one) for one in (source, target) if one in operated]
    return (*firewalls, *(_open(case, *pair) for pair in both if pair in linked and pair[0] in operated))


FIREWALL = "werkplaats-firewall.service"


def _firewall(organisation: str) -> Step:
    """Have our own table be as the network says; rules of the owner are not ours."""

    def done(case: Case) -> bool:
        state = case.remotes.ask(organisation, "systemctl", "is-failed", FIREWALL).stdout.strip()
        return state != "failed"

    def run(case: Case) -> None:
        case.remotes.ask(organisation, "systemctl", "restart", FIREWALL)

    return Step(
        key=f"firewall {organisation}",
        words=f"have the firewall that we set on the server of {organisation} be loaded",
        done=done,
        run=run,
        no_way_back="a firewall that is not loaded protects nobody",
    )


def _open(case: Case, source: str, target: str) -> Step:
    peer = next(one for one in case.network.compiled.stations[source].peers if one.organisation == target)
    where = f"{peer.address} port {peer.port}"
    return Step(
        key=f"open {source} to {target}",
        words=f"have {source} reach {target}, without loss",
        done=lambda case: all(well(case.look(), source, target) for _ in range(LOOKS)),
        by_hand=(
            f"ring who keeps the network of {source} and of {target}: TCP from {source} out to {where}, and at "
            f"{target} in. Where it is open and loses or is slow, have them look at the line: packets that are "
            "dropped, a limit on its rate, a smaller MTU. When it carries, run the same command again"
        ),
        patience=1,
    )


def well(what: seen.Seen, source: str, target: str) -> bool:
    """Whether a line carries, and without loss."""
    return common.linked(what, seen.link(source, target)) and not _poor(what, source, target)
