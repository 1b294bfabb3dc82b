"""The network that a verb is about, found and compiled."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable

from base import errors
from werkplaats.operations.home import networks


def find(given: argparse.Namespace) -> networks.Network:
    """The network that was named, limited to `--only` where that was given."""
    network = networks.find(given.network, given.home)
    require(network, getattr(given, "only", ()))
    return network


def require(network: networks.Network, only: Iterable[str], *also: str) -> None:
    """Raise UsageError for who is neither in the network nor among `also`."""
    known = {*network.compiled.stations, *also}
    for organisation in only:
        if organisation not in known:
            raise errors.UsageError(
                f"{network.name} has no organisation {organisation!r}", f"it has: {', '.join(sorted(known))}"
            )


def owners_firewalls(network: networks.Network, only: Collection[str]) -> list[str]:
    """What the owner of a firewall that is not ours to set has to let through, a line for each flow."""
    return [
        f"{server.organisation}: the firewall is the owner's here, set there: "
        f"{row.direction} {row.protocol} {row.port} {'from' if row.direction == 'in' else 'to'} "
        f"{', '.join(row.addresses) or ', '.join(row.names) or row.counterpart} ({row.purpose})"
        for server in (network.given if network.made_here else network.servers)  # a sandbox's own may not be there yet
        if not server.managed.get("firewall", True) and (not only or server.organisation in only)
        for row in network.compiled.stations[server.organisation].firewall
    ]


def left(network: networks.Network) -> list[str]:
    """A sentence for each server of this operator of which the organisation left the network."""
    return [
        f"{server.organisation} is in servers.yml and no organisation of {network.name} any more: its server is "
        f"left as it is; werkplaats destroy {network.name} --only {server.organisation} takes the station off it"
        for server in network.left
    ]
