"""Connections to all other parties as a verified computation uses them: messages in their order, numbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from .exchanger import Exchanger


class Lines:
    """Messages to and from each of `peers`, by number."""

    def __init__(self, peers: Mapping[int, Exchanger]) -> None:
        self._peers = peers
        self._sent: Counter[int] = Counter()
        self._taken: Counter[int] = Counter()

    def send(self, number: int, content: bytes) -> None:
        """Send to party `number`."""
        self._sent[number] += 1
        self._peers[number].send(self._sent[number], content)

    async def receive(self, number: int) -> bytes:
        """The next message of party `number`."""
        self._taken[number] += 1
        found = self._peers[number].receive(self._taken[number])
        return found if isinstance(found, bytes) else bytes(await found)
