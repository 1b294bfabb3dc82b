"""What other stations are told of the publications that were verified on this server, and nothing else of them.

    publication         which one have you? I have this one                  versions, in a federation of members too
    publication-list    what is in it?                                       names, sizes, digests
    publication-files   these bytes of these files of that list              the bytes

Of a federation's member a request names it in `of`. A release of before knows no members: it tells of none and is asked
for none. What a region publishes its own stations tell each other in its own network.

What peers gave is told to nobody before it was verified here: nobody's lies go further than one station.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..accepted.networks import Network, Networks
from ..base.journal import note
from ..base.refusal import BusyError, RefusedError
from ..wire.answers import Answer, Answers
from ..wire.budget import Rates
from ..wire.hello import Caller
from .shape import MOST_MEMBERS, NOTHING, Item, ShapeError, Versions, Whose
from .shelf import Held, look, stamp

ASKED = 400, 1.0
"""Each peer: so many times at once, enough for the largest publication, then one in so many seconds."""
MOST_BYTES = 256 * 1024
MOST_SPANS = 200
"""Of one answer."""
FOLDER, MEMBERS = "publication", "members"
"""In a network's folder of networks.d; in the latter that of each other member of a federation."""
Hear = Callable[[Network, str, Mapping[str, Any]], None]
"""Told what a peer says of the publications that it has. Raises ShapeError."""


def places(network: Network) -> dict[Whose, Path]:
    """Where each publication lies that this station tells of in a network."""
    found = {Whose(network.name, network.name): network.folder / FOLDER}
    if not network.at_home:
        others = itertools.islice(sorted((network.folder / MEMBERS).glob("[!.]*")), MOST_MEMBERS - 1)
        members = {path.name: path for path in others}
        members[network.home] = network.folder.parent / network.home / FOLDER
        found |= {Whose(network.name, name): path for name, path in members.items()}
    return found


class Giving:
    """The publications of this server."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._hear: Hear = lambda *_: None
        self._held: dict[Whose, Held | None] = {}
        self._problems: dict[Whose, str] = {}
        self._asked = Rates(*ASKED)

    def answer_in(self, answers: Answers, hear: Hear) -> None:
        """Answer other stations, and have `hear` told which publication each has."""
        self._hear = hear
        answers.add("publication", self._versions)
        answers.add("publication-list", self._list)
        answers.add("publication-files", self._files)

    def held(self, whose: Whose) -> Held | None:
        """A publication as it was found last."""
        return self._held.get(whose)

    def versions(self, whose: Whose) -> Versions:
        """Which one this server has; NOTHING for none."""
        held = self._held.get(whose)
        return held.versions if held else NOTHING

    def told(self, network: Network, peer: str) -> dict[str, Any]:
        """What a station is told of the publications that are here, and tells."""
        here = {whose.of: list(one.versions) for whose, one in self._held.items() if one and _to(whose, network, peer)}
        own = here.pop(network.name, list(NOTHING))
        return {"versions": own, "members": here} if here else {"versions": own}

    async def refresh(self) -> list[Whose]:
        """Look what lies there now; returns what is newer since."""
        newer, there = [], dict[Whose, Path]()
        for network in self._networks.current().values():
            there |= places(network)
        for gone in self._held.keys() - there:
            del self._held[gone]
        for whose, place in there.items():
            before = self._held.get(whose)
            if before is not None and before.is_there:
                continue
            if stamp(place) is None:
                self._held[whose] = None
                continue
            had = self.versions(whose)
            self._held[whose] = await self._look(whose, place)
            if self.versions(whose) > had:
                newer.append(whose)
        return newer

    async def _look(self, whose: Whose, place: Path) -> Held | None:
        why = ""
        try:
            return await asyncio.to_thread(look, place)
        except (ShapeError, OSError) as error:
            why = str(error)
            return None
        finally:
            if why != self._problems.get(whose, ""):
                note("publication-problem", network=whose.network, **whose.field, why=why)
            self._problems[whose] = why

    async def _versions(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        try:
            self._hear(caller.network, caller.peer, content)
        except ShapeError as error:
            raise RefusedError(str(error)) from error
        return self.told(caller.network, caller.peer)

    async def _list(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        return {"files": self._asked_for(caller, content).listing.document}

    async def _files(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        held = self._asked_for(caller, content)
        if content.get("list") != held.listing.digest:
            raise BusyError("list: another publication is here since; ask for its list")
        spans = _spans(held, content.get("spans"))

        def read() -> list[str]:
            return [base64.b64encode(held.read(*span)).decode() for span in spans]

        try:
            pieces = await asyncio.to_thread(read)
        except OSError as error:
            raise BusyError("spans: another publication is here since; ask for its list") from error
        if not held.is_there:
            raise BusyError("spans: another publication is here since; ask for its list")
        return {"pieces": pieces}

    def _asked_for(self, caller: Caller, content: Mapping[str, Any]) -> Held:
        if wait := self._asked.allow(caller.peer):
            raise BusyError(f"more of publications than one station is given; again in {math.ceil(wait)} s")
        of = content.get("of", caller.network.name)
        held = self._held.get(Whose(caller.network.name, of)) if isinstance(of, str) else None
        if held is None:
            raise RefusedError("no publication is here")
        return held


def _to(whose: Whose, network: Network, peer: str) -> bool:
    """Whether a station is told of a publication in a network."""
    fellow = peer.rpartition(".")[0] == network.home
    return whose.network == network.name and not (fellow and whose.of == network.home != network.name)


def _spans(held: Held, content: object) -> list[tuple[Item, int, int]]:
    """File, begin and end of what is asked for. Raises RefusedError."""
    if not isinstance(content, list) or len(content) > MOST_SPANS:
        raise RefusedError(f"spans: not a list of at most {MOST_SPANS}")
    found = []
    for span in content:
        if not isinstance(span, list) or len(span) != 3 or not all(type(one) is int for one in span):
            raise RefusedError("spans: one is not three numbers")
        number, begin, end = span
        if not 0 <= number < len(held.listing.items) or not 0 <= begin <= end <= held.listing.items[number].size:
            raise RefusedError("spans: one is of nothing that was listed")
        found.append((held.listing.items[number], begin, end))
    if sum(end - begin for _, begin, end in found) > MOST_BYTES:
        raise RefusedError(f"spans: more than {MOST_BYTES} bytes")
    return found
