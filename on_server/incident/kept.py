"""Prints what a server has that tells what happened on it: a tar, gzipped, for the evidence of an incident.

`werkplaats incident` sends this program to a server and runs it there as root. It changes nothing, and takes no file
that people brought, no result and no key: register, allowances, what was accepted and cut, the station's own word, its
journals, who logged in, and a digest of every program and setting of ours. What cannot be taken says why in its place.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ETC, VAR = "etc/werkplaats", "var/lib/werkplaats"
REGISTER = f"{VAR}/register/register.jsonl"
FOLDERS = (f"{ETC}/accepted", f"{ETC}/cut.d", f"{VAR}/allowances", f"{VAR}/register")
FILES = (REGISTER, f"{VAR}/state/register.json")
DIGESTED = (ETC, *(f"usr/local/{one}" for one in ("bin", "sbin", "lib/werkplaats", "lib/werkplaats-follow")))
DIGESTS, NO_ROOM = "digests.txt", "not-kept.txt"
SECONDS = 30
"""For each program: all of them together end before nobody waits for the answer any more."""
MOST = 40 * 2**20
"""Bytes before they are packed: what one answer of a server brings, with room for what does not shrink."""
BESIDE = 2**10
"""Bytes of a file beside what it holds: many that are empty are no way around the room that there is."""
MOST_SAID = 4 * 2**20
_JOURNAL = ("journalctl", "--quiet", "--no-pager", "--output=short-iso", "--utc", "--since=-31d", "--lines=20000")
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
# Ours as their first line has it, and Python writes nothing beside what it compiles: that lies among the evidence.
_OURS = ("python3", "-IBS")
PROGRAMS = {
    "journal/station.txt": (*_JOURNAL, "CONTAINER_NAME=station-agent", "+", "CONTAINER_NAME=station-computer"),
    "journal/units.txt": (*_JOURNAL, "--unit=werkplaats-*", "--unit=gateway-*", "--unit=station-*"),
    "journal/logins.txt": (*_JOURNAL, *(f"--identifier={one}" for one in ("sshd", "sshd-session", "sudo", "su"))),
    "station/status.json": (*_OURS, "/usr/local/bin/station", "status", "--json"),
    "station/register.json": (*_OURS, "/usr/local/bin/station", "register", "--last", "1", "--json"),
    "containers.txt": ("docker", "ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.Image}} {{.Status}}"),
    "cut.txt": (*_OURS, "/usr/local/sbin/station-cut", "--list"),
}


def rows(root: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Each name with what it holds: last of all folders in which the station writes, so that they crowd out nothing."""
    for name, words in PROGRAMS.items():
        yield name, io.BytesIO(_said(words))
    yield DIGESTS, io.BytesIO("".join(_digests(root)).encode(errors="backslashreplace"))
    for name in FILES:
        yield from _file(root / name, name)
    for folder in FOLDERS:
        for path in _below(root / folder):
            if (name := path.relative_to(root).as_posix()) not in FILES:
                yield from _file(path, name)


def pack(root: Path) -> bytes:
    """All of it that there is room for; what there is none for is named."""
    packed, room, left = io.BytesIO(), MOST, []
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, stream in rows(root):
            with stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(0)
                if size + BESIDE > room:
                    left.append(name)
                    continue
                content = stream.read(size)
            room -= len(content) + BESIDE
            _add(tar, name, content)
        if left:
            lines = (f"there is more than {MOST // 2**20} MB; copy by hand:", *left)
            _add(tar, NO_ROOM, "\n".join(lines).encode(errors="backslashreplace")[:MOST_SAID])
    return packed.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    tar.addfile(about, io.BytesIO(content))


def _below(folder: Path) -> Iterator[Path]:
    """Files of a folder, at any depth; no link is followed anywhere, and one in place of the folder is a file of it."""
    if folder.is_symlink():
        yield folder
        return
    for here, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        yield from (Path(here) / one for one in sorted(files))


def _file(path: Path, name: str) -> Iterator[tuple[str, IO[bytes]]]:
    """A file; what is neither it nor a link is left out. A link is not followed: it says so, as what cannot be read."""
    found = _opened(path)
    if isinstance(found, str):
        yield f"{name}.not-kept", io.BytesIO(f"{found}\n".encode())
    elif found:
        yield name, found


def _opened(path: Path) -> io.BufferedReader | str | None:
    """A file, or why it cannot be read; None of what is none, or not there any more."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        return str(error.strerror)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    return None


def _said(words: tuple[str, ...]) -> bytes:
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False, env=ENVIRONMENT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not kept: {error}\n".encode()
    cut = b"not kept: what came before this\n" if len(done.stdout) > MOST_SAID else b""  # the newest counts most
    return cut + done.stdout[-MOST_SAID:] + (b"" if not done.stderr else b"\n" + done.stderr[:2000])


def _digests(root: Path) -> Iterator[str]:
    """As sha256sum(1) writes and reads them; of a key too, which nobody guesses by it."""
    for folder in DIGESTED:
        for path in _below(root / folder):
            name, found = path.relative_to(root).as_posix(), _opened(path)
            if isinstance(found, str):
                yield f"# /{name}: {found}\n"
            elif found:
                with found:
                    yield f"{hashlib.file_digest(found, 'sha256').hexdigest()}  /{name}\n"


def main() -> int:
    """Print it, or why not."""
    try:
        packed = pack(Path("/"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(packed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
