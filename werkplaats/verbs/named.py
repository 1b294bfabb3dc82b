"""The network that a verb is about, found and compiled."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

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


def left(network: networks.Network) -> list[str]:
    """A sentence for each server of this operator of which the organisation left the network."""
    return [
        f"{server.organisation} is in servers.yml and no organisation of {network.name} any more: its server is "
        f"left as it is; werkplaats destroy {network.name} --only {server.organisation} takes the station off it"
        for server in network.left
    ]
