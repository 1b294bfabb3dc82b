"""What there is to tell of backups that stations make of themselves: when the last one was, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

import pydantic

from base import errors
from on_server.backup import main, taken
from werkplaats.operations.reach import remote, servers

TELL = ("/usr/local/sbin/station-backup", "tell")
LONGEST = 500
Seconds = Annotated[int, pydantic.Field(ge=0, lt=253_402_300_800)]
"""Until the year 10000, or as long."""


def _line(text: str) -> str:
    return errors.shortened(errors.printable(" ".join(text.split())), LONGEST)


class _Good(pydantic.BaseModel):
    made: Seconds
    entries: int = pydantic.Field(ge=0, lt=taken.MOST_ENTRIES)
    bytes: int = pydantic.Field(ge=0, lt=2**53)
    data: bool


class _Told(pydantic.BaseModel):
    good: _Good | None
    ago: Seconds | None
    every: int | None = pydantic.Field(ge=1, le=10_000)
    faults: list[Annotated[str, pydantic.AfterValidator(_line)]] = pydantic.Field(max_length=20)

    @pydantic.model_validator(mode="after")
    def _since(self) -> Self:
        if self.good and self.ago is None:
            raise ValueError("it does not say how long ago")
        return self


def told(answer: remote.Answer | None) -> tuple[str, str]:
    """What is wrong with the backups of a server, and a line of when the last one was; "" where there are none."""
    if answer is None or isinstance(answer, servers.UnreachableError):
        return "", ""
    try:
        found = _Told.model_validate_json(answer.stdout, strict=True)
        return "; ".join(found.faults), main.line(found.model_dump())
    except ValueError:
        return "its server tells nothing of them: werkplaats up", ""


def asked(remotes: remote.Remotes, reached: Iterable[str]) -> dict[str, remote.Answer]:
    """The answers of those servers that are to make backups."""
    return dict(remotes.ask_all([o for o in reached if remotes.servers[o].backup], *TELL))


def late(hours: float, server: servers.Server | None) -> list[str]:
    """A sentence where a backup of so many hours ago is older than the inventory wants, or of no hour yet."""
    every = int(server.backup["every"]) if server and server.backup else 0
    if hours < -main.GRACE / 3600:
        return [f"it is dated {-hours:.0f} hours in the future: look at the clock of the server that made it"]
    if every and hours > main.LATE * every + main.GRACE / 3600:
        return [f"it is {hours:.0f} hours old, and one is due every {every}"]
    return []
