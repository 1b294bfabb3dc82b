"""Sandbox servers: the only place that knows that a server was made on this machine."""

from network_topology import names


def makes(network: str) -> bool:
    """Whether this network's servers are made here: it is the twin of a network whose servers exist elsewhere."""
    return names.is_sandbox(network)
