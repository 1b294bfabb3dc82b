"""Passes publications on: tells peers which one this server has, hears which one they have, and takes what is newer.

So news goes from any station to all that it has a link with, whatever becomes of the place where the coordinator
publishes; from there on once the follower of each server verified it. An organisation without an inbound port asks the
computing parties, and is asked over its poll. In a federation so goes what each of its members publishes, too.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ..accepted.networks import Network, Networks
from ..base import background
from ..base.journal import note
from ..wire.answers import Answers
from ..wire.peers import CallFailedError, Peers
from .giving import Giving
from .shape import ShapeError
from .shelf import Copies
from .taking import Taking

LOOK_EVERY = 60.0
"""Seconds between two times that every peer is asked, where nothing changes here."""
CHANGE_EVERY = 1.0
"""Seconds after which a change is seen here; then all are told at once."""


class Relay:
    """The publications of this server and the copies that peers gave, in `folder`."""

    def __init__(self, networks: Networks, peers: Peers, folder: Path) -> None:
        self._networks = networks
        self._peers = peers
        self._copies = Copies(folder)
        self._giving = Giving(networks)
        self._taking = Taking(networks, self._giving, peers, self._copies)
        self._telling: set[tuple[str, str]] = set()

    def answer_in(self, answers: Answers) -> None:
        """Answer other stations."""
        self._giving.answer_in(answers, self._taking.hear)

    async def keep(self) -> None:
        """Look again and again; what was there before this agent goes first."""
        await _noted(asyncio.to_thread(self._copies.clear))
        following = 0.0
        while True:
            newer = {whose.network for whose in await self._giving.refresh()}
            for network in newer:
                self._taking.proved(network)
            await _noted(self._taking.tidy())
            self._taking.again()
            if time.monotonic() >= following:
                newer = {*self._networks.current()}
                # Jitter, or all stations that began together would ask together for ever.
                following = time.monotonic() + LOOK_EVERY * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
            for network in sorted(newer):
                self.tell(network)
            await asyncio.sleep(CHANGE_EVERY)

    def tell(self, name: str) -> None:
        """Tell every station within reach which publications are here, in the background, and hear which it has."""
        network = self._networks.current().get(name)
        if network is None:
            return
        near = {*self._peers.callable(), *self._peers.polls.peers(name)} & network.stations.keys()
        for peer in near - {network.self_id}:
            if (name, peer) not in self._telling:
                self._telling.add((name, peer))
                background.start(self._exchange(network, peer))

    async def _exchange(self, network: Network, peer: str) -> None:
        told = None
        try:
            while told != (own := self._giving.told(network, peer)):
                answer, _ = await self._peers.ask(network, peer, {"kind": "publication"}, own)
                told = own  # and once more where another one came meanwhile
                self._taking.hear(network, peer, answer)
        except CallFailedError:
            return  # it is asked again; a release of before knows no publications
        except ShapeError as error:
            note("publication-not-taken", network=network.name, peer=peer, why=error)
        finally:
            self._telling.discard((network.name, peer))


async def _noted(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except OSError as error:
        note("publication-not-kept", why=error.strerror or error)
