"""What the image, the roles, the stacks, the checks and the host programs must agree on with a station's software.

Constants only, so that everybody may import it; what cannot (a role, a program of a server) is held equal by tests.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROTOCOL_VERSIONS = (2, 3)
"""Versions of the session protocol between agents that this release speaks, oldest first.

In 3 a plan says which release each participant runs.
"""

# Accounts. The numbers are the same on every server: containers know only numbers.
AGENT_UID = 5001
COMPUTER_UID = 5002
GROUP_ID = 5000
AGENT_USER, COMPUTER_USER, GROUP = "station", "computer", "station"
GATEWAY_USER, CONTROL_GROUP = "werkplaats-gateway", "station-control"
STEWARD, SCIENTIST = "steward", "scientist"

ROOT = "/station"
"""Where everything that a container sees is mounted."""
ETC, RUN, VAR = "/etc/werkplaats", "/run/werkplaats", "/var/lib/werkplaats"


@dataclass(frozen=True)
class Folder:
    """One folder of a server: who may use it there, and what each container sees of it.

    `mode` is octal; its first digit 2 hands the folder's group to what is made in it. `agent` and `computer` are "rw",
    "ro", or "" for a container that does not see the folder.
    """

    path: str
    owner: str
    group: str
    mode: str
    name: str = ""
    """What it is called under `ROOT`; "" where no container sees it."""
    agent: str = ""
    computer: str = ""

    @property
    def target(self) -> str:
        """Where a container sees it."""
        return f"{ROOT}/{self.name}"


FOLDERS = (
    Folder(ETC, "root", "root", "0755"),
    Folder(f"{ETC}/accepted", "root", "root", "0755"),
    Folder(f"{ETC}/cut.d", "root", "root", "0755"),
    Folder(f"{ETC}/gateway", "root", GATEWAY_USER, "0750"),
    Folder(f"{ETC}/identity", "root", "root", "0755"),
    Folder(f"{ETC}/networks.d", "root", "root", "0755", "networks.d", agent="ro"),
    Folder(f"{ETC}/people", "root", "root", "0755"),
    Folder(RUN, "root", "root", "0755"),
    Folder(f"{RUN}/agent", AGENT_USER, GATEWAY_USER, "2750", "agent", agent="rw"),
    Folder(f"{RUN}/compute", COMPUTER_USER, GROUP, "2770", "compute", agent="rw", computer="rw"),
    Folder(f"{RUN}/control", AGENT_USER, CONTROL_GROUP, "2750", "control", agent="rw"),
    Folder(f"{RUN}/peers", GATEWAY_USER, GROUP, "2750", "peers", agent="ro"),
    Folder(VAR, "root", "root", "0755"),
    Folder(f"{VAR}/allowances", STEWARD, GROUP, "2750", "allowances", agent="ro"),
    Folder(f"{VAR}/data", "root", "root", "0755"),
    Folder(f"{VAR}/data/in", SCIENTIST, GROUP, "2750", "data/in", agent="ro"),
    Folder(f"{VAR}/data/out", AGENT_USER, CONTROL_GROUP, "2750", "data/out", agent="rw"),
    Folder(f"{VAR}/fetched", "root", "root", "0755"),
    Folder(f"{VAR}/publications", "root", "root", "0755"),
    Folder(f"{VAR}/publications/inbox", "root", "root", "0755"),
    Folder(f"{VAR}/register", AGENT_USER, GROUP, "0750", "register", agent="rw"),
    Folder(f"{VAR}/relayed", AGENT_USER, GROUP, "0750", "relayed", agent="rw"),
    Folder(f"{VAR}/state", AGENT_USER, GROUP, "0700", "state", agent="rw"),
)
"""All folders of a station on its server, parents first."""

RELAYED = "relayed/{network}/{peer}"
"""A publication as a peer gave it: `metadata/` and `targets/`, of which the agent verified nothing but names and sizes.

In a federation `{network}` is the member whose publication it is, and `{peer}` has the federation and a + before it.
A copy of each peer that has a newer one than `networks.d/<network>/publication`, which is what the agent gives others.
Each is there whole or not at all, and is exchanged or goes at any moment. Names that begin with a dot are none.
"""

# Sockets, under `ROOT` and under `RUN` alike.
MESH_SOCKET = "agent/mesh.sock"
CONTROL_SOCKET = "control/agent.sock"
COMPUTER_SOCKET = "compute/computer.sock"
DRAINING = "control/draining"
"""Until when this station drains, in seconds since 1970: `{"until": …}`, for the programs of the server."""


@dataclass(frozen=True)
class Stored:
    """A file that outlives a release. `version` counts its formats; which one each has is in `FORMATS`."""

    path: str
    version: int = 1


STATEMENT_KEY = Stored("state/statement.key")
EDITION_KEY = Stored("state/edition.key")
REGISTER = Stored("register/register.jsonl")
REGISTER_HEAD = Stored("state/register.json")
OPENED = Stored("state/runs.json", 4)
"""From format 4 on with the releases that computed each result."""
SEEN = Stored("state/seen.json")
ALLOWANCE = Stored("allowances/{network}~{question}.json")
RESULT = Stored("data/out/{session}/result.json")
FORMATS = Stored("state/formats.json")
"""`path` of each of these → the format that it has here."""
RESTORED = "state/restored.json"
"""There from when a backup was put back until the agent entered that: `{"backup": DIGEST, "at": SECONDS}`."""
STORED = (STATEMENT_KEY, EDITION_KEY, REGISTER, REGISTER_HEAD, OPENED, SEEN, ALLOWANCE, RESULT, FORMATS)
"""What a station keeps. A release that changes a format raises its version and reads the one before it too."""


class State(enum.StrEnum):
    """How a question stands with one organisation."""

    ALLOWED = "allowed"
    WAITS = "waits"
    CHANGED = "changed"
    ENDED = "ended"


HOUR = 3600
FREQUENCIES: Mapping[str, int] = MappingProxyType(
    {"unlimited": 0, "hourly": HOUR, "daily": 24 * HOUR, "weekly": 7 * 24 * HOUR, "monthly": 28 * 24 * HOUR}
)
"""How often a question may be asked: seconds between two times, the most frequent first."""
