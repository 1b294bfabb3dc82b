"""Puts what a backup holds back onto a server that has no station yet, before anything is configured there.

    place.py BACKUP SYSUSERS    takes the tar, decrypted, on standard input; prints one JSON line

It is sent to the server and run there alone. What is there already is never lost: nothing is written where a station
runs, where the register has entries that the backup lacks, or where other keys lie. Killed anywhere it is run again:
what says that the station is restored comes first, keys come last, and the note that all is done after them.

Anybody can encrypt a backup, and the station's account owns folders that root writes in here: so a backup holds the
names of `belongs` and no others, wherever one is made or read, and no link is followed.

Allowances are not put back: no program writes one, and the steward may have taken one back since. What says that this
is a backup has the agent take part in no question until its steward and the others' said so.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import gzip
import io
import json
import os
import pwd
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

VAR, ETC = "var/lib/werkplaats", "etc/werkplaats"
FOLDERS = (
    *(f"{VAR}/register", f"{VAR}/state", f"{VAR}/allowances"),
    *(f"{ETC}/identity", f"{ETC}/accepted", f"{ETC}/cut.d"),
)
"""Always: register and what was opened, the statement key, allowances, the gateway's key, the operator's yes, cuts."""
DATA = (f"{VAR}/data/in", f"{VAR}/data/out")
"""Only where the operator wants it: what the organisation brought, and results."""
REGISTER, MARK, DONE = f"{VAR}/register/register.jsonl", f"{VAR}/state/restored.json", f"{ETC}/restored.json"
"""What says that the station was restored, and by which backup: of this restore, never of one before it."""
ALLOWANCES = f"{VAR}/allowances/"
KEYS = (f"{VAR}/state/statement.key", f"{ETC}/identity/key.pem")
MANIFEST = "manifest.json"
LARGEST = 64 * 2**20
"""Bytes of a backup's tar, unpacked."""
SYSUSERS = "etc/sysusers.d/werkplaats.conf"
AGENT = ("station", "station")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class PlaceError(Exception):
    """A sentence: why nothing is put back, and what to do."""


Files = dict[str, tuple[tarfile.TarInfo, bytes]]


def belongs(name: str) -> bool:
    """Whether a backup may hold a file or folder of this name, from the root on: the one way to write it, printable."""
    path = PurePosixPath(name)
    within = any(path.is_relative_to(folder) for folder in (*FOLDERS, *DATA)) and not path.is_relative_to(MARK)
    return within and name == str(path) and ".." not in path.parts and name.isprintable()


