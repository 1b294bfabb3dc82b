"""From a federation and the definitions of its members to everything that follows from it."""

import datetime

from network_topology import names, operators
from network_topology.compiling import compile as regional
from network_topology.compiling import privacy
from network_topology.federations import compiled, rules
from network_topology.federations.whole import Whole


def compile_federation(whole: Whole) -> compiled.CompiledFederation:
    """Compile a federation; the same definitions always give an equal result, whatever the order of their keys.

    Raises violation.DefinitionError where the federation breaks a rule that needs no knowledge from outside. What needs
    the members was looked at when it was checked: a station that no member has is none here either.
    """
    federation = whole.federation
    rules.require(federation)
    regions = {slug: _region(whole, slug) for slug in sorted(whole.regions)}
    stations = {one.reference: one for region in regions.values() for one in region.stations.values()}
    served = operators.grouped((one.operated_by, one.reference) for one in stations.values() if not one.own)
    return compiled.CompiledFederation(
        network=federation.network,
        kind=federation.kind,
        title=federation.title,
        illustrative=federation.illustrative,
        coordinator=federation.coordinator,
        coordinator_name=whole.name(federation.coordinator),
        technique=federation.technique,
        threshold=whole.threshold,
        computing=federation.computing,
        regions=regions,
        links=regional.links_of(federation.computing, (one.reference for one in stations.values() if one.contributes)),
        operators=whole.operator_names,
        privacy=privacy.counted(
            whole.threshold,
            federation.computing,
            whole.name,
            whole.operator_names.__getitem__,
            dict(sorted(served.items())),
            whole.computing_per_operator(),
        ),
        digest=regional.digest(federation),
    )


def _region(whole: Whole, slug: str) -> compiled.Region:
    region, member = whole.regions[slug], whole.federation.members[slug]
    taking_part = sorted(one for one in member.organisations if whole.card(names.reference(slug, one)) is not None)
    return compiled.Region(
        network=slug,
        title=region.title,
        region=region.region or slug,
        root=member.root,
        consent=member.consent or datetime.date.min,
        release=region.release,
        stations={one: _station(whole, slug, one) for one in taking_part},
    )


def _station(whole: Whole, network: str, organisation: str) -> compiled.Station:
    region, reference = whole.regions[network], names.reference(network, organisation)
    card, computing = region.organisations[organisation], whole.federation.computing
    return compiled.Station(
        reference=reference,
        id=names.station_id(network, organisation),
        name=card.name,
        domain=card.domain,
        operated_by=whole.operated_by[reference],
        own=operators.operator_of(region, organisation) == organisation,
        party=computing.index(reference) if reference in computing else None,
        contributes=card.contributes,
    )
