"""Prints a digest of everything on this server that the roles decide about.

Two digests are the same when nothing was changed in between, by whomever: whole folders are read, not a list of our
files, so that what was added is seen as well. What stations, sessions and people write is left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Read with content, owner and mode.
FOLDERS = (
    "etc/docker",
    "etc/pam.d",
    "etc/ssh",
    "etc/sysusers.d",
    "etc/systemd",
    "etc/tmpfiles.d",
    "etc/werkplaats",
    "usr/local/bin",
    "usr/local/lib/werkplaats",
    "usr/local/lib/werkplaats-follow",
    "usr/local/sbin",
)
FILES = (
    "etc/group",
    "etc/nologin",
    "etc/passwd",
    "etc/security/access.conf",
    "etc/shadow",
    "run/werkplaats/gateway.stamp",
    "run/werkplaats-engine.json",
)
# Below these only folders are looked at: what lies in them is the stations' and people's.
PLACES = ("run/werkplaats", "var/lib/werkplaats")
# `werkplaats` asks for these itself in every run, with all that lies below them.
OTHERS = (
    "etc/werkplaats/accepted/*",
    "etc/werkplaats/networks.d/*/questions.json",
    "etc/werkplaats/networks.d/*/tables.json",
    "etc/werkplaats/networks.d/*/publication",
    "etc/werkplaats/networks.d/*/members",
    "var/lib/werkplaats/publications/inbox/*",
    "var/lib/werkplaats/fetched/*",
    "var/lib/werkplaats/relayed/*",
    "__pycache__",
)
UNITS = ("docker.service", "haproxy.service", "ssh.service", "systemd-timesyncd.service", "chrony.service",
         "ntpsec.service", "openntpd.service", "werkplaats-gateway.service", "werkplaats-firewall.service",
         "werkplaats-follow.timer", "werkplaats-packages.timer", "station-backup.timer",
         "station-metrics.timer", "station-exporter.service")  # fmt: skip
COMMANDS = (
    ("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Version}\n"),
    ("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload", *UNITS),
    ("nft", "--stateless", "--terse", "list", "table", "inet", "werkplaats"),
    ("docker", "image", "ls", "--all", "--no-trunc", "--quiet"),
)


def rows(root: Path) -> Iterator[bytes]:
    """Everything that counts, in a fixed order; empty for what is others' to write."""
    for name in FOLDERS:
        yield _row(root, root / name, content=False)
        for folder, folders, files in os.walk(root / name):
            folders.sort()
            yield from (_row(root, Path(folder) / one, content=True) for one in sorted([*folders, *files]))
    yield from (_row(root, root / name, content=True) for name in FILES)
    for name in PLACES:
        for path in (root / name, *sorted((root / name).glob("*/")), *sorted((root / name).glob("data/*/"))):
            yield _row(root, path, content=False)
    yield _row(root, root / "var/lib/werkplaats/state/statement.key", content=False)


def _row(root: Path, path: Path, *, content: bool) -> bytes:
    name = path.relative_to(root)
    if any(one.match(other) for one in (name, *name.parents) for other in OTHERS):
        return b""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return f"{name} is not there".encode()
    row = f"{name} {found.st_mode:o} {found.st_uid} {found.st_gid} ".encode()
    if stat.S_ISLNK(found.st_mode):
        return row + os.fsencode(path.readlink())
    return row + hashlib.sha256(path.read_bytes()).digest() if content and stat.S_ISREG(found.st_mode) else row


def answers() -> Iterator[bytes]:
    """What the commands print; side by side, they take as long as the slowest."""
    started = []
    for command in COMMANDS:
        try:
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        except FileNotFoundError:
            yield f"{command[0]} is not there".encode()
    for process in started:
        yield process.communicate()[0]


def main() -> None:
    """Print the digest."""
    found = hashlib.sha256()
    for row in (*answers(), *filter(None, rows(Path("/")))):
        found.update(hashlib.sha256(row).digest())
    sys.stdout.write(found.hexdigest() + "\n")


if __name__ == "__main__":
    main()
