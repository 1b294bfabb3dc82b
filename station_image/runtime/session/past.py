"""How the last sessions ended that this station had a part in, since it started."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from ..accepted.networks import Network

KEPT = 20


class Past:
    """The newest ones only: the register has all of them."""

    def __init__(self) -> None:
        self._ended: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, network: Network, session: str, outcome: str, root: str = "", reason: str = "") -> None:
        """Keep how a session ended, for `status`."""
        row = {"network": network.name, "session": session, "outcome": outcome, "root": root, "reason": reason}
        self._ended.append({**row, "ended": int(time.time())})

    def of(self, network: str, session: str) -> dict[str, Any] | None:
        """How one of them ended."""
        return next((row for row in self._ended if (row["network"], row["session"]) == (network, session)), None)

    def last(self, network: str) -> dict[str, Any] | None:
        """The last session of `network`."""
        return next((row for row in reversed(self._ended) if row["network"] == network), None)
