"""Two organisations do not reach each other, or one does not reach the other, and both stations are well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbooks.framework import seen
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.steps import Case, Step

TITLE = "Partition between two organisations"
ABOUT = "link"
EXPLAINS = ()
INTERRUPTS = ""
LOSES = ""


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where a station does not reach another, though its own gateway runs. Once for a pair that fails both ways."""
    bad = {(one.source, one.target): one for one in what.links if not one.ok and not _cut(what, one)}
    for (source, target), one in sorted(bad.items()):
        both = (target, source) in bad
        if both and source > target:
            continue
        there = what.servers.get(target)
        evidence = [f"{one.name}: {one.why or 'no answer'}", *_way(what, source, target)]
        if both:
            evidence += [f"{bad[target, source].name}: {bad[target, source].why}", *_way(what, target, source)]
        elif (back := what.link(target, source)) and back.ok:
            evidence.append(f"{back.name} works: one direction only")
        if there is None:
            evidence.append(f"the server of {target} is another operator's: whether it is well is not known here")
        elif there.reached and there.agent == "yes" and there.unit(GATEWAY).runs:
            evidence.append(f"agent and gateway of {target} are well")
        ways = ((source, target), (target, source)) if both else ((source, target),)
        witnessed = frozenset(to for who, to in ways if _witnessed(what, who, to))
        yield Fit(one.name, 50 if there is None else 80, tuple(evidence), witnessed=witnessed)


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
        words=f"have {source} reach {target}",
        done=lambda case: bool((found := case.look().link(source, target)) and found.ok),
        by_hand=(
            f"ring who keeps the network of {source} and of {target}: TCP from {source} out to {where}, and at "
            f"{target} in. When it is open, run the same command again"
        ),
        patience=1,
    )
