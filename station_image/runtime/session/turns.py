"""Who asks next about what another's session was about: whoever was refused meanwhile, the first one first.

Two questions about some of the same are not answered at once. Without turns, who just had one could begin again at the
moment that its session ends, and nobody else would ever be answered.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ..consent import opened
from ..consent.plan import Plan

TURN = 600.0
"""Seconds that are left to somebody, from the end of the session that it waited for."""


@dataclass
class _Waiting:
    plan: Plan
    until: float


class Turns:
    """The proposals that were refused for another's session, in their order, one of each proposer and question."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, str], _Waiting] = {}

    def wait(self, refused: Plan, running: bool) -> None:
        """Keep a place for who was refused, for a session that is `running` or another's turn; it keeps what it has."""
        until = math.inf if running else time.monotonic() + TURN
        self._waiting.setdefault(_key(refused), _Waiting(refused, until))

    def before(self, proposed: Plan) -> bool:
        """Whether somebody else, who asked about some of the same earlier, is to be answered first."""
        now = time.monotonic()
        self._waiting = {key: one for key, one in self._waiting.items() if one.until > now}
        for key, one in self._waiting.items():
            if key == _key(proposed):
                return False
            if one.plan.proposer != proposed.proposer and opened.meet(one.plan, proposed):
                return True
        return False

    def begin(self, answered: Plan) -> None:
        """It has its turn."""
        self._waiting.pop(_key(answered), None)

    def end(self, over: Plan) -> None:
        """A session is over: who waited for it has so long to ask, once: a place that is renewed is never given up."""
        for one in self._waiting.values():
            if math.isinf(one.until) and opened.meet(one.plan, over):
                one.until = time.monotonic() + TURN


def _key(plan: Plan) -> tuple[str, str, str]:
    return plan.network, plan.proposer, plan.question
