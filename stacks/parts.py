"""The two containers of a station, as data: for the program that makes them and for the checks that look at them."""

from __future__ import annotations

import dataclasses

from station_image.runtime.base import contract

GROUP = contract.GROUP_ID
GOING_BACK = "station-going-back"
"""The container in which what a station keeps goes back to older formats, while its agent stands still."""


@dataclasses.dataclass(frozen=True)
class Mount:
    """A folder of the server that a container sees; always a folder, never a socket file."""

    source: str
    target: str
    read_only: bool


@dataclasses.dataclass(frozen=True)
class Part:
    """One of the two containers: its module, user id, memory limit in MiB, and what it sees."""

    name: str
    user: int
    memory: int
    mounts: tuple[Mount, ...]


def _mounts(part: str) -> tuple[Mount, ...]:
    seen = ((folder, getattr(folder, part)) for folder in contract.FOLDERS)
    return tuple(Mount(folder.path, folder.target, how == "ro") for folder, how in seen if how)


PARTS = (
    Part("agent", contract.AGENT_UID, 256, _mounts("agent")),
    Part("computer", contract.COMPUTER_UID, 2048, _mounts("computer")),
)
