"""From a definition to everything that follows from it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from base import canonical
from network_topology import model, names, operators, rules
from network_topology.compiling import addresses, compiled, firewall, privacy
from network_topology.compiling.compiled import CompiledNetwork, Station
from network_topology.twin import sandbox_twin

__all__ = ["CompiledNetwork", "Station", "compile_network", "digest", "links_of", "sandbox_twin", "station_view"]


def compile_network(definition: model.Definition) -> CompiledNetwork:
    """Compile a definition; the same definition always gives an equal result, whatever the order of its keys.

    Raises violation.DefinitionError where the definition breaks a rule that needs no knowledge from outside.
    """
    rules.require(definition)
    accepted = digest(definition)
    definition = addresses.printed(definition)
    links = links_of(definition.sets, (slug for slug, one in definition.stations.items() if one.contributes))
    peers = {slug: _peers(definition, slug, links) for slug in definition.stations}
    stations = {slug: _station(definition, slug, peers[slug]) for slug in definition.stations}
    return CompiledNetwork(
        network=definition.network,
        kind=definition.kind,
        title=definition.title,
        illustrative=definition.illustrative,
        region=definition.region,
        coordinator=definition.coordinator,
        coordinator_name=definition.organisations[definition.coordinator].name,
        release=definition.release,
        technique=definition.technique,
        threshold=operators.threshold(definition.computing),
        computing=definition.computing,
        computing_alternates=definition.computing_alternates,
        stations=stations,
        links=links,
        operators={one.operated_by: operators.name_of(definition, one.operated_by) for one in stations.values()},
        privacy=privacy.sentences(definition),
        digest=accepted,
    )


def digest(definition: model.Network) -> str:
    """`sha256:…` over the canonical JSON of a definition: sorted keys, no blanks, UTF-8.

    A value that is left out counts as its default, so a later field with a default changes no digest that an
    operator has accepted.
    """
    content = definition.model_dump(mode="json", exclude_defaults=True)
    return canonical.digest(content)


def station_view(
    network: CompiledNetwork,
    organisation: str,
    statement_keys: Mapping[str, str],
    serials: Mapping[str, int],
    accepted: Mapping[str, str],
) -> dict[str, Any]:
    """What one station knows of a network: every station in it, as its agent reads it from network.json.

    `statement_keys` maps organisation to the base64 text of its 32 byte public statement key. A station without one
    is `cut`: not approved yet, or no longer. `serials` maps organisation to the serial number of its gateway key below
    which none is taken (1 where none was seen). `accepted` has a digest of each part of what was accepted, which
    stations tell each other. Raises LookupError where the station itself has no key.
    """
    here = network.stations[organisation]
    if organisation not in statement_keys:
        raise LookupError(f"organisation {organisation!r} has no statement key yet; request and approve it first")
    # Also those that it has no link to: it checks who else contributes before it shares out anything.
    known = sorted(network.stations.keys() & statement_keys.keys())
    cut = sorted(network.stations.keys() - statement_keys.keys())
    coordinator = network.stations.get(network.coordinator)
    return {
        "network": network.network,
        "definition": network.digest,
        "accepted": dict(accepted),
        "release": network.release,
        "self": here.id,
        "coordinator": coordinator.id if coordinator else None,
        "computing": [network.stations[slug].id for slug in network.computing],
        "threshold": network.threshold,
        **compiled.named_alternates(
            [[network.stations[slug].id for slug in parties] for parties in network.computing_alternates]
        ),
        "stations": {
            network.stations[slug].id: _card(network.stations[slug], statement_keys[slug], serials.get(slug, 1))
            for slug in known
        },
        "cut": {network.stations[slug].id: {"organisation": slug} for slug in cut},
    }


def _card(station: Station, statement_key: str, serial: int) -> dict[str, Any]:
    return {
        "organisation": station.organisation,
        "name": station.name,
        "operator": station.operator,
        "contributes": station.contributes,
        "inbound": station.gateway is not None,
        "statement_key": statement_key,
        "gateway_serial": serial,
    }


def links_of(sets: Sequence[Sequence[str]], contributors: Iterable[str]) -> tuple[compiled.Link, ...]:
    """Who opens connections to whom, as it follows from the roles.

    The computing parties of one set call each other both ways: the lower party number opens a session's MPC channel,
    but any agent may have something to say. Who is in no set with a computing party calls it. Results go to the
    computing parties, over the links they have; links with purpose `result` to other result parties follow from
    questions, which are not part of a network's file.
    """
    together = dict.fromkeys((one, other) for parties in sets for one in parties for other in parties if one != other)
    computes = dict.fromkeys(party for parties in sets for party in parties)
    compute = (compiled.Link(*pair, "compute") for pair in together)
    contribute = (
        compiled.Link(one, party, "contribute")
        for one in dict.fromkeys((*contributors, *computes))
        for party in computes
        if one != party and (one, party) not in together
    )
    return (*compute, *contribute)


def _peers(definition: model.Definition, slug: str, links: Iterable[compiled.Link]) -> tuple[compiled.Peer, ...]:
    calls = {link.target for link in links if link.source == slug}
    called_by = {link.source for link in links if link.target == slug}
    return tuple(_peer(definition, other, other in called_by, other in calls) for other in sorted(calls | called_by))


def _peer(definition: model.Definition, slug: str, inbound: bool, outbound: bool) -> compiled.Peer:
    card = definition.organisations[slug]
    return compiled.Peer(
        id=names.station_id(definition.network, slug),
        organisation=slug,
        subject=names.subject(definition.network, slug),
        dns=names.dns(definition.network, slug),
        address=card.gateway.name if card.gateway else None,
        port=card.gateway.port if card.gateway else None,
        egress=card.gateway.egress if card.gateway else card.egress,
        inbound=inbound,
        outbound=outbound,
    )


def _station(definition: model.Definition, slug: str, peers: tuple[compiled.Peer, ...]) -> Station:
    card, network = definition.organisations[slug], definition.network
    computes = slug in definition.computes
    roles: tuple[compiled.Role, ...] = ("contributor",) if card.contributes else ()
    gateway = card.gateway
    return Station(
        organisation=slug,
        id=names.station_id(network, slug),
        name=card.name,
        domain=card.domain,
        operator=card.operator or model.ITSELF,
        operated_by=operators.operator_of(definition, slug),
        subject=names.subject(network, slug),
        dns=names.dns(network, slug),
        spiffe=names.spiffe(network, slug),
        gateway=compiled.Gateway(gateway.name, gateway.port, gateway.egress, gateway.addresses) if gateway else None,
        party=definition.computing.index(slug) if slug in definition.computing else None,
        contributes=card.contributes,
        roles=(*roles, "computing_party", "result_party") if computes else roles,
        peers=peers,
        firewall=firewall.rows(definition, slug, peers),
    )
