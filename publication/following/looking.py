"""The newest publication that any of several sources has, each read beside what is kept, whose root counts."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Generic

from base import errors
from publication import folder as folders
from publication import publication, reading
from publication.following import kept
from publication.publication import Kind

LOOK_SECONDS = 40.0
"""After which no further source of a network is begun: whoever owns one could have all others wait."""
Told = dict[str, str]
"""Source → why nothing of it is taken, "" of one that is right."""


@dataclasses.dataclass(frozen=True)
class Server:
    """What is asked of one network of any kind: as it is on this server."""

    network: str
    organisation: str
    accepted: str | None
    keys: str
    ca: str
    """The CAs that the gateway trusts, beside which no follower brings another one."""


@dataclasses.dataclass(frozen=True)
class Found(Generic[Kind]):
    """A publication that was read, and where."""

    taken: publication.Read[Kind]
    source: Path

    @property
    def age(self) -> tuple[int, ...]:
        """Which of two publications of one root is newer: its root, then when the coordinator spoke last."""
        return self.taken.verified.root_version, reading.version(self.taken.following)

    @property
    def laid(self) -> dict[str, str]:
        """Its files, as a server keeps them."""
        return kept.laid(self.taken.following, self.taken.files)


def newest(
    verify: publication.Verify[Kind],
    network: str,
    place: Path,
    sources: Iterable[Path],
    told: Told,
    seconds: float | None = None,
    moment: datetime.datetime | None = None,
) -> Found[Kind] | None:
    """The newest of what is kept at a place and of its sources; None where none can be read.

    After so many `seconds` (LOOK_SECONDS) no further source is begun.
    Raises PublicationError where nothing is kept.
    """
    known, found = kept.read(place), None
    right = set[bytes]()
    until = time.monotonic() + (LOOK_SECONDS if seconds is None else seconds)
    for source in (place, *sources):
        if not folders.there(source):
            continue
        if time.monotonic() >= until:
            told[str(source)] = "was not looked at: those before it took too long"
            continue
        try:
            said = folders.source(source)(reading.NEWEST) or b""
            if said in right:
                continue  # it says what another one said, and that was right: most peers have the same
            # Where another one takes its place meanwhile the next run reads it.
            one = Found(publication.take_as(verify, source, network, known, moment, patience=0), source)
        except errors.WerkplaatsError as error:
            told[str(source)] = str(error)
            continue
        told[str(source)] = ""
        right.add(said)
        if found is None or one.age > found.age:
            found = one
    return found
