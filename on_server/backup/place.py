"""Puts what a backup holds back onto a server that has no station yet, before anything is configured there.

    place.py BACKUP SYSUSERS    takes the tar, decrypted, on standard input; prints one JSON line

It is sent to the server and run there alone. What is there already is never lost: nothing is written where a station
runs, where the register has entries that the backup lacks, or where other keys lie. Killed anywhere it is run again:
what says that the station is restored comes first, keys come last, and the note that all is done after them.

Allowances are not put back: no program writes one, and the steward may have taken one back since. What says that this
is a backup has the agent take part in no question until its steward and the others' said so.
"""

from __future__ import annotations

import grp
import io
import json
import os
import pwd
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

VAR, ETC = "var/lib/werkplaats", "etc/werkplaats"
REGISTER, MARK, DONE = f"{VAR}/register/register.jsonl", f"{VAR}/state/restored.json", f"{ETC}/restored.json"
ALLOWANCES = f"{VAR}/allowances/"
KEYS = (f"{VAR}/state/statement.key", f"{ETC}/identity/key.pem")
SYSUSERS = "etc/sysusers.d/werkplaats.conf"
AGENT = ("station", "station")


class PlaceError(Exception):
    """A sentence: why nothing is put back, and what to do."""


Files = dict[str, tuple[tarfile.TarInfo, bytes]]


def place(root: Path, backup: str, content: bytes, accounts: str) -> dict[str, Any]:
    """Put back what the tar `content` holds; `backup` is the digest of its file. Raises PlaceError, OSError."""
    folders, files = opened(content)
    if _done(root) == backup and all(_read(root / name) == files[name][1] for name in KEYS if name in files):
        return {"placed": 0, "before": True}
    require_none(root, files)
    _accounts(root, accounts)
    _require_accounts(root, [*folders, *(about for about, _ in files.values())])
    for about in folders:
        _folder(root, about)
    mark = json.dumps({"at": int(time.time())}).encode()
    _write(root, MARK, mark, 0o600, AGENT)
    # Keys last: whatever is begun here before has none, and is no station of anybody.
    for name in sorted(files, key=lambda name: (name in KEYS, name)):
        about, data = files[name]
        _write(root, name, data, about.mode & 0o777, (about.uname, about.gname))
    _write(root, DONE, json.dumps({"backup": backup, "at": int(time.time())}).encode(), 0o644, ("root", "root"))
    return {"placed": len(files), "before": False}


def opened(content: bytes) -> tuple[list[tarfile.TarInfo], Files]:
    """The folders and files that are put back. Raises PlaceError for any name that belongs nowhere."""
    folders, files = [], Files()
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as tar:
        for about in tar:
            name = about.name
            if not name.startswith((f"{VAR}/", f"{ETC}/")) or ".." in Path(name).parts:
                continue
            if about.isdir():
                folders.append(about)
            elif about.isreg() and not name.startswith(ALLOWANCES):
                stream = tar.extractfile(about)
                files[name] = (about, stream.read() if stream else b"")
    if not {REGISTER, *KEYS} & files.keys():
        raise PlaceError("there is nothing of a station in it; take another backup")
    return sorted(folders, key=lambda about: about.name), files


def require_none(root: Path, files: Files) -> None:
    """Raise PlaceError where a station is, or was, that is not an earlier one of the same register."""
    if running(root):
        raise PlaceError("a station runs there; a backup is put back where none does: `docker ps` shows it")
    kept = files[REGISTER][1] if REGISTER in files else b""
    there = _read(root / REGISTER)
    if there and not kept.startswith(there):
        same = sum(one == other for one, other in zip(there.splitlines(), kept.splitlines(), strict=False))
        raise PlaceError(
            f"there is a register with {len(there.splitlines())} entries, of which the backup has {same}: that one is "
            "later, or another station's; leave it, or move /var/lib/werkplaats away first"
        )
    for name in KEYS:
        found = _read(root / name)
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
        return str(json.loads(_read(root / DONE))["backup"])
    except (ValueError, KeyError, TypeError):
        return ""


def _read(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    with os.fdopen(handle, "rb") as stream:
        return stream.read()


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
    path = root / about.name
    for parent in (*reversed(path.relative_to(root).parents), Path(about.name)):
        (root / parent).mkdir(mode=0o755, exist_ok=True)
    os.chown(path, *_numbers(root, about.uname, about.gname))
    path.chmod(about.mode & 0o7777)


def _write(root: Path, name: str, content: bytes, mode: int, owner: tuple[str, str]) -> None:
    """A file whole or not at all, on the disk when this returns."""
    path = root / name
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.part")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fchown(handle, *_numbers(root, *owner))
        os.fchmod(handle, mode)
        os.fsync(handle)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


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
