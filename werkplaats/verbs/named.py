"""The network that a verb is about, found and compiled."""

from __future__ import annotations

import argparse

from base import errors
from werkplaats.operations.home import networks


def find(given: argparse.Namespace) -> networks.Network:
    """The network that was named, limited to `--only` where that was given."""
    network = networks.find(given.network, given.home)
    for organisation in getattr(given, "only", []):
        if organisation not in network.compiled.stations:
            known = ", ".join(sorted(network.compiled.stations))
            raise errors.UsageError(f"{network.name} has no organisation {organisation!r}", f"it has: {known}")
    return network
