"""The index of a publication: what makes files one whole, signed, with a number that only grows.

`index.json` has the digest of every file, and `index.json.sig` is the signature of the CA in `ca.pem` over it. So
whoever stores or relays the files can change, add and leave out nothing unseen. That it is the CA that is known here,
and a number that was not passed, `acceptance` looks after: a publication cannot tell that of itself.

It does not protect against
- whoever holds the CA's key: what that adds waits for acceptance, and two organisations compare the digests of what
  they accepted, which also shows two publications of one number;
- withholding: an old publication put before somebody who saw none newer is taken, until its revocation list ends;
- a wrong CA at first contact, unless its fingerprint is compared by another way.

A later issue replaces this module, and only this one, by a TUF repository (python-tuf), of which the roles have keys of
their own that expire and are replaced: the rest of the publication sees names and bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath

import pydantic

from base import canonical, errors
from publication import profile, signature

NAME = "index.json"
SIGNATURE = "index.json.sig"
AUTHORITY = "ca.pem"
FETCH = "fetch the publication anew, as a whole"


@dataclasses.dataclass(frozen=True)
class Files:
    """Bytes of which nothing is known yet, as they came from a folder or from whoever relays them.

    `contents`: name → content; `unread`: name → why its content was not taken, as the end of a sentence. `place` is
    what sentences call them by.
    """

    place: PurePath
    contents: Mapping[str, bytes]
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> bytes:
        """The content of a file; raises PublicationError where there is none."""
        if name not in self.contents:
            raise errors.PublicationError(f"{self.place / name} {self.unread.get(name, 'is missing')}", FETCH)
        return self.contents[name]

    def __contains__(self, name: str) -> bool:
        """Whether there is something of that name."""
        return name in self.contents or name in self.unread


class Index(pydantic.BaseModel):
    """What `index.json` says; `files` maps name to SHA-256 in hexadecimal."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    number: int = pydantic.Field(ge=1)
    published: str = pydantic.Field(pattern=canonical.STAMP)  # it is shown
    files: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Whole:
    """The files of a publication, all of the same moment: name → content, without index and signature."""

    place: PurePath
    network: str
    number: int
    published: str
    files: Mapping[str, bytes]


def verify(files: Files, network: str, least_number: int = 0) -> Whole:
    """The publication that these files are, signed by the CA in it.

    Raises PublicationError, which names the file, when they are none, not signed so, or an older one.
    """
    place = files.place
    if NAME not in files:
        raise errors.PublicationError(f"{place} has no {NAME}: it is not a publication", FETCH)
    content = files[NAME]
    try:
        index = Index.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise errors.PublicationError(f"{place / NAME} is not an index: {error.errors()[0]['msg']}", FETCH) from error
    if index.network != network:
        raise errors.PublicationError(f"{place} is the publication of {index.network}, not of {network}", FETCH)
    authority = _checked(files, AUTHORITY, index.files.get(AUTHORITY, ""))
    _require_signed(files, network, content, authority)
    if index.number < least_number:
        raise errors.PublicationError(
            f"{place} is publication {index.number}, and {least_number} was read before: it is an older one", FETCH
        )
    present = files.contents.keys() | files.unread.keys()
    if strangers := sorted(present - index.files.keys() - {NAME, SIGNATURE}):
        raise errors.PublicationError(f"{place / strangers[0]} is not in {NAME}: it does not belong there", FETCH)
    checked = {name: _checked(files, name, digest) for name, digest in sorted(index.files.items())}
    if canonical.pretty(index.model_dump(mode="json")) != content:
        raise errors.PublicationError(f"{place / NAME} is not in the form that is published", FETCH)
    return Whole(place, index.network, index.number, index.published, checked)


def _require_signed(files: Files, network: str, content: bytes, authority: bytes) -> None:
    """Raise PublicationError unless the signature beside the index is that of the CA, given as PEM."""
    place = files.place
    if SIGNATURE not in files:
        raise errors.PublicationError(
            f"{place / SIGNATURE} is missing: nobody signed this publication, or it is of before publications were "
            "signed",
            f"{FETCH}; where it is made, run `werkplaats trust publish {network}`",
        )
    try:
        key = profile.p256(profile.one_certificate(authority).public_key())
    except ValueError as error:
        raise errors.PublicationError(f"{place / AUTHORITY} is no CA of ours: {error}", FETCH) from error
    if not signature.holds(key, network, content, files[SIGNATURE]):
        raise errors.PublicationError(
            f"{place / SIGNATURE} is not the signature of {NAME} by the CA in {AUTHORITY}: one of the three was "
            "changed, or is being replaced at this moment",
            f"{FETCH}; where that does not help, ask the coordinator, and install nothing of it",
        )


def _checked(files: Files, name: str, digest: str) -> bytes:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise errors.PublicationError(f"{files.place / NAME} names {name!r}, which is not in the publication", FETCH)
    content = files[name]
    if hashlib.sha256(content).hexdigest() != digest:
        raise errors.PublicationError(
            f"{files.place / name} is not the file that was published: its digest differs", FETCH
        )
    return content
