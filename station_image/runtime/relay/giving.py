"""What other stations are told of the publications that were verified on this server, and nothing else of them.

    publication         which one have you? I have this one                  versions
    publication-list    what is in it?                                       names, sizes, digests
    publication-files   these bytes of these files of that list              the bytes

What peers gave is told to nobody before it was verified here: nobody's lies go further than one station.
"""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..accepted.networks import Network, Networks
from ..base.journal import note
from ..base.refusal import BusyError, RefusedError
from ..wire.answers import Answer, Answers
from ..wire.budget import Rates
from ..wire.hello import Caller
from .shape import NOTHING, Item, ShapeError, Versions
from .shelf import Held, look, stamp

ASKED = 400, 1.0
"""Each peer: so many times at once, enough for the largest publication, then one in so many seconds."""
MOST_BYTES = 256 * 1024
MOST_SPANS = 200
"""Of one answer."""
FOLDER = "publication"
"""In a network's folder of networks.d."""
Hear = Callable[[Network, str, Versions], None]


class Giving:
    """The publications of this server."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._hear: Hear = lambda *_: None
        self._held: dict[str, Held | None] = {}
        self._problems: dict[str, str] = {}
        self._asked = Rates(*ASKED)

    def answer_in(self, answers: Answers, hear: Hear) -> None:
        """Answer other stations, and have `hear` told which publication each has."""
        self._hear = hear
        answers.add("publication", self._versions)
        answers.add("publication-list", self._list)
        answers.add("publication-files", self._files)

    def held(self, network: str) -> Held | None:
        """The publication of a network, as it was found last."""
        return self._held.get(network)

    def versions(self, network: str) -> Versions:
        """Which publication of a network this server has; NOTHING for none."""
        held = self._held.get(network)
        return held.versions if held else NOTHING

    async def refresh(self) -> list[str]:
        """Look what lies there now; returns the networks that have a newer publication since."""
        newer = []
        for network in list(self._networks.current().values()):
            before = self._held.get(network.name)
            if before is not None and before.is_there:
                continue
            place = network.folder / FOLDER
            if stamp(place) is None:
                self._held[network.name] = None
                continue
            had = self.versions(network.name)
            self._held[network.name] = await self._look(network)
            if self.versions(network.name) > had:
                newer.append(network.name)
        return newer

    async def _look(self, network: Network) -> Held | None:
        why = ""
        try:
            return await asyncio.to_thread(look, network.folder / FOLDER)
        except (ShapeError, OSError) as error:
            why = str(error)
            return None
        finally:
            if why != self._problems.get(network.name, ""):
                note("publication-problem", network=network.name, why=why)
            self._problems[network.name] = why

    async def _versions(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        try:
            said = Versions.parse(content.get("versions"))
        except ShapeError as error:
            raise RefusedError(str(error)) from error
        self._hear(caller.network, caller.peer, said)
        return {"versions": list(self.versions(caller.network.name))}

    async def _list(self, caller: Caller, _: Mapping[str, Any], __: bytes) -> Answer:
        return {"files": self._asked_for(caller).listing.document}

    async def _files(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> Answer:
        held = self._asked_for(caller)
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

    def _asked_for(self, caller: Caller) -> Held:
        if wait := self._asked.allow(caller.peer):
            raise BusyError(f"more of publications than one station is given; again in {math.ceil(wait)} s")
        held = self._held.get(caller.network.name)
        if held is None:
            raise RefusedError("no publication is here")
        return held


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
