"""One computing party's part of a verified computation: messages, sharing, coins, transcript."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...data import shares
from .. import sharing
from ..mesh import PartyLostError, ViolationError

P = shares.FIELD
SEED = 32


class Wire(Protocol):
    """Sealed connections to all others; messages from one party arrive in their order."""

    def send(self, number: int, content: bytes) -> None:
        """Send to party `number`."""

    async def receive(self, number: int) -> bytes:
        """The next message of party `number`."""


class Party:
    """Party `number` of `parties`. `keys` are those of pseudorandom sharing, by set of parties; `session` is public.

    All methods that are awaited send messages: all parties call them in the same order. Numbers are flat object arrays
    of own shares, below the field. Raises PartyLostError when it cannot go on.
    """

    def __init__(self, wire: Wire, number: int, parties: int, keys: sharing.Keys, session: bytes) -> None:
        self.number, self.parties, self.threshold = number, parties, (parties - 1) // 2
        self._wire, self._keys, self._session = wire, dict(keys), session
        self._drawn = 0
        self._coins = 0
        self._seed = secrets.token_bytes(SEED)
        self._commitments: list[bytes] = []
        self._transcript = hashlib.sha256(b"werkplaats transcript|" + session)
        self._points = tuple(range(1, parties + 1))

    async def start(self) -> None:
        """Compare the keys of pseudorandom sharing, and commit to the first coin."""
        others = range(self.parties)
        heard = await self._each([self._key_digests(other) for other in others])
        for other in others:
            if heard[other] != self._key_digests(other):
                raise PartyLostError(None, f"the keys shared with party {other} are not those that others have")
        self._commitments = await self.say(self._commitment(self.number, self._seed))
        for number, content in enumerate(self._commitments):
            if len(content) != SEED:
                raise ViolationError(number, "a commitment that is none")
        self._transcript.update(b"".join(self._commitments))

    async def say(self, content: bytes) -> list[bytes]:
        """What each party says, in party order."""
        return await self._each([content] * self.parties)

    async def rows(self, own: Any) -> list[list[int]]:
        """All parties' shares of the same numbers, in party order: an opening. After `meet` only."""
        return self._numbers(await self.say(_packed(own)), len(own))

    def saw(self, content: bytes) -> None:
        """What all must have seen alike, or `meet` ends it."""
        self._transcript.update(content)

    async def coin(self) -> bytes:
        """32 public random bytes that nobody knew before every honest party had all messages before this call."""
        seed, self._seed = self._seed, secrets.token_bytes(SEED)
        self._coins += 1
        said = await self.say(seed + self._commitment(self.number, self._seed))
        for number, content in enumerate(said):
            if len(content) != 2 * SEED:
                raise ViolationError(number, "a coin that is none")
            if self._commitment(number, content[:SEED], self._coins - 1) != self._commitments[number]:
                raise ViolationError(number, "another coin than it committed to")
        self._commitments = [content[SEED:] for content in said]
        self._transcript.update(b"".join(said))
        return hashlib.sha256(b"werkplaats coin|" + b"".join(content[:SEED] for content in said)).digest()

    async def meet(self) -> None:
        """Wait until all have all messages so far; abort unless all saw the same public numbers."""
        mine = self._transcript.digest()
        if any(theirs != mine for theirs in await self.say(mine)):
            raise PartyLostError(None, "the computing parties did not see the same public numbers")

    def random(self, count: int, bits: int | None = None) -> Any:
        """Shares of numbers that nobody knows: of the whole field, or sums of numbers of `bits` bits, one per key."""
        return sharing.numbers(self._keys, self.number, self.parties, self._place(), count, bits)

    def zeros(self, count: int) -> Any:
        """Points of random polynomials of degree 2t that are 0 at 0."""
        return sharing.zeros(self._keys, self.number, self.parties, self._place(), count)

    async def _reshare(self, own: Any) -> Any:
        """Shares, of degree t, of the numbers whose points of degree 2t are `own`. Only `Verified` may call it."""
        rows = shares.split([int(value) for value in own], self.threshold, self.parties)
        return self._at_0(await self._each([shares.pack(row) for row in rows]), len(own))

    async def _open(self, own: Any) -> list[int]:
        """Numbers of degree t, checked over all shares. Only after `meet`, and with nothing reshared in between."""
        try:
            return shares.recombine(await self.rows(own), self.threshold)
        except shares.ShareError as error:
            raise PartyLostError(None, "the parties' shares of an opened number do not belong together") from error

    async def _open_unchecked(self, own: Any) -> list[int]:
        """Numbers of degree 2t: a liar makes them what it likes, also others for different parties, until `meet`."""
        values = [int(value) for value in self._at_0(await self.say(_packed(own)), len(own))]
        self._transcript.update(shares.pack(values))
        return values

    async def _each(self, contents: Sequence[bytes]) -> list[bytes]:
        """Send every party its content; what every party sent, in party order, the own one included."""
        for number, content in enumerate(contents):
            if number != self.number:
                self._wire.send(number, content)
        return [
            contents[number] if number == self.number else await self._wire.receive(number)
            for number in range(self.parties)
        ]

    def _numbers(self, heard: Sequence[bytes], count: int) -> list[list[int]]:
        rows = []
        for number, content in enumerate(heard):
            try:
                rows.append(shares.unpack(content, count))
            except shares.ShareError as error:
                raise ViolationError(number, str(error)) from error
        return rows

    def _at_0(self, heard: Sequence[bytes], count: int) -> Any:
        """The numbers whose points of degree 2t all parties told."""
        return np.array(self._weights_at_0(), dtype=object) @ np.array(self._numbers(heard, count), dtype=object) % P

    def _weights_at_0(self) -> tuple[int, ...]:
        return shares.lagrange(self._points, 0, P)

    def _place(self) -> bytes:
        """What no other pseudorandom numbers of these keys are made for."""
        self._drawn += 1
        return b"werkplaats prss|%d|%b" % (self._drawn, self._session)

    def _key_digests(self, other: int) -> bytes:
        common = sorted(members for members in self._keys if other in members)
        return b"".join(
            hashlib.sha256(
                b"werkplaats key|%b|%b|" % (str(members).encode(), self._keys[members]) + self._session
            ).digest()
            for members in common
        )

    def _commitment(self, number: int, seed: bytes, coin: int | None = None) -> bytes:
        place = self._coins if coin is None else coin
        return hashlib.sha256(b"werkplaats seed|%d|%d|%b|" % (number, place, seed) + self._session).digest()


def _packed(own: Any) -> bytes:
    return shares.pack([int(value) % P for value in own])
