"""What peers give that nobody should take."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from station_image.runtime.relay import shelf
from station_image.runtime.relay.shape import NEWEST, Item, Listing, Versions
from tests.publication import publications
from tests.station_image.runtime.relay.wired import Told

HUGE = 2**31


def listed(made: Mapping[str, bytes]) -> Listing:
    return Listing(tuple(Item(name, len(content), shelf.digest(content)) for name, content in sorted(made.items())))


def gives(made: Mapping[str, bytes], claimed: list[int] | None = None) -> Told:
    """Answers of a station that has these files, and claims that they are another publication where it likes."""
    listing = listed(made)

    async def told(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
        if kind == "publication":
            return {"versions": claimed or list(Versions.read(made, made[NEWEST]))}
        if kind == "publication-list":
            return {"files": listing.document}
        spans = content["spans"]
        pieces = [made[listing.items[number].name][begin:end] for number, begin, end in spans]
        return {"pieces": [base64.b64encode(piece).decode() for piece in pieces]}

    return told


def garbage(number: int = HUGE) -> publications.Files:
    """What looks like a publication to who verifies nothing."""
    newest = {"signed": {"version": number, "meta": {"snapshot.json": {"version": number}}}}
    return {NEWEST: json.dumps(newest).encode(), "metadata/1.root.json": b"{}"}
