"""The network that a verb is about, found and compiled."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable

from base import errors
from network_topology import load
from werkplaats.operations.home import networks
from werkplaats.operations.reach import servers


def find(given: argparse.Namespace) -> networks.Network:
    """The network that was named, limited to `--only` where that was given."""
    network = networks.find(given.network, given.home)
    require(network, getattr(given, "only", ()))
    return network


def look_at(given: argparse.Namespace) -> networks.Network | networks.Federation:
    """The same, of a federation too."""
    network = networks.look_at(given.network, given.home)
    if isinstance(network, networks.Network):
        require(network, getattr(given, "only", ()))
    return network


def find_or_twin(given: argparse.Namespace) -> networks.Network | networks.Federation:
    """The same, of the twin of a federation too. Raises KindError for a federation that is none: it has no servers."""
    network = look_at(given)
    if isinstance(network, networks.Federation):
        require_twin(network)
    return network


def require_twin(federation: networks.Federation) -> None:
    """Raise KindError for a federation that is not made here."""
    if not federation.made_here:
        raise load.regional_wanted(federation.definition)


def require(network: networks.Network, only: Iterable[str], *also: str) -> None:
    """Raise UsageError for who is neither in the network nor among `also`."""
    known = {*network.compiled.stations, *also}
    for organisation in only:
        if organisation not in known:
            raise errors.UsageError(
                f"{network.name} has no organisation {organisation!r}", f"it has: {', '.join(sorted(known))}"
            )


def owners(network: networks.Network, only: Collection[str]) -> list[str]:
    """What is said of the parts of servers that are their owner's to set."""
    return owners_parts(network, only) + owners_firewalls(network, only)


def owners_parts(network: networks.Network, only: Collection[str]) -> list[str]:
    """A sentence for each server with parts that are its owner's to set."""
    found = []
    for server in _own(network, only):
        if parts := [part for part, ours in server.managed.items() if not ours]:
            told = f"werkplaats doctor {network.name} --only {server.organisation} prints what is to be set there"
            found.append(f"{server.organisation}: its owner sets {', '.join(parts)}: {told}")
    return found


def _own(network: networks.Network, only: Collection[str]) -> list[servers.Server]:
    """The servers that a verb is about; a sandbox's own may not be there yet."""
    known = network.given if network.made_here else network.servers
    return [server for server in known if not only or server.organisation in only]


def owners_firewalls(network: networks.Network, only: Collection[str]) -> list[str]:
    """What the owner of a firewall that is not ours to set has to let through, a line for each flow."""
    return [
        f"{server.organisation}: the firewall is the owner's here, set there: "
        f"{row.direction} {row.protocol} {row.port} {'from' if row.direction == 'in' else 'to'} "
        f"{', '.join(row.addresses) or ', '.join(row.names) or row.counterpart} ({row.purpose})"
        for server in _own(network, only)
        if not server.managed.get("firewall", True)
        for row in network.compiled.stations[server.organisation].firewall
    ]


def left(network: networks.Network) -> list[str]:
    """A sentence for each server of this operator of which the organisation left the network."""
    return [
        f"{server.organisation} is in servers.yml and no organisation of {network.name} any more: its server is "
        f"left as it is; werkplaats destroy {network.name} --only {server.organisation} takes the station off it"
        for server in network.left
    ]
