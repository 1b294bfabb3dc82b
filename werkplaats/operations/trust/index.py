"""The index of a publication: what makes a folder of files one whole, with a number that only grows.

`index.json` has the digest of every file. It tells an edited, mixed, half-copied or older folder; it does not yet
tell who wrote it. A later issue replaces this module, and only this one, by a TUF repository (python-tuf), where
signed metadata do: the rest of the publication sees names and bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pydantic

from werkplaats import errors
from werkplaats.operations import vault
from werkplaats.operations.trust import canonical
from werkplaats.operations.trust.records import now, stamp

NAME = "index.json"
LARGEST_FILE = 4 * 1024 * 1024
MOST_FILES = 2000
FETCH = "fetch the publication anew, as a whole"


class _Index(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    number: int = pydantic.Field(ge=1)
    published: str
    files: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Whole:
    """The files of a publication, all of the same moment: path → content, without the index itself."""

    network: str
    number: int
    published: str
    files: Mapping[str, bytes]


def write(
    folder: Path, network: str, number: int, files: Mapping[str, bytes], moment: datetime.datetime | None = None
) -> Whole:
    """Put the files in place of the publication at `folder`, in one step: a symlink to a new folder is renamed.

    A reader that is half-way goes on reading the one before it, which is kept until the next. Raises
    PublicationError when `folder` is a folder of somebody's own making.
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
    _fill(made, whole)
    link = made.with_name(f"{made.name}.link")
    link.symlink_to(made.name)
    link.replace(folder)
    vault.sync_folder(folder.parent)
    for left in folder.parent.glob(f".{folder.name}.*"):
        if left not in (made, before):
            _remove(left)
    return whole


def read(folder: Path, network: str, least_number: int = 0) -> Whole:
    """Read a publication as a whole; raises PublicationError, which names the file, when it is none or an older one."""
    while True:
        place = folder.resolve()  # from here on the folder stays the same, whatever is published meanwhile
        try:
            return _read(place, folder, network, least_number)
        except errors.PublicationError:
            # Two were published while this one was read, and it was removed: not damaged, only overtaken.
            if folder.resolve() == place:
                raise


def _read(place: Path, folder: Path, network: str, least_number: int) -> Whole:
    if not (place / NAME).is_file():
        raise errors.PublicationError(f"{folder} has no {NAME}: it is not a publication", FETCH)
    try:
        index = _Index.model_validate_json(_content(place / NAME, folder / NAME))
    except pydantic.ValidationError as error:
        raise errors.PublicationError(f"{folder / NAME} is not an index: {error.errors()[0]['msg']}", FETCH) from error
    if index.network != network:
        raise errors.PublicationError(f"{folder} is the publication of {index.network}, not of {network}", FETCH)
    if index.number < least_number:
        raise errors.PublicationError(
            f"{folder} is publication {index.number}, and {least_number} was read before: it is an older one", FETCH
        )
    present = {
        path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir() or path.is_symlink()
    }
    if strangers := sorted(present - index.files.keys() - {NAME}):
        raise errors.PublicationError(f"{folder / strangers[0]} is not in {NAME}: it does not belong there", FETCH)
    files = {name: _checked(place, folder, name, digest) for name, digest in sorted(index.files.items())}
    return Whole(index.network, index.number, index.published, files)


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


def _fill(made: Path, whole: Whole) -> None:
    """Write all files of a new folder and bring them to the disk; the index comes last."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in whole.files.items()}
    index = {"network": whole.network, "number": whole.number, "published": whole.published, "files": digests}
    made.mkdir()
    for name, content in [*sorted(whole.files.items()), (NAME, canonical.pretty(index))]:
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
