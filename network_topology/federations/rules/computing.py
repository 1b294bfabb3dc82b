"""Rules on who computes in a federation: from several regions, domains and operators, counted over all of them."""
# ruff: noqa: D103 (what a rule is for stands in its `why`, where the author of a definition reads it)

from collections import Counter
from collections.abc import Iterator, Mapping

from network_topology import context, names, operators
from network_topology.federations.model import FORM, Federation
from network_topology.federations.resolved import Resolved, as_read, listed, resolve
from network_topology.rules.computing import SETS, placed, which
from network_topology.rules.rule import Finding, rule
from network_topology.violation import Severity

APART = "where they are not one, have their regions call them so that they are told apart; else choose other parties"


@rule(
    *SETS,
    "members",
    "organisations",
    why="a computing party is one of the organisations that take part",
    remedy=f"write {FORM}, and name it under its member too",
)
def computing_takes_part(federation: Federation, _: context.Context) -> Iterator[Finding]:
    taking_part = {*federation.organisations}
    for at, one in placed(federation):
        if one not in taking_part:
            yield Finding(at, f"{one!r} does not take part")


@rule(
    *SETS,
    "members",
    "organisations",
    why="the others call a computing party",
    remedy="have the region give it a gateway, or name another computing party",
)
def computing_is_reached(federation: Federation, known: context.Context) -> Iterator[Finding]:
    stations = resolve(federation, known).stations
    for at, one in placed(federation):
        if one in stations and stations[one].gateway is None:
            yield Finding(at, f"computing party {one!r} has no gateway")


@rule(
    *SETS,
    "members",
    "organisations",
    why="what is asked of several regions is not computed by one of them",
    remedy="choose computing parties from as many members as take part with a station that has a gateway",
)
def computing_regions(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    able = Counter(_network(one) for one, card in resolved.stations.items() if card.gateway)
    for at, computing in federation.placed_sets:
        computes = resolved.known(computing)
        held = operators.grouped((_network(one), one) for one in computes)
        if held and len(held) < (wanted := min(len(computes), len(able))):
            text = f"the computing parties are from {listed(sorted(held), 'member')}, where {wanted} can be had"
            yield Finding(at, f"{which(at)}{text}")
            continue
        # Of two regions one has the majority of three, whoever is chosen; more than that is nobody's need.
        most = max(operators.threshold(computing), _evenly(able, len(computes)))
        for slug, parties in held.items():
            if len(parties) > most:
                text = f"{len(parties)} computing parties ({', '.join(parties)}) are from {slug}, where {most} will do"
                yield Finding(at, f"{which(at)}{text}")


@rule(
    *SETS,
    "members",
    "organisations",
    why="organisations of one domain have one interest, and one umbrella that may tell them what to do",
    remedy="choose computing parties from different domains",
)
def computing_domains(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    for at, computing in federation.placed_sets:
        threshold = operators.threshold(computing)
        held = operators.grouped((resolved.stations[one].domain, one) for one in resolved.known(computing))
        for domain, parties in held.items():
            if len(parties) > threshold >= 1:
                text = (
                    f"{len(parties)} computing parties ({', '.join(parties)}) are from one domain ({domain}), where "
                    f"the threshold is {threshold}"
                )
                yield Finding(at, f"{which(at)}{text}")


@rule(
    *SETS,
    "members",
    "organisations",
    "personal_data",
    why="secret sharing protects inputs only while no single operator runs more than the threshold, over all regions",
    remedy="let each computing party operate its own server, or choose parties with different operators",
)
def computing_operators(federation: Federation, known: context.Context) -> Iterator[Finding]:
    resolved = resolve(federation, known)
    severity: Severity = "error" if federation.personal_data else "warning"
    for at, computing in federation.placed_sets:
        threshold = operators.threshold(computing)
        for operator, parties in resolved.computing_per_operator(computing).items():
            if len(parties) > threshold >= 1:
                alike = _namesakes(resolved, parties)
                text = (
                    f"{alike}{resolved.operator_names[operator]} operates {len(parties)} computing parties "
                    f"({', '.join(parties)}) and so could read every input by itself, where the threshold is "
                    f"{threshold}"
                )
                yield Finding(at, f"{which(at)}{text}", APART if alike else "", severity)


def _namesakes(resolved: Resolved, parties: list[str]) -> str:
    """That several count as one by their name or slug alone; nothing of a company that serves several regions."""
    found = {names.reference(network.network, one): (network, one) for network, one in map(resolved.operator, parties)}
    companies = all(one in network.processors for network, one in found.values())
    if len(found) == 1 or (companies and len({as_read(operators.name_of(*one)) for one in found.values()}) == 1):
        return ""
    return f"{' and '.join(sorted(found))} have one {'slug' if companies else 'name'} and so count as one: "


def _evenly(able: Mapping[str, int], parties: int) -> int:
    """How many parties at least one member has, of which each can have so many."""
    return next((most for most in range(parties) if sum(min(most, one) for one in able.values()) >= parties), parties)


def _network(reference: str) -> str:
    return reference.split("/")[0]
