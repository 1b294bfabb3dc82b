"""Stations that relay publications to each other without sockets; each reads its copies as the follower does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from base import errors
from publication import folder, reading, trusted
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base import contract
from station_image.runtime.base.documents import canonical
from station_image.runtime.base.refusal import BusyError, RefusedError
from station_image.runtime.relay.relay import Relay
from station_image.runtime.relay.shape import Whose
from station_image.runtime.wire import frames
from station_image.runtime.wire.answers import ANSWER_BODY, Answers
from station_image.runtime.wire.connection import SMALL
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.peers import CallFailedError
from tests.publication import publications
from tests.station_image.runtime.views import Small

NETWORK = "n"
OWN = Whose(NETWORK, NETWORK)
FILES = {"definition.json": b"1", "crl.pem": b"list 1", "releases/1.0.0.json": b"a release"}
NEWER = {**FILES, "definition.json": b"2", "crl.pem": b"list 2"}
Told = Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class Wired:
    """The peers of one station: what another one answers comes at once, as it is once it was sent."""

    def __init__(self, name: str, stations: Mapping[str, Any]) -> None:
        self._name = name
        self._stations = stations
        self.asked: list[tuple[str, str]] = []
        self.bytes = 0
        self.polls = self

    def callable(self) -> list[str]:
        return sorted(self._stations)

    def peers(self, _: str) -> list[str]:
        return []

    async def ask(
        self, _: Network, peer: str, request: Mapping[str, Any], content: Mapping[str, Any]
    ) -> tuple[dict[str, Any], bytes]:
        self.asked.append((peer, request["kind"]))
        if peer not in self._stations:
            raise CallFailedError(peer, "does not answer")
        assert len(canonical(content)) <= SMALL
        try:
            told = canonical(await self._stations[peer].told(self._name, request["kind"], content))
        except RefusedError as error:
            raise CallFailedError(peer, str(error), refused=not isinstance(error, BusyError)) from error
        assert len(told) <= ANSWER_BODY
        self.bytes += len(told)
        return frames.parse(told), b""

    def count(self, kind: str, *peers: str) -> int:
        return sum(found == kind and (not peers or peer in peers) for peer, found in self.asked)


class Station:
    """One that relays; its steps are made by the test, one by one."""

    def __init__(self, name: str, small: Small, root: Path, stations: dict[str, Any]) -> None:
        self.name = name
        self.root = root
        self.networks = small.networks(name)
        self.place = small.folder / name / NETWORK / "publication"
        self.peers = Wired(name, stations)
        self.folder = root / "relayed"
        root.mkdir(parents=True)
        self.relay = Relay(self.networks, self.peers, self.folder)  # type: ignore[arg-type]
        self.answers = Answers()
        self.relay.answer_in(self.answers)
        self.known: trusted.Trusted | None = None
        self._numbers = itertools.count()
        stations[name] = self

    @property
    def network(self) -> Network:
        return self.networks.find(NETWORK)

    async def told(self, caller: str, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """What it answers."""
        asked = Caller(self.network, caller, {"kind": kind})
        answer = await self.answers._kinds[kind].handler(asked, frames.parse(canonical(content)), b"")
        return answer or {"ok": True}

    def publish(self, made: publications.Files) -> None:
        """Have it as verified on this server, in place of what was there."""
        there = publications.put(self.root / f"publication.{next(self._numbers)}", made)
        fresh = self.root / "link"
        fresh.symlink_to(there)
        fresh.replace(self.place)

    async def step(self) -> None:
        """What `keep` does once, and all that follows from it until everybody rests."""
        for whose in await self.relay._giving.refresh():
            self.relay._taking.proved(whose.network)
        await self.relay._taking.tidy()
        self.relay.tell(NETWORK)
        await rest()

    @property
    def copies(self) -> dict[str, publications.Files]:
        """What peers gave, by peer."""
        found = self.folder / NETWORK
        return {path.name: publications.gathered(path) for path in sorted(found.glob("[!.]*"))}

    def follow(self) -> list[str]:
        """Have what is right and newest of the copies; returns whose copy was no good."""
        refused = []
        for peer in self.copies:
            place = self.root / contract.RELAYED.format(network=NETWORK, peer=peer)
            source = folder.source(place)
            try:
                _, known = reading.read(source, publications.PLACE, NETWORK, self.known)
            except errors.WerkplaatsError:
                refused.append(peer)
                continue
            if self.known != known:
                self.known = known
                self.publish(publications.gathered(place))
        return refused


class Hostile:
    """A station that answers what a test wants."""

    def __init__(self, name: str, stations: dict[str, Any], told: Told) -> None:
        self._told = told
        stations[name] = self

    async def told(self, _: str, kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        return await self._told(kind, content)


async def rest() -> None:
    """Until nothing happens in the background any more."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
