"""What there is to tell of backups that stations make of themselves: when the last one was, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

import pydantic

from on_server.backup import main
from werkplaats.operations.reach import remote, servers

TELL = ("/usr/local/sbin/station-backup", "tell")


class _Good(pydantic.BaseModel):
    made: int
    entries: int
    bytes: int
    data: bool


class _Told(pydantic.BaseModel):
    good: _Good | None
    ago: int | None
    every: int | None
    faults: list[str]


def told(answer: remote.Answer | None) -> tuple[str, str]:
    """What is wrong with the backups of a server, and a line of when the last one was; "" where there are none."""
    if answer is None or isinstance(answer, servers.UnreachableError):
        return "", ""
    try:
        found = _Told.model_validate_json(answer.stdout, strict=True)
    except ValueError:
        return "its server tells nothing of them: werkplaats up", ""
    return "; ".join(found.faults), main.line(found.model_dump())


def asked(remotes: remote.Remotes, reached: Iterable[str]) -> dict[str, remote.Answer]:
    """The answers of those servers that are to make backups."""
    return dict(remotes.ask_all([o for o in reached if remotes.servers[o].backup], *TELL))


def late(hours: float, server: servers.Server | None) -> list[str]:
    """A sentence where a backup of so many hours ago is older than the inventory wants."""
    every = int(server.backup["every"]) if server and server.backup else 0
    if every and hours > main.LATE * every + main.GRACE / 3600:
        return [f"it is {hours:.0f} hours old, and one is due every {every}"]
    return []
