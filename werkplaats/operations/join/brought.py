"""The file that a coordinator hands over: a publication, as a folder or as one tar file, of whoever may have made it.

    gerda/                       a folder, as it was fetched
    gerda.tar                    `tar -cf gerda.tar -C gerda .`, or of the folder above it
    any archive with one in it   that of everything for a server that reaches nothing has it in `network/publication`

Of a tar file only what a publication is made of is read, and no file is made of it outside a folder of its own: a link,
a device or a name that leads elsewhere has the whole refused. That what is read is right, its signatures say.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, cast

from base import errors, values
from network_topology import names
from publication import folder as folders
from publication import metadata, reading

PART = re.compile(r"(metadata|targets)(/[A-Za-z0-9][A-Za-z0-9._-]*){1,2}")
"""What the files of a publication are called."""
MOST = 20_000
"""Names that a tar file may have."""
LONGEST = 8192
"""Bytes of what stands before a file in it: its name, where that is long, and what else is said of it."""
ANEW = "ask the coordinator for the publication: a folder, or a tar file of it that is not compressed"


@dataclasses.dataclass(frozen=True)
class Brought:
    """A publication that lies in a folder; `place` is what somebody named. Nothing of it is known to be right."""

    place: Path
    folder: Path
    network: str

    def contents(self) -> dict[str, bytes]:
        """Its files as they lie there, by their names in a publication; what else lies there is left."""
        source, found, whole = folders.source(self.folder), dict[str, bytes](), 0
        for top in ("metadata", "targets"):
            for path in sorted((self.folder.resolve() / top).rglob("*")):
                name = path.relative_to(self.folder.resolve()).as_posix()
                if PART.fullmatch(name) and (content := source(name)) is not None:
                    found[name] = content
                    whole += len(content)
                    _require_size(self.place, name, len(content), whole)
        return found


class _Bounded:
    """A tar file of which no more is taken at once than `most`: what is in it says of any length how long it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.most = file, LONGEST
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.most:
            raise ValueError(f"something in it says of itself that it is {size} bytes long")
        return self._file.read(size)


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Brought]:
    """The publication that lies at a place, or in the file there.

    Raises UsageError where nothing is there, PublicationError where it holds none; what is said meanwhile of the folder
    that it was unpacked to is said of the place.
    """
    if place.is_dir():
        yield Brought(place, place, _network(place, place))
        return
    if not place.is_file():
        raise errors.UsageError(f"{place} is not there", "name the folder or the file that the coordinator gave you")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _put(_unpacked(place), folder, place)
        try:
            yield Brought(place, folder, _network(folder, place))
        except errors.RefusedError as error:
            if name not in error.what:
                raise
            raise type(error)(error.what.replace(name, str(place)), error.remedy) from error


def _network(folder: Path, place: Path) -> str:
    """Of which network it says that it is."""
    try:
        said = values.mapping(folders.source(folder)(reading.FIRST) or b"")["signed"][metadata.OF_NETWORK]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise errors.PublicationError(f"{place} is no publication of a network", ANEW) from error
    if not isinstance(said, str) or not names.is_network(said):
        raise errors.PublicationError(f"{place} does not say of which network it is", ANEW)
    return said


def _unpacked(place: Path) -> Mapping[str, bytes]:
    """The files of the one publication in a tar file. Raises PublicationError."""
    try:
        with place.open("rb") as file:
            bounded = _Bounded(file)
            # Not compressed: how much comes out of it is how much lies there.
            with tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:") as archive:
                members = list(_members(archive, place))
                above = _above(place, [member.name for member in members])
                bounded.most = reading.LARGEST_FILE
                return dict(_files(archive, place, members, above))
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        raise errors.PublicationError(f"{place} cannot be read as a tar file: {error}", ANEW) from error


def _put(contents: Mapping[str, bytes], folder: Path, place: Path) -> None:
    try:
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    except OSError as error:  # a name that is too long, or a file and a folder as well; or no room
        raise errors.PublicationError(
            f"{place} cannot be unpacked: {error.strerror}", f"make room in {folder.parent} where it is full, or {ANEW}"
        ) from error


def _members(archive: tarfile.TarFile, place: Path) -> Iterator[tarfile.TarInfo]:
    """What is in it but its folders, under its name as in a folder; raises where one leads anywhere else."""
    for number, member in enumerate(archive, 1):
        name = PurePosixPath(member.name)
        if number > MOST:
            raise errors.PublicationError(f"{place} has more than {MOST} names in it", ANEW)
        if name.is_absolute() or ".." in name.parts:
            raise errors.PublicationError(f"{place} has a name in it that leads out of it: {member.name!r}", ANEW)
        if not (member.isdir() or (member.isreg() and not member.issparse())):
            raise errors.PublicationError(
                f"{place} has something in it that is no file: {member.name!r}", f"{ANEW} (tar -h follows links)"
            )
        if not member.isdir():
            member.name = name.as_posix()
            yield member


def _above(place: Path, there: list[str]) -> str:
    """What stands before the names of the one publication."""
    found = {name.removesuffix(reading.FIRST) for name in there if f"/{name}".endswith(f"/{reading.FIRST}")}
    if len(found) != 1:
        what = "no publication" if not found else f"{len(found)} publications"
        raise errors.PublicationError(f"{place} has {what} in it", ANEW)
    return found.pop()


def _files(
    archive: tarfile.TarFile, place: Path, members: list[tarfile.TarInfo], above: str
) -> Iterator[tuple[str, bytes]]:
    whole = 0
    for member in members:
        name = member.name.removeprefix(above)
        if not member.name.startswith(above) or not PART.fullmatch(name):
            continue
        whole += member.size
        _require_size(place, member.name, member.size, whole)
        content = archive.extractfile(member)
        if content is not None:
            yield name, content.read()


def _require_size(place: Path, name: str, size: int, whole: int) -> None:
    if size > reading.LARGEST_FILE or whole > 2 * reading.LARGEST_WHOLE:
        raise errors.PublicationError(f"{place} is larger than a publication may be, at {name!r}", ANEW)
