"""The firewall sheet of one organisation: every flow that its server needs, and no other."""

from collections.abc import Iterable, Iterator

from network_topology import model, operators, web
from network_topology.compiling import compiled

SSH, NTP, HTTPS = 22, 123, 443


def rows(definition: model.Definition, slug: str, peers: Iterable[compiled.Peer]) -> tuple[compiled.FirewallRow, ...]:
    """The rows of one organisation: what comes in first, the mesh before the rest."""
    peers = tuple(peers)
    found = (*_mesh_in(definition, slug, peers), _ssh(definition, slug), *_mesh_out(definition, peers))
    return (*found, *_services(definition, slug))


def _mesh_in(definition: model.Definition, slug: str, peers: Iterable[compiled.Peer]) -> Iterator[compiled.FirewallRow]:
    gateway = definition.organisations[slug].gateway
    for peer in peers:
        if peer.inbound and gateway is not None:
            name = definition.organisations[peer.organisation].name
            own = definition.organisations[slug].name
            where = (peer.address,) if peer.address else ()
            yield compiled.FirewallRow("in", "tcp", gateway.port, name, where, peer.egress, own, "mesh")


def _mesh_out(definition: model.Definition, peers: Iterable[compiled.Peer]) -> Iterator[compiled.FirewallRow]:
    for peer in peers:
        card = definition.organisations[peer.organisation]
        if peer.outbound and card.gateway is not None:
            gateway = card.gateway
            name, where = card.name, (gateway.name,)
            yield compiled.FirewallRow("out", "tcp", gateway.port, name, where, gateway.addresses, name, "mesh")


def _ssh(definition: model.Definition, slug: str) -> compiled.FirewallRow:
    """SSH for the server's own operator and nobody else; its people may call from the ranges of its gateway."""
    operator = operators.operator_of(definition, slug)
    name = operators.name_of(definition, operator)
    counterpart = f"{name}, own administration" if operator == slug else f"{name}, operator of this server"
    card = definition.organisations.get(operator)
    away = card is not None and operator != slug
    ranges = (card.gateway.egress if card.gateway else card.egress) if card is not None and away else ()
    return compiled.FirewallRow("in", "tcp", SSH, counterpart, (), ranges, name, "ssh")


def _services(definition: model.Definition, slug: str) -> Iterator[compiled.FirewallRow]:
    """What a server fetches. Where from is the owner's choice, or on the network's own page; no call comes in."""
    own = definition.organisations[slug].name
    coordinator = operators.name_of(definition, definition.coordinator)
    yield compiled.FirewallRow("out", "udp", NTP, "time servers of own choice", (), (), own, "ntp")
    yield compiled.FirewallRow("out", "tcp", HTTPS, "Debian package mirror of own choice", (), (), own, "packages")
    counterpart = f"publication of the network, kept by {coordinator}"
    port, names, addresses = _where(definition.publication_url)
    yield compiled.FirewallRow("out", "tcp", port, counterpart, names, addresses, coordinator, "publication")


def _where(url: str | None) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """Port, names and addresses of the place of a publication; without one where its operator chooses to fetch it."""
    place = web.place(url) if url else None
    if place is None:
        return HTTPS, (), ()
    return (place.port, (), (place.host,)) if place.address else (place.port, (place.host,), ())
