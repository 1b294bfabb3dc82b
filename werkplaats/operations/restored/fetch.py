"""Fetching the backups that stations made of themselves, to where no server can write: a folder of their operator's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from base import errors, files
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote, servers

NAME = r"{}_\d{{8}}T\d{{6}}Z\.age"
TELL = ("/usr/local/sbin/station-backup", "tell")
SECONDS = 300.0


def listed(network: networks.Network, remotes: remote.Remotes, organisation: str) -> list[str]:
    """The names of the backups on a server, oldest first. Raises UnreachableError, UsageError where it makes none."""
    done = remotes.ask(organisation, "ls", "-1", str(_folder(remotes, organisation)))
    name = re.compile(NAME.format(re.escape(network.compiled.stations[organisation].id)))
    return sorted(one for one in done.stdout.splitlines() if name.fullmatch(one))


def read(remotes: remote.Remotes, organisation: str, name: str) -> bytes:
    """One of them, encrypted as it is. Raises UnreachableError, UsageError."""
    path = _folder(remotes, organisation) / name
    code, content, said = remotes.run(organisation, ["cat", str(path)], seconds=SECONDS)
    if code:
        raise errors.UsageError(f"{organisation}: {path} cannot be read: {said.decode(errors='replace').strip()}")
    return content


def fetch(
    network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str], folder: Path
) -> dict[str, list[str]]:
    """Have each backup that is on these servers in `folder` too; organisation → the names that are new there.

    What is there already stays as it is: a server that somebody took over changes nothing that was fetched before.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new: dict[str, list[str]] = {}
    for organisation in organisations:
        new[organisation] = []
        for name in listed(network, remotes, organisation):
            if not (folder / name).exists():
                content = read(remotes, organisation, name)
                files.write_atomically(folder / name, content, mode=0o600, replace=False)
                new[organisation].append(name)
    return new


def _folder(remotes: remote.Remotes, organisation: str) -> Path:
    server: servers.Server | None = remotes.servers.get(organisation)
    if server is None or server.backup is None:
        raise errors.UsageError(
            f"{organisation}: servers.yml says nothing of backups of its station",
            "write `backup: {recipients: [age1…]}` there, and run werkplaats up",
        )
    return Path(server.backup["to"])
