"""What this station tells its peers, and its own people, about itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .. import analyses
from ..accepted.networks import Network
from ..base import contract
from ..wire.answers import Answer, Answers
from ..wire.hello import Caller
from .past import Past
from .sessions import Sessions


class Part(Protocol):
    """What has a part in sessions."""

    @property
    def going(self) -> set[str]:
        """The ids of those that go on."""


def _never() -> int:
    return 0


class Status:
    """Release, age, and how much it does."""

    def __init__(
        self,
        release: str,
        sessions: Sessions,
        past: Past,
        others: Mapping[str, Part] | None = None,
        drains: Callable[[], int] = _never,
    ) -> None:
        self.release = release
        self._sessions = sessions
        self._past = past
        self._parts: dict[str, Part] = {"computing": sessions, **(others or {})}
        self._drains = drains
        self._started = time.time()

    def answer_in(self, answers: Answers) -> None:
        """Answer requests of kind status."""
        answers.add("status", self._status)

    @property
    def work(self) -> dict[str, Any]:
        """Seconds for which this station drains yet, and how many sessions go on: in all, and in each role."""
        going = {role: part.going for role, part in self._parts.items()}
        roles = {role: len(sessions) for role, sessions in going.items()}
        return {"draining": self._drains(), "sessions": len(set().union(*going.values())), "roles": roles}

    def summary(self, network: Network) -> dict[str, Any]:
        """What this station tells in one network."""
        return {
            "station": network.self_id,
            "versions": list(contract.PROTOCOL_VERSIONS),
            "release": self.release,
            "analyses": list(analyses.available()),
            "formats": {stored.path: stored.version for stored in contract.STORED},
            "definition": network.definition,
            "accepted": dict(network.accepted),
            "uptime": int(time.time() - self._started),
            **self.work,
            "last_session": self._past.last(network.name),
        }

    async def _status(self, caller: Caller, _: Mapping[str, Any], __: bytes) -> Answer:
        return self.summary(caller.network)
