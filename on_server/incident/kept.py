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

ETC, VAR = "etc/werkplaats", "var/lib/werkplaats"
REGISTER = f"{VAR}/register/register.jsonl"
FOLDERS = (f"{VAR}/register", f"{VAR}/allowances", f"{ETC}/accepted", f"{ETC}/cut.d")
FILES = (f"{VAR}/state/register.json",)
DIGESTED = (ETC, *(f"usr/local/{one}" for one in ("bin", "sbin", "lib/werkplaats", "lib/werkplaats-follow")))
DIGESTS = "digests.txt"
SECONDS = 60
MOST = 40 * 2**20
"""Bytes before they are packed: what one answer of a server brings, with room for what does not shrink."""
MOST_SAID = 4 * 2**20
_JOURNAL = ("journalctl", "--quiet", "--no-pager", "--output=short-iso", "--utc", "--since=-31d", "--lines=20000")
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
PROGRAMS = {
    "journal/station.txt": (*_JOURNAL, "CONTAINER_NAME=station-agent", "+", "CONTAINER_NAME=station-computer"),
    "journal/units.txt": (*_JOURNAL, "--unit=werkplaats-*", "--unit=gateway-*", "--unit=station-*"),
    "journal/logins.txt": (*_JOURNAL, *(f"--identifier={one}" for one in ("sshd", "sshd-session", "sudo", "su"))),
    "station/status.json": ("station", "status", "--json"),
    "station/register.json": ("station", "register", "--last", "1", "--json"),
    "containers.txt": ("docker", "ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.Image}} {{.Status}}"),
    "cut.txt": ("station-cut", "--list"),
}


def rows(root: Path) -> Iterator[tuple[str, bytes]]:
    """Each name with what it holds, files of the station first."""
    for name in FILES:
        yield from _file(root / name, name)
    for folder in FOLDERS:
        for path in _below(root / folder):
            yield from _file(path, path.relative_to(root).as_posix())
    for name, words in PROGRAMS.items():
        yield name, _said(words)
    yield DIGESTS, "".join(_digests(root)).encode()


def pack(root: Path) -> bytes:
    """All of it. Raises ValueError where that is more than is kept."""
    packed, size = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in rows(root):
            size += len(content)
            if size > MOST:
                raise ValueError(f"there is more than {MOST // 2**20} MB, as far as {name}: copy it by hand")
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), 0o600
            tar.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def _below(folder: Path) -> Iterator[Path]:
    """Files of a folder, at any depth; no link is followed anywhere."""
    for here, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        yield from (Path(here) / one for one in sorted(files))


def _file(path: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """A file; what is neither it nor a link is left out. A link is not followed: it says so, as what cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"{name}.not-kept", f"{error}\n".encode()
        return
    with os.fdopen(handle, "rb") as stream:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            yield name, stream.read(MOST + 1)


def _said(words: tuple[str, ...]) -> bytes:
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False, env=ENVIRONMENT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not kept: {error}\n".encode()
    return done.stdout[:MOST_SAID] + (b"" if not done.stderr else b"\n" + done.stderr[:2000])


def _digests(root: Path) -> Iterator[str]:
    """As sha256sum(1) writes them; of a key too, which nobody guesses by it."""
    for folder in DIGESTED:
        for path in _below(root / folder):
            for name, content in _file(path, path.relative_to(root).as_posix()):
                yield f"{hashlib.sha256(content).hexdigest()}  /{name}\n"


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
