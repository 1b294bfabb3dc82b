"""Takes newer publications from peers, as they say that they have them, and leaves them for who verifies.

Each peer has a copy of its own here, since nothing tells which one is right: who relays an old, cut or foreign one, or
one with a huge number, spoils its own copy and nobody else's. What lies here already is not asked for again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ..accepted.networks import Network, Networks
from ..base import background, documents
from ..base.journal import note
from ..wire.peers import CallFailedError, Peers
from .giving import MOST_BYTES, MOST_SPANS, Giving, places
from .pace import Pace
from .shape import Item, Listing, ShapeError, Versions, Whose, parse_members
from .shelf import Arrival, Copies

AT_ONCE = 8
"""Requests to all peers together. A place is held for one request: whoever is slow keeps nobody waiting for longer."""
ANSWER_WITHIN = 20.0
SAME_WITHIN = 5.0
GRACE, SLOWEST = 60.0, 128 * 1024
"""Seconds that a peer may take for a whole publication, and one more for so many bytes."""
PAUSE = 0.05
"""Seconds between two requests to one peer, so that sessions have the line."""
Span = tuple[int, int, int]
"""Number of a file in its list, and of the bytes begin and end."""


class Taking:
    """What this station fetches from peers into `copies`, of what is newer than in `giving`."""

    def __init__(self, networks: Networks, giving: Giving, peers: Peers, copies: Copies) -> None:
        self._networks = networks
        self._giving = giving
        self._peers = peers
        self._copies = copies
        self._paces: defaultdict[tuple[str, str], Pace] = defaultdict(Pace)
        self._arriving: dict[tuple[Whose, str], asyncio.Event] = {}
        self._claims: dict[tuple[Whose, str], Versions] = {}
        self._busy: set[tuple[Whose, str]] = set()
        self._asked: set[tuple[str, str]] = set()
        """Network and peer: a peer is asked for one publication at a time, whoever's, and holds one place at most."""
        self._slots = asyncio.Semaphore(AT_ONCE)

    def again(self) -> None:
        """Take what was to wait and need not any more."""
        networks = self._networks.current()
        for (whose, peer), claimed in list(self._claims.items()):
            network = networks.get(whose.network)
            if network is not None and peer in network.stations and whose in places(network):
                self.consider(network, whose, peer, claimed)
            else:
                del self._claims[whose, peer]

    async def tidy(self) -> None:
        """Remove the copies that are no news here, or whose peers left. Raises OSError."""
        networks = self._networks.current()
        for whose, peer in self._copies.all():
            network = networks.get(whose.network)
            news = self._copies.versions(whose, peer) > self._giving.versions(whose)
            if (news and network and peer in network.stations) or (whose, peer) in self._busy:
                continue
            self._busy.add((whose, peer))
            try:
                await asyncio.to_thread(self._copies.drop, whose, peer)
            finally:
                self._busy.discard((whose, peer))

    def proved(self, network: str) -> None:
        """What was verified on this server is newer than it was."""
        for (name, _), pace in self._paces.items():
            if name == network:
                pace.proved()

    def hear(self, network: Network, peer: str, content: Mapping[str, Any]) -> None:
        """Consider what `peer` says that it has, of what this station has too. Raises ShapeError."""
        own = Versions.parse(content.get("versions"))
        said = {**parse_members(content.get("members", {})), network.name: own}
        for whose in places(network):
            if whose.of in said:
                self.consider(network, whose, peer, said[whose.of])

    def consider(self, network: Network, whose: Whose, peer: str, claimed: Versions) -> None:
        """Take a publication of `peer` in the background if it is wanted; where it must wait, later."""
        key = (whose, peer)
        self._claims.pop(key, None)
        if claimed <= self._giving.versions(whose) or claimed == self._copies.versions(*key):
            return
        self._claims[key] = claimed
        line = (network.name, peer)
        if key not in self._busy and line not in self._asked and self._paces[line].may():
            self._busy.add(key)
            self._asked.add(line)
            background.start(self._take(network, whose, peer, claimed))

    async def _take(self, network: Network, whose: Whose, peer: str, claimed: Versions) -> None:
        pace = self._paces[network.name, peer]
        facts = {"network": network.name, **whose.field, "peer": peer}
        try:
            versions = await self._fetch(network, whose, peer, claimed, pace)
        except CallFailedError as error:
            pace.broken()
            note("publication-not-taken", **facts, why=error.why)
        except ShapeError as error:
            pace.taken()
            note("publication-not-taken", **facts, why=error)
        except OSError as error:
            pace.broken()
            note("publication-not-kept", **facts, why=error.strerror or error)
        else:
            pace.taken()
            note("publication-taken", **facts, versions=",".join(map(str, versions)))
        finally:
            self._copies.settle(whose, peer)
            self._busy.discard((whose, peer))
            self._asked.discard((network.name, peer))

    async def _fetch(self, network: Network, whose: Whose, peer: str, claimed: Versions, pace: Pace) -> Versions:
        """Have a whole copy of what `peer` has. Raises CallFailedError, ShapeError, OSError."""
        line = _Line(self._peers, self._slots, network, whose, peer)
        told = await line.ask("publication-list", {})
        pace.count(len(documents.canonical(told)))
        listing = Listing.parse(told.get("files"))
        async with self._after_the_same(whose, listing.digest):
            return await self._copy(line, listing, claimed, pace)

    async def _copy(self, line: _Line, listing: Listing, claimed: Versions, pace: Pace) -> Versions:
        whose, peer = line.whose, line.peer
        arrival = await asyncio.to_thread(self._copies.arrive, whose, peer, listing)
        try:
            missing = await asyncio.to_thread(arrival.take_over, self._here(whose))
            need = sum(item.size for item in missing)
            if need > pace.left:
                raise ShapeError(f"has {need} bytes more, after what came from it in the last hour")
            line.seconds += need / SLOWEST
            await _pour(line, listing, missing, arrival, pace)
            versions = await asyncio.to_thread(arrival.finish, claimed)
            self._copies.keep(whose, peer, versions, listing)
            return versions
        finally:
            await asyncio.to_thread(arrival.give_up)

    @asynccontextmanager
    async def _after_the_same(self, whose: Whose, digest: str) -> AsyncIterator[None]:
        """Where another gives the very same just now, wait a little: then most of it lies here."""
        key = (whose, digest)
        if key in self._arriving:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arriving[key].wait(), SAME_WITHIN)
        over = self._arriving[key] = asyncio.Event()
        try:
            yield
        finally:
            over.set()
            if self._arriving.get(key) is over:
                del self._arriving[key]

    def _here(self, whose: Whose) -> dict[str, Any]:
        held = self._giving.held(whose)
        own = {item.digest: held.stamp[0] / item.name for item in held.listing.items} if held else {}
        return {**self._copies.contents(whose), **own}


