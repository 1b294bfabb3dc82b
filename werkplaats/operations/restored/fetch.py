"""Fetching the backups that stations made of themselves, to where no server can write: a folder of their operator's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from base import errors, files
from on_server.backup import written
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote, servers

SECONDS = 300.0
AHEAD = 86_400
"""Seconds that a server's clock may be ahead: one that is dated later is not the newest."""


def listed(network: networks.Network, remotes: remote.Remotes, organisation: str) -> list[str]:
    """The names of the newest backups on a server, as many as it keeps, oldest first.

    Raises UnreachableError, UsageError where it makes none.
    """
    folder, keep = _kept(remotes, organisation)
    station = network.compiled.stations[organisation].id
    done = remotes.ask(organisation, "ls", "-1", str(folder))
    name, last = re.compile(written.NAME.format(re.escape(station))), written.name(station, time.time() + AHEAD)
    return sorted(one for one in done.stdout.splitlines() if name.fullmatch(one) and one <= last)[-keep:]


def read(remotes: remote.Remotes, organisation: str, name: str) -> bytes:
    """One of them, encrypted as it is. Raises UnreachableError, UsageError."""
    path = _kept(remotes, organisation)[0] / name
    code, content, said = remotes.run(organisation, ["cat", str(path)], seconds=SECONDS)
    if code:
        raise errors.UsageError(f"{organisation}: {path} cannot be read: {said.decode(errors='replace').strip()}")
    return content


def fetch(
    network: networks.Network, remotes: remote.Remotes, organisations: Iterable[str], folder: Path
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Have the backups of these servers in `folder` too; organisation → names that are new there, and → why not all.

    What is there already stays as it is: a server that somebody took over changes nothing that was fetched before, and
    one that does not let its own be read keeps nobody from the others'.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new, lost = dict[str, list[str]](), dict[str, str]()
    for organisation in organisations:
        new[organisation] = []
        try:
            for name in listed(network, remotes, organisation):
                if not (folder / name).exists():
                    content = read(remotes, organisation, name)
                    files.write_atomically(folder / name, content, mode=0o600, replace=False)
                    new[organisation].append(name)
        except errors.WerkplaatsError as error:
            lost[organisation] = str(error)
    return new, lost


def _kept(remotes: remote.Remotes, organisation: str) -> tuple[Path, int]:
    """Where a server keeps its backups, and how many."""
    server: servers.Server | None = remotes.servers.get(organisation)
    if server is None or server.backup is None:
        raise errors.UsageError(
            f"{organisation}: servers.yml says nothing of backups of its station",
            "write `backup: {recipients: [age1…]}` there, and run werkplaats up",
        )
    return Path(server.backup["to"]), int(server.backup["keep"])
