"""One running agent: what all its parts share."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .accepted.networks import Network, Networks
from .accepted.statement import StatementKey
from .base.contract import PROTOCOL_VERSIONS
from .base.folders import Folders
from .consent.allowances import Allowances
from .consent.register import Register
from .consent.runs import Runs
from .wire.connection import Connection
from .wire.hello import Caller

if TYPE_CHECKING:
    from .session.results import Results
    from .session.sessions import Sessions
    from .wire.polls import Polls


@dataclass
class Station:
    """Folders, key, accepted networks, and the registries of the agent's parts (set by `agent.assemble`)."""

    folders: Folders
    key: StatementKey
    networks: Networks
    release: str
    allowances: Allowances
    register: Register
    runs: Runs
    started: float = field(default_factory=time.time)
    contacts: dict[str, float] = field(default_factory=dict)
    sessions: Sessions = field(init=False)
    results: Results = field(init=False)
    polls: Polls = field(init=False)
    serve: Callable[[Connection, Caller], Coroutine[Any, Any, None]] = field(init=False)

    def contact(self, peer: str) -> None:
        """Remember that `peer` proved who it is just now."""
        self.contacts[peer] = time.time()

    def summary(self, network: Network) -> dict[str, Any]:
        """What this station tells its peers about itself."""
        return {
            "station": network.self_id,
            "versions": list(PROTOCOL_VERSIONS),
            "release": self.release,
            "definition": network.definition,
            "uptime": int(time.time() - self.started),
            "sessions": self.sessions.running,
            "last_session": self.sessions.last(network.name),
        }
