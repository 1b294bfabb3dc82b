"""Publications on the disk: those that were verified on this server, and what peers gave, a copy of each.

Only root writes the first ones, and exchanges them whole. The copies are for the follower of this server to verify. A
copy that arrives has a name that begins with a dot until it is whole; what lies there when an agent starts goes, since
it may be half.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import files
from .room import Room
from .shape import FOLDERS, LARGEST_FILE, NEWEST, NOTHING, Item, Listing, ShapeError, Versions, Whose, named_digest

Stamp = tuple[Path, int, int, int]
FOLDER_MODE = 0o750
PARTS = 32
"""A copy may fill one of so many parts of what is free on the disk: a register must have room beside all of them."""


def stamp(folder: Path) -> Stamp | None:
    """What tells that another publication took the place of this one; None where there is none."""
    try:
        place = folder.resolve()
        seen = (place / NEWEST).stat()
    except OSError:
        return None
    return place, seen.st_ino, seen.st_mtime_ns, seen.st_size


@dataclass(frozen=True)
class Held:
    """A verified publication, as it was when it was looked at."""

    place: Path
    versions: Versions
    listing: Listing
    stamp: Stamp

    @property
    def is_there(self) -> bool:
        """Whether its place has it yet."""
        return stamp(self.place) == self.stamp

    def read(self, item: Item, begin: int, end: int) -> bytes:
        """Bytes of one of its files. Raises OSError."""
        with files.reading(self.stamp[0] / item.name) as file:
            file.seek(begin)
            return file.read(end - begin)


def look(place: Path) -> Held | None:
    """What lies at `place`; None where nothing does, or another one since. Raises ShapeError, OSError."""
    seen = stamp(place)
    if seen is None:
        return None
    found = seen[0]
    paths = [path for name in FOLDERS for path in sorted((found / name).rglob("*")) if path.is_file()]
    named = {str(path.relative_to(found)): path for path in paths}
    items = []
    for name, path in named.items():
        if named_digest(name) is not None:
            content = _content(path)
            items.append(Item(name, len(content), digest(content)))
    listing = Listing.parse([list(item) for item in items])
    held = Held(place, Versions.read(named, _content(found / NEWEST)), listing, seen)
    return held if held.is_there else None


@dataclass(frozen=True)
class _Copy:
    versions: Versions
    listing: Listing


class Copies:
    """What peers gave, under `folder`: `<network>/<peer>`. One task at a time for each of them.

    That of a member of a federation lies under the member's own name, as `<federation>+<peer>`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._whole: dict[tuple[Whose, str], _Copy] = {}
        self._arriving: dict[tuple[Whose, str], Arrival] = {}
        self._rooms: defaultdict[str, Room] = defaultdict(Room)

    def clear(self) -> None:
        """Have none. Raises OSError."""
        self._whole = {}
        self._rooms.clear()
        for path in self._folder.glob("*"):
            shutil.rmtree(path)

    def all(self) -> list[tuple[Whose, str]]:
        """Whose each copy is, and of which peer."""
        return sorted(self._whole)

    def versions(self, whose: Whose, peer: str) -> Versions:
        """Which publication the copy of a peer is; NOTHING where there is no copy."""
        found = self._whole.get((whose, peer))
        return found.versions if found else NOTHING

    def drop(self, whose: Whose, peer: str) -> None:
        """Remove the copy of a peer. Raises OSError."""
        if self._whole.pop((whose, peer), None) is not None:
            _remove(self._place(whose, peer))
        self.settle(whose, peer)

    def contents(self, whose: Whose) -> Mapping[str, Path]:
        """A file of each content that lies here, by digest."""
        return {
            item.digest: self._place(whose, peer) / item.name
            for (one, peer), copy in sorted(self._whole.items())
            if one == whose
            for item in copy.listing.items
        }

    def arrive(self, whose: Whose, peer: str, listing: Listing) -> Arrival:
        """A copy that is not there yet; `settle` once nothing of it arrives any more. Raises OSError."""
        self._folder.mkdir(FOLDER_MODE, exist_ok=True)
        self._place(whose, peer).parent.mkdir(FOLDER_MODE, exist_ok=True)
        if listing.size > shutil.disk_usage(self._folder).free // PARTS:
            raise OSError(errno.ENOSPC, f"a copy of {listing.size} bytes, and little is free on the disk")
        before = self._whole.get((whose, peer))  # which lies here until the new one is whole
        size = listing.size + (before.listing.size if before else 0)
        for other in self._rooms[whose.network].take(f"{whose.of}/{peer}", size):
            of, _, owner = other.partition("/")
            one = Whose(whose.network, of), owner
            if arriving := self._arriving.get(one):
                arriving.lost = True
            if self._whole.pop(one, None) is not None:
                _remove(self._place(*one))
        self._arriving[whose, peer] = arrival = Arrival(self._place(whose, peer), listing)
        return arrival

    def settle(self, whose: Whose, peer: str) -> None:
        """Nothing arrives of a peer: only what lies here whole takes room."""
        self._arriving.pop((whose, peer), None)
        whole = self._whole.get((whose, peer))
        self._rooms[whose.network].settle(f"{whose.of}/{peer}", whole.listing.size if whole else 0)

    def _place(self, whose: Whose, peer: str) -> Path:
        return self._folder / whose.of / (peer if whose.of == whose.network else f"{whose.network}+{peer}")

    def keep(self, whose: Whose, peer: str, versions: Versions, listing: Listing) -> None:
        """Remember a copy that arrived."""
        self._whole[whose, peer] = _Copy(versions, listing)


