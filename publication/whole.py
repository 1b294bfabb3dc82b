"""The files of a publication once its signatures and digests hold: of one moment, and nothing is known of them yet."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import PurePath
from typing import Self

import pydantic

from base import canonical
from network_topology import model, names

FETCH = "fetch the publication anew, as a whole"
ASK = "ask the coordinator, and install nothing of it"


class Keys(pydantic.BaseModel):
    """The keys of people, each by the SHA-256 of its SubjectPublicKeyInfo, and how many of them must sign."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    keys: tuple[model.Digest, ...]
    threshold: int = pydantic.Field(ge=1)

    @pydantic.model_validator(mode="after")
    def _of_as_many(self) -> Self:
        if [*self.keys] != sorted({*self.keys}) or self.threshold > len(self.keys):
            raise ValueError("keys are sorted, each there once, and at least as many as must sign")
        return self

    def __str__(self) -> str:
        return f"{self.threshold} of {len(self.keys)}"


class Consent(pydantic.BaseModel):
    """What the root holders of a regional network said yes to: that these organisations take part in a federation."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    root: model.Digest
    """The fingerprint of the federation's root, as one of its holders read it to them."""
    organisations: tuple[str, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _each_once(self) -> Self:
        if [*self.organisations] != sorted({*self.organisations}) or not all(map(names.is_slug, self.organisations)):
            raise ValueError("organisations are sorted, each there once, by its slug")
        return self


class RootHolders(pydantic.BaseModel):
    """Who holds the offline keys of a publication."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    root: Keys

    def fingerprint(self, network: str) -> str:
        """What people read to each other of a network's root: it says who names all other keys."""
        return fingerprint(network, self.root)


class Holders(RootHolders):
    """The same of a regional network, which ships a station image, too."""

    releases: Keys


def fingerprint(network: str, root: Keys) -> str:
    """The fingerprint of a root: "sha256:…" over the network's name, the root holders' keys and how many must sign."""
    return canonical.digest({"root": root.model_dump(mode="json"), "network": network})


@dataclasses.dataclass(frozen=True)
class Whole:
    """What a publication is, signed as its root says. `files`: name → content; `place` is what sentences call it by.

    `lineage`: the fingerprints of this root and of all that it follows from, each named by the one before.
    `authorities`: the fingerprints of CA keys that the root holders signed for, `federations`: name → what they said
    yes to. `ends`: role → when its word ends. `released_by`: the fingerprints of all release holders whose signature of
    the releases holds, also of more than must sign.
    """

    place: PurePath
    network: str
    number: int
    published: str
    files: Mapping[str, bytes]
    holders: RootHolders
    root_version: int = 1
    lineage: frozenset[str] = frozenset()
    authorities: frozenset[str] = frozenset()
    federations: Mapping[str, Consent] = dataclasses.field(default_factory=dict)
    ends: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, int] = dataclasses.field(default_factory=dict)
    released_by: frozenset[str] = frozenset()