class _Line:
    """One peer, as it is asked in one go: `seconds` are left to it, in which it alone was waited for."""

    def __init__(self, peers: Peers, slots: asyncio.Semaphore, network: Network, whose: Whose, peer: str) -> None:
        self._peers = peers
        self._slots = slots
        self._network = network
        self.whose = whose
        self.peer = peer
        self.seconds = GRACE

    async def ask(self, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """One answer. Raises CallFailedError; ShapeError for one that took more time than it may in all."""
        async with self._slots:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    told, _ = await self._peers.ask(
                        self._network, self.peer, {"kind": kind}, {**content, **self.whose.field}
                    )
            except TimeoutError as error:
                raise CallFailedError(self.peer, f"said nothing whole for {ANSWER_WITHIN:g} s") from error
            self.seconds -= time.monotonic() - begun
        if self.seconds < 0:
            raise ShapeError(f"gives slower than {SLOWEST} bytes a second")
        return told


async def _pour(line: _Line, listing: Listing, missing: Sequence[Item], arrival: Arrival, pace: Pace) -> None:
    """Ask for all that is missing, one answer after the other."""
    digest = listing.digest
    for spans in plan(listing, missing):
        await asyncio.sleep(PAUSE)
        told = await line.ask("publication-files", {"list": digest, "spans": [list(span) for span in spans]})
        pieces = read_pieces(listing, spans, told.get("pieces"))
        pace.count(sum(len(piece) for _, piece in pieces))
        await asyncio.to_thread(arrival.add, pieces)


def plan(listing: Listing, missing: Sequence[Item]) -> Iterator[list[Span]]:
    """What is asked for in one request after the other: whole files where they fit, and each answer full."""
    wanted = set(missing)
    spans: list[Span] = []
    room = MOST_BYTES
    for number, item in enumerate(listing.items):
        begin = 0
        while item in wanted and (begin < item.size or begin == 0):
            end = min(item.size, begin + room)
            spans.append((number, begin, end))
            room -= end - begin
            begin = max(end, 1)
            if room == 0 or len(spans) == MOST_SPANS:
                yield spans
                spans, room = [], MOST_BYTES
    if spans:
        yield spans


def read_pieces(listing: Listing, spans: Sequence[Span], content: object) -> list[tuple[Item, bytes]]:
    """The bytes that were asked for, no less and no more. Raises ShapeError."""
    if not isinstance(content, list) or len(content) != len(spans):
        raise ShapeError("pieces: not as many as were asked for")
    found = []
    for (number, begin, end), text in zip(spans, content, strict=True):
        try:
            piece = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError) as error:
            raise ShapeError("pieces: one is not base64") from error
        if len(piece) != end - begin or not isinstance(text, str):
            raise ShapeError("pieces: one is shorter or longer than was asked for")
        found.append((listing.items[number], piece))
    return found