class Arrival:
    """A copy of which files arrive piece by piece, each file from its beginning. Once `lost` nothing more does."""

    def __init__(self, place: Path, listing: Listing) -> None:
        self._place = place
        self._fresh = place.with_name(f".{place.name}")
        self._listing = listing
        self._digests = {item.name: hashlib.sha256() for item in listing.items}
        self._sizes = dict.fromkeys(self._digests, 0)
        self.lost = False
        self.give_up()
        self._fresh.mkdir(FOLDER_MODE)

    def take_over(self, here: Mapping[str, Path]) -> list[Item]:
        """Copy what lies `here` already, by digest; returns what does not. Raises OSError."""
        left = []
        for item in self._listing.items:
            content = _there(here.get(item.digest), item)
            if content is None:
                left.append(item)
            else:
                self.add([(item, content)])
        return left

    def add(self, pieces: Iterable[tuple[Item, bytes]]) -> None:
        """What follows in each of these files. Raises ShapeError once a file is whole and another one; OSError."""
        self._require_room()
        for item, piece in pieces:
            path = self._fresh / item.name
            path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(piece)
            self._digests[item.name].update(piece)
            self._sizes[item.name] += len(piece)
            if self._sizes[item.name] >= item.size and self._digests[item.name].hexdigest() != item.digest:
                raise ShapeError(f"{item.name}: has another digest than was told")

    def finish(self, claimed: Versions) -> Versions:
        """Put it in the place of the copy before. Raises ShapeError where it is older than `claimed`; OSError."""
        self._require_room()
        versions = Versions.read(self._digests, _content(self._fresh / NEWEST))
        if versions < claimed:
            raise ShapeError(f"is {[*versions]}, and {[*claimed]} was told")
        _remove(self._place)
        self._fresh.rename(self._place)
        return versions

    def _require_room(self) -> None:
        if self.lost:
            raise OSError(errno.ENOSPC, "the copy of another peer needs its room")

    def give_up(self) -> None:
        """Have nothing of it. Raises OSError."""
        _remove(self._fresh)


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def _remove(folder: Path) -> None:
    """Remove a folder; whoever reads it finds all of it or nothing."""
    gone = folder.with_name(f".gone{folder.name}")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(gone)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
        shutil.rmtree(gone)


def _content(path: Path) -> bytes:
    with files.reading(path) as file:
        found = file.read(LARGEST_FILE + 1)
    if len(found) > LARGEST_FILE:
        raise ShapeError(f"{path.name}: larger than {LARGEST_FILE} bytes")
    return found


def _there(path: Path | None, item: Item) -> bytes | None:
    try:
        content = None if path is None else _content(path)
    except (OSError, ShapeError):
        return None  # it was exchanged a moment ago
    return content if content is not None and digest(content) == item.digest else None
