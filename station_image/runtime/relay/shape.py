"""What a publication may look like to who passes it on: names, sizes, and which of two is newer. Nothing is verified.

The names are those of `publication.metadata` with the digest before them, the sizes those of `publication.reading`;
tests hold them equal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..base import documents
from ..wire import frames

LARGEST_FILE = 4 * 1024 * 1024
LARGEST_WHOLE = 64 * 1024 * 1024
MOST_FILES = 2000
LARGEST_VERSION = 2**53 - 1
LONGEST_NAME = 200
MOST_MEMBERS = 60
"""Of a federation, of whose publications stations tell each other in one request of 8 KiB: there are 25 regions."""
FOLDERS = "metadata", "targets"
NEWEST = "metadata/timestamp.json"
LARGEST_NEWEST = 64 * 1024
ROOT = re.compile(r"metadata/([1-9][0-9]{0,9})\.root\.json")
DIGEST = re.compile(r"[0-9a-f]{64}")
NAMES = re.compile(
    r"metadata/(timestamp|[1-9][0-9]{0,9}\.(root|targets|network|releases|snapshot))\.json"
    r"|targets/(?P<digest>[0-9a-f]{64})\.(definition\.json|(ca|crl)\.pem)"
    r"|targets/members/(?P<of_member>[0-9a-f]{64})\.[a-z0-9-]+(\.sandbox)?\.pem"
    r"|targets/((identities|questions|tables)/(?P<of_row>[0-9a-f]{64})\.[a-z0-9-]+"
    r"|releases/(?P<of_release>[0-9a-f]{64})\.[A-Za-z0-9][A-Za-z0-9._-]*)\.json"
)


class ShapeError(ValueError):
    """It cannot be a publication, whoever signed it; the text is the end of a sentence about who gave it."""


class Versions(NamedTuple):
    """Which publication it is, the newer one greater. A new root begins the other two anew, so that it counts first."""

    root: int
    timestamp: int
    snapshot: int

    @classmethod
    def parse(cls, content: object) -> Versions:
        """From what a station says. Raises ShapeError."""
        if not isinstance(content, list) or len(content) != len(cls._fields) or not all(map(_counts, content)):
            raise ShapeError("versions: not three numbers")
        return cls(*content)

    @classmethod
    def read(cls, names: Iterable[str], newest: bytes) -> Versions:
        """Of the files of these names, of which `newest` is the content of NEWEST. Raises ShapeError."""
        root = max((int(found[1]) for name in names if (found := ROOT.fullmatch(name))), default=0)
        try:
            if len(newest) > LARGEST_NEWEST:
                raise ShapeError(f"{NEWEST}: larger than {LARGEST_NEWEST} bytes")
            signed = frames.parse(newest)["signed"]
            return cls.parse([root, signed["version"], signed["meta"]["snapshot.json"]["version"]])
        except (frames.FrameError, KeyError, TypeError) as error:
            raise ShapeError(f"{NEWEST}: does not tell versions") from error


NOTHING = Versions(0, 0, 0)


class Whose(NamedTuple):
    """A publication: in which network stations tell it to each other, and of which network it is.

    In a federation both differ for those of its members.
    """

    network: str
    of: str

    @property
    def field(self) -> dict[str, str]:
        """What a request says of it beside its network: nothing of the network's own, as before there were others."""
        return {} if self.of == self.network else {"of": self.of}


def parse_members(content: object) -> dict[str, Versions]:
    """Member of a federation → which publication of it a station says that it has. Raises ShapeError."""
    if not isinstance(content, dict) or len(content) > MOST_MEMBERS:
        raise ShapeError(f"members: not an object of at most {MOST_MEMBERS}")
    return {name: Versions.parse(versions) for name, versions in content.items()}


class Item(NamedTuple):
    """A file: `size` in bytes, `digest` its SHA-256."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """The files of a publication."""

    items: tuple[Item, ...]

    @classmethod
    def parse(cls, content: object) -> Listing:
        """From what a station says: names that a publication has, within all bounds. Raises ShapeError."""
        if not isinstance(content, list) or len(content) > MOST_FILES:
            raise ShapeError(f"files: not a list of at most {MOST_FILES}")
        found = cls(tuple(_item(row) for row in content))
        names = {item.name: item.size for item in found.items}
        if len(names) < len(found.items):
            raise ShapeError("files: one is named twice")
        if names.get(NEWEST, LARGEST_NEWEST + 1) > LARGEST_NEWEST:
            raise ShapeError(f"files: none of the size of {NEWEST}")
        if found.size > LARGEST_WHOLE:
            raise ShapeError(f"files: larger than {LARGEST_WHOLE} bytes together")
        return found

    @property
    def document(self) -> list[list[Any]]:
        """As it is told."""
        return [list(item) for item in self.items]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items)

    @property
    def digest(self) -> str:
        """SHA-256, the same for the same files in the same order."""
        return hashlib.sha256(documents.canonical(self.document)).hexdigest()

    def by_digest(self) -> Mapping[str, Item]:
        """A file of each content."""
        return {item.digest: item for item in self.items}


def named_digest(name: str) -> str | None:
    """The digest that a name says, "" for one that says none; None for what is nothing that a publication has."""
    found = NAMES.fullmatch(name) if len(name) <= LONGEST_NAME else None
    return None if found is None else next(filter(None, found.groupdict().values()), "")


def _item(row: object) -> Item:
    if not isinstance(row, list) or len(row) != len(Item._fields):
        raise ShapeError("files: one is not a name, a size and a digest")
    name, size, digest = row
    said = named_digest(name) if isinstance(name, str) else None
    if said is None:
        raise ShapeError("files: one has a name that no publication has")
    if type(size) is not int or not 0 <= size <= LARGEST_FILE:
        raise ShapeError(f"files: one has not 0 to {LARGEST_FILE} bytes")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest) or said not in ("", digest):
        raise ShapeError("files: one has another digest than its name")
    return Item(name, size, digest)


def _counts(version: object) -> bool:
    return type(version) is int and 0 <= version <= LARGEST_VERSION
