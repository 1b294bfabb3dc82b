"""The index of a publication: what makes a folder of files one whole, signed, with a number that only grows.

`index.json` has the digest of every file, and `index.json.sig` is the signature of the CA in `ca.pem` over it. So
whoever stores or relays the folder can change, add and leave out nothing unseen. That it is the CA that is known here,
and a number that was not passed, `acceptance` looks after: a folder cannot tell that of itself.

It does not protect against
- whoever holds the CA's key: what that adds waits for acceptance, and two organisations compare the digests of what
  they accepted, which also shows two publications of one number;
- withholding: an old publication put before somebody who saw none newer is taken, until its revocation list ends;
- a wrong CA at first contact, unless its fingerprint is compared by another way.

A later issue replaces this module, and only this one, by a TUF repository (python-tuf), of which the roles have keys of
their own that expire and are replaced: the rest of the publication sees names and bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pydantic
from cryptography import x509

from base import canonical, errors
from publication import profile, signature
from werkplaats.operations.coordinator.ledger import now, stamp
from werkplaats.operations.home import vault

NAME = "index.json"
SIGNATURE = "index.json.sig"
AUTHORITY = "ca.pem"
LARGEST_FILE = 4 * 1024 * 1024
MOST_FILES = 2000
FETCH = "fetch the publication anew, as a whole"

Sign = Callable[[bytes], bytes]


class _Index(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    number: int = pydantic.Field(ge=1)
    published: str = pydantic.Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")  # it is shown
    files: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Whole:
    """The files of a publication, all of the same moment: path → content, without index and signature."""

    network: str
    number: int
    published: str
    files: Mapping[str, bytes]


def write(
    folder: Path,
    network: str,
    number: int,
    files: Mapping[str, bytes],
    sign: Sign,
    moment: datetime.datetime | None = None,
) -> Whole:
    """Put the files in place of the publication at `folder`, in one step: a symlink to a new folder is renamed.

    A reader that is half-way goes on reading the one before it, which is kept until the next. `sign` gives the
    signature of the CA in `files` over an index. Raises PublicationError when `folder` is a folder of somebody's own
    making.
    """
    if folder.is_dir() and not folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.rmdir()  # an empty one is in nobody's way
    if folder.exists() and not folder.is_symlink():
        raise errors.PublicationError(
            f"{folder} is a folder that was not published here", "move it, or publish elsewhere"
        )
    whole = Whole(network, number, stamp(moment or now()), files)
    before = folder.resolve() if folder.is_symlink() else None
    made = folder.parent / f".{folder.name}.{number}.{secrets.token_hex(4)}"
    _fill(made, whole, sign)
    link = made.with_name(f"{made.name}.link")
    link.symlink_to(made.name)
    link.replace(folder)
    vault.sync_folder(folder.parent)
    for left in folder.parent.glob(f".{folder.name}.*"):
        if left not in (made, before):
            _remove(left)
    return whole


def read(folder: Path, network: str, least_number: int = 0) -> Whole:
    """Read a publication as a whole, signed by the CA in it.

    Raises PublicationError, which names the file, when it is none, not signed so, or an older one.
    """
    while True:
        place = folder.resolve()  # from here on the folder stays the same, whatever is published meanwhile
        before = _stamps(place)
        try:
            return _read(place, folder, network, least_number)
        except errors.PublicationError:
            # Two were published while this one was read, and it was removed; or a newer one is being copied over it,
            # file by file: not damaged, only overtaken.
            if (folder.resolve(), _stamps(place)) == (place, before):
                raise


def _stamps(place: Path) -> list[tuple[int, int, int] | None]:
    """What tells that index or signature was replaced; None of a file that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for name in (NAME, SIGNATURE):
        try:
            seen = (place / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return found


def _read(place: Path, folder: Path, network: str, least_number: int) -> Whole:
    if not (place / NAME).is_file():
        raise errors.PublicationError(f"{folder} has no {NAME}: it is not a publication", FETCH)
    try:
        content = _content(place / NAME, folder / NAME)
        index = _Index.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise errors.PublicationError(f"{folder / NAME} is not an index: {error.errors()[0]['msg']}", FETCH) from error
    if index.network != network:
        raise errors.PublicationError(f"{folder} is the publication of {index.network}, not of {network}", FETCH)
    # Read once: who serves the folder could show one CA to who verifies, and another to who looks whether it is known.
    authority = _checked(place, folder, AUTHORITY, index.files.get(AUTHORITY, ""))
    _require_signed(place, folder, network, content, authority)
    if index.number < least_number:
        raise errors.PublicationError(
            f"{folder} is publication {index.number}, and {least_number} was read before: it is an older one", FETCH
        )
    present = {
        path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    if strangers := sorted(present - index.files.keys() - {NAME, SIGNATURE}):
        raise errors.PublicationError(f"{folder / strangers[0]} is not in {NAME}: it does not belong there", FETCH)
    others = {name: digest for name, digest in sorted(index.files.items()) if name != AUTHORITY}
    files = {name: _checked(place, folder, name, digest) for name, digest in others.items()}
    return Whole(index.network, index.number, index.published, {AUTHORITY: authority, **files})


def _require_signed(place: Path, folder: Path, network: str, content: bytes, authority: bytes) -> None:
    """Raise PublicationError unless the signature beside the index is that of the CA, given as PEM."""
    if not (place / SIGNATURE).is_file():
        raise errors.PublicationError(
            f"{folder / SIGNATURE} is missing: nobody signed this publication, or it is of before publications were "
            "signed",
            f"{FETCH}; where it is made, run `werkplaats trust publish {network}`",
        )
    try:
        (certificate,) = x509.load_pem_x509_certificates(authority)
        key = profile.p256(certificate.public_key())
    except ValueError as error:
        raise errors.PublicationError(f"{folder / AUTHORITY} is no CA of ours: {error}", FETCH) from error
    if not signature.holds(key, network, content, _content(place / SIGNATURE, folder / SIGNATURE)):
        raise errors.PublicationError(
            f"{folder / SIGNATURE} is not the signature of {NAME} by the CA in {AUTHORITY}: one of the three was "
            "changed, or is being replaced at this moment",
            f"{FETCH}; where that does not help, ask the coordinator, and install nothing of it",
        )


def _checked(place: Path, folder: Path, name: str, digest: str) -> bytes:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
        raise errors.PublicationError(f"{folder / NAME} names {name!r}, which is not in the publication", FETCH)
    if not (place / name).is_file() or (place / name).is_symlink():
        raise errors.PublicationError(f"{folder / name} is missing", FETCH)
    content = _content(place / name, folder / name)
    if hashlib.sha256(content).hexdigest() != digest:
        raise errors.PublicationError(f"{folder / name} is not the file that was published: its digest differs", FETCH)
    return content


def _content(path: Path, told: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise errors.PublicationError(f"{told} is larger than {LARGEST_FILE} bytes", FETCH)
        return path.read_bytes()
    except OSError as error:
        raise errors.PublicationError(f"{told} cannot be read: {error.strerror}", FETCH) from error


def _fill(made: Path, whole: Whole, sign: Sign) -> None:
    """Write all files of a new folder and bring them to the disk; index and signature come last."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in whole.files.items()}
    index = {"network": whole.network, "number": whole.number, "published": whole.published, "files": digests}
    content = canonical.pretty(index)
    last = {NAME: content, SIGNATURE: sign(content)}
    made.mkdir()
    for name, content in [*sorted(whole.files.items()), *last.items()]:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(made / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # for everybody, whatever the umask of who publishes
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    for path in [made, *(path for path in made.rglob("*") if path.is_dir())]:
        path.chmod(0o755)
        vault.sync_folder(path)


def _remove(left: Path) -> None:
    """Remove an older publication, or what a killed one left half-way."""
    if left.is_symlink() or left.is_file():
        left.unlink()
    else:
        shutil.rmtree(left)
