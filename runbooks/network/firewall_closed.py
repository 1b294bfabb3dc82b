"""A firewall of an owner lets the mesh through no more, though the server is well and other ways to it are open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runbooks.framework import seen
from runbooks.framework.incident import Fit
from runbooks.framework.looking import GATEWAY
from runbooks.framework.steps import Case, Step
from runbooks.network import wrong_dns

TITLE = "Firewall closed again by its owner"
ABOUT = "organisation"
EXPLAINS = ("partition",)
INTERRUPTS = ""
LOSES = ""
LEAST = 2
"""Ways that fail: one alone may as well be the other end's, or what lies between."""
# Rules of the server that stop something, but for our own table: the owner's firewall may be on the server itself.
_RULES = "nft --numeric list ruleset 2>/dev/null"
_STOP = """awk '/^table/ { ours = ($3 == "werkplaats") } !ours && /drop|reject/' | head -n 60"""
ASKS = {"stops": ("sh", "-c", f"{_RULES} | {_STOP}")}
Ways = list[tuple[str, str, seen.Way]]


def fits(what: seen.Seen) -> Iterator[Fit]:
    """Where every call to a gateway that runs, or every call of it, is stopped; the same line carries other things."""
    for organisation, server in what.reached().items():
        if not server.unit(GATEWAY).runs:
            continue
        inward = _ways(what, (one for one in what.reached() if one != organisation), [organisation])
        outward = _ways(what, [organisation], server.ways)
        closed = {name: ways for name, ways in (("in", inward), ("out", outward)) if _stopped(what, ways)}
        if not closed:
            continue
        evidence = [f"{a} calls {_where(way, b)}: {way.why}" for ways in closed.values() for a, b, way in ways]
        evidence += _rules(server, inward if "in" in closed else outward)
        evidence.append(f"its server lets ssh in, and {GATEWAY} runs there")
        if len(closed) == 1:
            evidence.append(
                "the other direction works: the line carries" if _other(what, organisation, *closed) else ""
            )
        known = len(closed) == 1 and _other(what, organisation, *closed)
        yield Fit(organisation, 95 if known else 70, tuple(filter(None, evidence)))


def _ways(what: seen.Seen, sources: Iterable[str], targets: Iterable[str]) -> Ways:
    targets = [*targets]
    return [
        (source, target, what.servers[source].ways[target])
        for source in sources
        for target in targets
        if target in what.servers[source].ways
    ]


def _stopped(what: seen.Seen, ways: Ways) -> bool:
    """Whether each call ends before anything is said; a wrong address or another certificate is no firewall."""
    return len(ways) >= LEAST and all(
        way.why
        and not way.taken
        and way.addresses
        and not way.issuer
        and not ((link := what.link(a, b)) and link.ok)
        and not wrong_dns.wrong(what, a, b)
        for a, b, way in ways
    )


def _other(what: seen.Seen, organisation: str, closed: str) -> bool:
    """Whether a link works in the direction that is not closed."""
    return any(one.ok and organisation == (one.source if closed == "in" else one.target) for one in what.links)


def _where(way: seen.Way, target: str) -> str:
    return f"{way.name or target} ({', '.join(way.addresses)}) port {way.port}"


def _rules(server: seen.Server, ways: Ways) -> Iterator[str]:
    """What the server itself stops at that port, as its rules say it."""
    told = server.also.get("stops")
    ports = {str(way.port) for _, _, way in ways}
    for line in told.said.splitlines() if told else ():
        if ports & {*line.replace(",", " ").replace("{", " ").replace("}", " ").split()}:
            yield f"a rule on the server itself: {seen.text(line.strip(), 120)}"


def steps(case: Case) -> Sequence[Step]:
    """Its owner opens it again, by the sheet of what is agreed."""
    station = case.network.compiled.stations[case.subject]
    rows = [
        f"{row.direction} TCP {row.port} {'from' if row.direction == 'in' else 'to'} {row.counterpart}"
        for row in station.firewall
        if row.purpose == "mesh"
    ]
    return (
        Step(
            key="open",
            words=f"have the firewall of {case.subject} let the mesh through",
            done=lambda case: not any(fit.subject == case.subject for fit in fits(case.look())),
            by_hand=(
                f"ring who keeps the firewall of {case.subject}: was it changed, and why? What was agreed: "
                f"{'; '.join(rows)}. No more than that is to be opened, and nothing on the server in its owner's "
                "place. When it is open, run the same command again"
            ),
            patience=30,
        ),
    )
