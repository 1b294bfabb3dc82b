"""What this station tells its peers, and its own people, about itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..accepted.networks import Network
from ..base.contract import PROTOCOL_VERSIONS
from ..wire.answers import Answer, Answers
from ..wire.hello import Caller
from .past import Past
from .sessions import Sessions


class Status:
    """Release, age, and how much it does."""

    def __init__(self, release: str, sessions: Sessions, past: Past) -> None:
        self.release = release
        self._sessions = sessions
        self._past = past
        self._started = time.time()

    def answer_in(self, answers: Answers) -> None:
        """Answer requests of kind status."""
        answers.add("status", self._status)

    def summary(self, network: Network) -> dict[str, Any]:
        """What this station tells in one network."""
        return {
            "station": network.self_id,
            "versions": list(PROTOCOL_VERSIONS),
            "release": self.release,
            "definition": network.definition,
            "accepted": dict(network.accepted),
            "uptime": int(time.time() - self._started),
            "sessions": self._sessions.running,
            "last_session": self._past.last(network.name),
        }

    async def _status(self, caller: Caller, _: Mapping[str, Any], __: bytes) -> Answer:
        return self.summary(caller.network)
