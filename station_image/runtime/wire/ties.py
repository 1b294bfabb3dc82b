"""The connections that this station holds with each peer, in both directions: they end when the peer leaves.

A peer leaves when it is not in the accepted definition any more, or not with the statement key that it proved. Its
gateway's connection would live on otherwise, whatever is refused to new ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from ..accepted.networks import Network, Networks
from .connection import Connection, ConnectionLostError


class Ties:
    """Connections by network and peer."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._held: defaultdict[tuple[str, str], set[Connection]] = defaultdict(set)
        networks.watch(self._end)

    @contextmanager
    def hold(self, network: Network, peer: str, connection: Connection) -> Iterator[None]:
        """End `connection` as soon as `peer` leaves. Raises ConnectionLostError when it did since `network` was read.

        Whoever holds it sees a connection that was lost, with the reason.
        """
        if not self._networks.still(network, peer):
            raise ConnectionLostError(_why(network.name, peer))
        key = (network.name, peer)
        self._held[key].add(connection)
        try:
            yield
        finally:
            self._held[key].discard(connection)
            if not self._held[key]:
                del self._held[key]

    def _end(self, network: str, peer: str) -> None:
        for connection in self._held.get((network, peer), ()):
            connection.end(_why(network, peer))


def _why(network: str, peer: str) -> str:
    return f"{peer} left {network}, or is cut"
