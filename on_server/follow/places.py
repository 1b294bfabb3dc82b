"""Where the follower finds and puts things, and how: bytes of hostile folders, files in their places, folders whole."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import itertools
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from on_server import disk
from on_server.follow.texts import COMPILED

_EXCHANGE, _AT_FDCWD = 2, -100  # renameat2(2)
PUBLICATION, MEMBERS, FETCHED = "publication", "members", "/var/lib/werkplaats/fetched"
MOST_COPIES = 1000
"""Of peers, of which a network has 624."""
MOST_VALUES, MOST_DEEP = 2_000_000, 32
"""In a document: each value costs Python some 60 to 200 bytes, whatever it is written in."""


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where things lie on a server; tests have a root of their own."""

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """The place of an absolute path."""
        return self.root / path.lstrip("/")

    @property
    def networks(self) -> Path:
        """Folder that the agent reads; a folder for each network."""
        return self.at("/etc/werkplaats/networks.d")

    @property
    def told(self) -> Path:
        """What the follower tells of its last runs."""
        return self.at("/var/lib/werkplaats/followed.json")

    @property
    def stopped(self) -> Path:
        """There where somebody stopped the follower: since when, and why."""
        return self.at("/etc/werkplaats/follow.stopped")

    @property
    def ran(self) -> Path:
        """Touched whenever a run ended well, also where there was nothing to do."""
        return self.at("/run/werkplaats/follow.ran")

    def names(self) -> list[str]:
        """The networks of this server; a federation, which goes by what its home network has, after these."""
        found = (path.parent.name for path in self.networks.glob("*/network.json"))
        return sorted(found, key=lambda name: (self.home(name) != "", name))

    def home(self, network: str) -> str:
        """The network whose gateway and certificate serve a federation; "" of one that has its own."""
        place = self.at(f"{COMPILED}/networks/{network}/home")
        return place.read_text().strip() if place.exists() else ""

    def kept(self, network: str) -> Path:
        """The publication that was read last: whole, for whoever passes it on.

        That of another member of a federation is `FEDERATION/MEMBER`.
        """
        name, _, member = network.partition("/")
        return self.networks / name / (f"{MEMBERS}/{member}" if member else PUBLICATION)

    def members(self, federation: str) -> dict[str, Path]:
        """Where the publication of each member of a federation is kept, but that of the home network."""
        there = sorted((self.networks / federation / MEMBERS).glob("[!.]*"))
        return {path.name: path for path in there if path.name != self.home(federation)}

    def publications(self, network: str) -> dict[str, Path]:
        """Where each publication is kept that a network is followed by: its own, and those of members."""
        return {network: self.kept(network), **self.members(network)}

    def accepted(self, network: str) -> Path:
        """What the operator accepted."""
        return self.at(f"/etc/werkplaats/accepted/{network}.json")

    def inbox(self, network: str) -> Path:
        """Where people put the publication of a network, from a stick or with scp."""
        return self.at(f"/var/lib/werkplaats/publications/inbox/{network}")

    def relayed(self, network: str) -> Path:
        """A folder for each peer from which the agent heard of another publication, of this network or a member."""
        return self.at(f"/var/lib/werkplaats/relayed/{network}")

    def fetched(self, network: str) -> Path:
        """What was fetched from the place that the definition names."""
        return self.at(f"{FETCHED}/{network}")

    def sources(self, network: str) -> list[Path]:
        """Folders in which a publication may lie, that of people first; anything may lie there, or go at any moment."""
        try:
            with os.scandir(self.relayed(network)) as there:
                named = (Path(one.path) for one in there if not one.name.startswith("."))
                # What stations of other regions gave (FEDERATION+PEER) comes after what the own ones did.
                heard = sorted(itertools.islice(named, MOST_COPIES), key=lambda path: ("+" in path.name, path.name))
        except OSError:
            heard = []
        return [self.inbox(network), self.fetched(network), *heard]

    @property
    def own_keys(self) -> list[Path]:
        """The public parts of this server's keys, in the order in which the part that parses takes them."""
        folder = self.at("/etc/werkplaats/identity")
        return [folder / name for name in ("request.pem", "statement.pub", "statement.json")]


def files(folder: Path) -> dict[str, Path]:
    """Name → place of the files in a folder of ours."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def texts(folder: Path) -> dict[str, str]:
    """Name → content of the files in a folder of ours."""
    return {name: path.read_bytes().decode() for name, path in files(folder).items()}  # to the byte: CRLF too


@contextlib.contextmanager
def lock(paths: Paths) -> Iterator[None]:
    """One that places at a time; released by death."""
    with disk.locked(paths.at("/run/werkplaats/follow.lock")):
        yield


def read(path: Path, most: int) -> bytes:
    """The bytes of a regular file that somebody hostile may have put there; b"" of anything else, or of more."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        with os.fdopen(handle, "rb", closefd=False) as file:
            found = file.read(most + 1)
    finally:
        os.close(handle)
    return found if len(found) <= most else b""


def document(text: str | bytes) -> dict[str, Any]:
    """A JSON object, of as many values and as deep as honest ones; raises ValueError of whatever else was said."""
    raw = text.encode() if isinstance(text, str) else text
    if sum(map(raw.count, b"[{,:")) > MOST_VALUES:
        raise ValueError("it has too many values")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  # the text is wrong, and no argument
    level: list[Any] = [found]
    for _ in range(MOST_DEEP):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, dict | list)]
    if level:
        raise ValueError("it is nested too deep")
    return found


def put(path: Path, text: str) -> bool:
    """Put a text in place of a file that is there, with its group and mode; returns whether anything changed."""
    content = text.encode()
    try:
        before = path.stat()
        if path.read_bytes() == content:
            return False
        disk.write(path, content, stat.S_IMODE(before.st_mode), before.st_gid)
    except FileNotFoundError:
        disk.write(path, content)
    return True


def put_folder(place: Path, files: Mapping[str, str]) -> None:
    """Put a folder of these files in place of one that is there: who reads by its name finds the old or the new."""
    fresh = place.with_name(f".{place.name}.new")
    if fresh.exists():  # of a run that was killed
        shutil.rmtree(fresh)
    for name, text in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        disk.write(path, text.encode())
    for folder in (*(path for path in fresh.rglob("*") if path.is_dir()), fresh):
        disk.sync_folder(folder)
    if place.is_dir():
        _exchange(fresh, place)
        disk.sync_folder(place.parent)
        shutil.rmtree(fresh)
    else:
        fresh.rename(place)
        disk.sync_folder(place.parent)


def _exchange(one: Path, other: Path) -> None:
    """Give each of two folders the name of the other, in one step."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, errno.errorcode.get(number, "?"), str(other))


def take_away(folder: Path, aside: Path) -> None:
    """Take a folder away in one step: it leaves its place as a whole, and then goes."""
    if aside.exists():  # of a run that was killed
        shutil.rmtree(aside)
    folder.rename(aside)
    disk.sync_folder(folder.parent)
    shutil.rmtree(aside)
