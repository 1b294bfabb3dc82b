"""The two containers of a station, as data: for the program that makes them and for the checks that look at them."""

from __future__ import annotations

import dataclasses

GROUP = 5000


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


RUN, ETC, VAR = "/run/werkplaats", "/etc/werkplaats", "/var/lib/werkplaats"
PARTS = (
    Part(
        "agent",
        5001,
        256,
        (
            Mount(f"{RUN}/peers", "/station/peers", True),
            Mount(f"{RUN}/agent", "/station/agent", False),
            Mount(f"{RUN}/control", "/station/control", False),
            Mount(f"{RUN}/compute", "/station/compute", False),
            Mount(f"{ETC}/networks.d", "/station/networks.d", True),
            Mount(f"{VAR}/allowances", "/station/allowances", True),
            Mount(f"{VAR}/data/in", "/station/data/in", True),
            Mount(f"{VAR}/data/out", "/station/data/out", False),
            Mount(f"{VAR}/register", "/station/register", False),
            Mount(f"{VAR}/state", "/station/state", False),
        ),
    ),
    Part("computer", 5002, 2048, (Mount(f"{RUN}/compute", "/station/compute", False),)),
)
