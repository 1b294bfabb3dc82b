"""Whether this station takes part in a session: what it accepted, what its steward allows, what was opened before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..accepted.networks import Network
from ..base.refusal import RefusedError
from . import allowances, plan
from .allowances import Allowances
from .opened import Opened
from .plan import Plan
from .register import Register


class Gate:
    """Nobody but this organisation's own people opens it."""

    def __init__(self, allowances: Allowances, opened: Opened, register: Register) -> None:
        self._allowances = allowances
        self._opened = opened
        self._register = register

    def check(self, network: Network, proposed: Plan) -> None:
        """Raise RefusedError naming the field unless this station takes part in `proposed` now."""
        plan.check(proposed, network)
        if proposed.question == plan.ACCEPTANCE:
            return
        document = self.permitted(network, proposed.question)
        self._opened.check(proposed, document["at_most"], time.time())

    def permitted(self, network: Network, question: str) -> Mapping[str, Any]:
        """The question, if the steward here allows it now and the register is sound. Raises RefusedError.

        Its frequency is the one that the steward allows, which may be rarer than the agreed one.
        """
        document = allowances.question(network, question)
        allowance = allowances.check(document, self._allowances.find(network.name, question), time.time())
        if self._register.problem:
            raise RefusedError(f"register: {self._register.problem}")
        return {**document, "at_most": allowance.at_most}
