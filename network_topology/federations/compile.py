"""From a federation and the definitions of its members to everything that follows from it."""

from collections.abc import Iterator, Mapping

from network_topology import names, operators
from network_topology.compiling import compile as regional
from network_topology.compiling import privacy
from network_topology.federations import compiled, rules
from network_topology.federations.resolved import Resolved

NAMED = 5
"""How many organisations one sentence names; of more it says how many, of how many regional networks."""


def compile_federation(resolved: Resolved) -> compiled.CompiledFederation:
    """Compile a federation; the same definitions always give an equal result, whatever the order of their keys.

    Raises violation.DefinitionError where it breaks a rule that needs no more than these definitions.
    """
    federation = resolved.federation
    rules.require(federation, resolved.members)
    members = {slug: _member(resolved, slug) for slug in sorted(resolved.members)}
    stations = {one.reference: one for member in members.values() for one in member.stations.values()}
    return compiled.CompiledFederation(
        network=federation.network,
        kind=federation.kind,
        title=federation.title,
        illustrative=federation.illustrative,
        coordinator=federation.coordinator,
        coordinator_name=resolved.name(federation.coordinator),
        technique=federation.technique,
        threshold=operators.threshold(federation.computing),
        computing=federation.computing,
        computing_alternates=federation.computing_alternates,
        members=members,
        links=regional.links_of(federation.sets, (one.reference for one in stations.values() if one.contributes)),
        operators=resolved.operator_names,
        privacy=_privacy(resolved, stations),
        digest=regional.digest(federation),
    )


def _member(resolved: Resolved, slug: str) -> compiled.Member:
    network, member = resolved.members[slug], resolved.federation.members[slug]
    return compiled.Member(
        network=slug,
        title=network.title,
        region=network.region or slug,
        root=member.root,
        consent=member.consent,
        release=network.release,
        stations={one: _station(resolved, slug, one) for one in sorted(member.organisations)},
    )


def _station(resolved: Resolved, slug: str, organisation: str) -> compiled.Station:
    network, reference = resolved.members[slug], names.reference(slug, organisation)
    card, computing = network.organisations[organisation], resolved.federation.computing
    return compiled.Station(
        reference=reference,
        id=names.station_id(slug, organisation),
        name=card.name,
        domain=card.domain,
        operated_by=resolved.operated_by[reference],
        own=operators.operator_of(network, organisation) == organisation,
        party=computing.index(reference) if reference in computing else None,
        contributes=card.contributes,
    )


def _privacy(resolved: Resolved, stations: Mapping[str, compiled.Station]) -> tuple[str, ...]:
    called = resolved.operator_names
    sets = resolved.federation.sets
    held = [
        [(called[operator], len(its)) for operator, its in resolved.computing_per_operator(parties).items()]
        for parties in sets
    ]
    named = [[stations[one].name for one in parties] for parties in sets]
    return privacy.counted(named, _serving(resolved, stations), held)


def _serving(resolved: Resolved, stations: Mapping[str, compiled.Station]) -> Iterator[str]:
    served = operators.grouped((one.operated_by, one.reference) for one in stations.values() if not one.own)
    for operator, owners in sorted(served.items()):
        networks = {one.split("/")[0] for one in owners}
        many = f"{len(owners)} organisations of {len(networks)} regional network{'s' if len(networks) > 1 else ''}"
        words = many if len(owners) > NAMED else ""
        yield privacy.for_others(resolved.operator_names[operator], [stations[one].name for one in owners], words)