def members(packed: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Each folder and file in a backup's tar, its list among them. Raises PlaceError for whatever no backup holds."""
    seen = set[str]()
    for about, content in _unpacked(packed):
        kind = about.isdir() or (about.isreg() and not about.issparse())
        if not (kind and (belongs(about.name) or about.name == MANIFEST)) or about.name in seen:
            raise PlaceError(f"{about.name!r} belongs in no backup, or is in it twice")
        seen.add(about.name)
        yield about, content


def _unpacked(packed: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(_unzipped(packed)), mode="r:") as tar:
            for about in tar:
                plain = about.isreg() and not about.issparse()  # which unpacks to any size
                stream = tar.extractfile(about) if plain else None
                yield about, stream.read() if stream else b""
    except PlaceError:
        raise
    except Exception as error:  # readers of hostile bytes: whatever they stop for, it is no backup
        raise PlaceError(f"it cannot be read as a backup: {error!r:.200}") from error


def _unzipped(packed: bytes) -> bytes:
    with gzip.open(io.BytesIO(packed)) as stream:
        whole = stream.read(LARGEST + 1)
    if len(whole) > LARGEST:
        raise PlaceError(f"it is larger than {LARGEST // 2**20} MB unpacked")
    return whole


def place(root: Path, backup: str, content: bytes, accounts: str) -> dict[str, Any]:
    """Put back what the tar `content` holds; `backup` is the digest of its file. Raises PlaceError, OSError."""
    folders, files = opened(content)
    if _done(root) == backup and all(_read(root, name) == files[name][1] for name in KEYS if name in files):
        return {"placed": 0, "before": True}
    require_none(root, files)
    _require_no_link(root, {*(about.name for about in folders), *(str(Path(name).parent) for name in [*files, MARK])})
    _accounts(root, accounts)
    _require_accounts(root, [*folders, *(about for about, _ in files.values())])
    for about in folders:
        _folder(root, about)
    note = json.dumps({"backup": backup, "at": int(time.time())}).encode()
    _write(root, MARK, note, 0o600, AGENT)
    # Keys last: whatever is begun here before has none, and is no station of anybody.
    for name in sorted(files, key=lambda name: (name in KEYS, name)):
        about, data = files[name]
        _write(root, name, data, about.mode & 0o777, (about.uname, about.gname))
    _write(root, DONE, note, 0o644, ("root", "root"))
    return {"placed": len(files), "before": False}


def opened(content: bytes) -> tuple[list[tarfile.TarInfo], Files]:
    """The folders and files that are put back. Raises PlaceError, for any name that belongs nowhere too."""
    folders, files = [], Files()
    for about, data in members(content):
        if about.isdir():
            folders.append(about)
        elif about.name != MANIFEST and not about.name.startswith(ALLOWANCES):
            files[about.name] = (about, data)
    if not {REGISTER, *KEYS} & files.keys():
        raise PlaceError("there is nothing of a station in it; take another backup")
    return sorted(folders, key=lambda about: about.name), files


def require_none(root: Path, files: Files) -> None:
    """Raise PlaceError where a station is, or was, that is not an earlier one of the same register."""
    if running(root):
        raise PlaceError("a station runs there; a backup is put back where none does: `docker ps` shows it")
    kept = files[REGISTER][1] if REGISTER in files else b""
    there = _read(root, REGISTER)
    if there and not kept.startswith(there):
        same = sum(one == other for one, other in zip(there.splitlines(), kept.splitlines(), strict=False))
        raise PlaceError(
            f"there is a register with {len(there.splitlines())} entries, of which the backup has {same}: that one is "
            "later, or another station's; leave it, or move /var/lib/werkplaats away first"
        )
    for name in KEYS:
        found = _read(root, name)
        if found and name in files and found != files[name][1]:
            raise PlaceError(
                f"/{name} is there, and another key than in the backup: was this server set up anew before? Move "
                f"/{ETC} and /{VAR} away there, if nobody approved that key"
            )


def running(root: Path) -> list[str]:
    """The station's containers that run on this server."""
    if root != Path("/"):
        return []
    command = ["docker", "ps", "--quiet", "--filter", "name=^station-"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:
        return []


def _done(root: Path) -> str:
    try:
        return str(json.loads(_read(root, DONE))["backup"])
    except (ValueError, KeyError, TypeError):
        return ""


def _read(root: Path, name: str) -> bytes:
    path = PurePosixPath(name)
    try:
        with _within(root, str(path.parent)) as folder:
            handle = _open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, folder, name)
    except FileNotFoundError:
        return b""
    with os.fdopen(handle, "rb") as stream:
        return stream.read()


@contextlib.contextmanager
def _within(root: Path, name: str, *, make: bool = False) -> Iterator[int]:
    """A folder of the server, open. Raises PlaceError where a link is on the way: its owner's, and root goes nowhere.

    FileNotFoundError for one that is not there, and not to be made.
    """
    handle = os.open(root, FOLDER)
    try:
        for part in PurePosixPath(name).parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=handle)
            above, handle = handle, _open(part, FOLDER, handle, name)
            os.close(above)
        yield handle
    finally:
        os.close(handle)


def _open(one: str, flags: int, folder: int, name: str) -> int:
    try:
        return os.open(one, flags, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        raise PlaceError(
            f"/{name}: {one!r} there is a link, or no folder; find out who made it, and move it away"
        ) from error


def _require_no_link(root: Path, folders: Iterable[str]) -> None:
    """Raise PlaceError where one of these folders is led elsewhere: before anything is changed."""
    for name in sorted(folders):
        with contextlib.suppress(FileNotFoundError), _within(root, name):
            pass


def _accounts(root: Path, text: str) -> None:
    """Make the accounts that files are given to, as the role `baseline` does; not where they are the owner's."""
    if text:
        _write(root, SYSUSERS, text.encode(), 0o644, ("root", "root"))
        subprocess.run(["systemd-sysusers", f"/{SYSUSERS}"], check=True, capture_output=True)


def _require_accounts(root: Path, found: list[tarfile.TarInfo]) -> None:
    if root != Path("/"):
        return
    users, groups = {row.pw_name for row in pwd.getpwall()}, {row.gr_name for row in grp.getgrall()}
    missing = {one.uname for one in found} - users | {one.gname for one in found} - groups
    if missing:
        raise PlaceError(f"this server has no account {', '.join(sorted(missing))}; its owner makes it first")


def _folder(root: Path, about: tarfile.TarInfo) -> None:
    with _within(root, about.name, make=True) as handle:
        os.fchown(handle, *_numbers(root, about.uname, about.gname))
        os.fchmod(handle, about.mode & 0o7777)


def _write(root: Path, name: str, content: bytes, mode: int, owner: tuple[str, str]) -> None:
    """A file whole or not at all, on the disk when this returns."""
    path = PurePosixPath(name)
    fresh = f".{path.name}.part"
    with _within(root, str(path.parent), make=True) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(handle, *_numbers(root, *owner))
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def _numbers(root: Path, owner: str, group: str) -> tuple[int, int]:
    if root != Path("/"):  # of a test, whose machine has no such accounts
        return -1, -1
    return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid


def main() -> int:
    """Put back what comes in."""
    backup, accounts = sys.argv[1:]
    os.umask(0o022)
    try:
        told = place(Path("/"), backup, sys.stdin.buffer.read(), accounts)
    except (PlaceError, OSError, tarfile.TarError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
