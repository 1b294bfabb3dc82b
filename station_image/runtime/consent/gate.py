"""Whether this station takes part in a session: what it accepted, what its steward allows, what was opened before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..accepted.networks import Network
from ..base.journal import note
from ..base.refusal import RefusedError
from . import allowances, back, plan
from .allowances import Allowances
from .opened import Opened
from .plan import Plan
from .register import Register


class Gate:
    """Nobody but this organisation's own people opens it."""

    def __init__(self, allowances: Allowances, opened: Opened, register: Register, release: str = "") -> None:
        self._allowances = allowances
        self._opened = opened
        self._register = register
        self._release = release

    def check(self, network: Network, proposed: Plan) -> None:
        """Raise RefusedError naming the field unless this station takes part in `proposed` now."""
        plan.check(proposed, network)
        if (said := proposed.releases.get(network.self_id, "")) not in ("", self._release):
            # It was replaced a moment ago, or somebody showed an old word of it: that keeps no station out of a result.
            note("release-told-otherwise", session=proposed.session, proposer=proposed.proposer, told=said)
        if proposed.question == plan.ACCEPTANCE:
            return
        document = self.permitted(network, proposed.question)
        if proposed.proposed <= self._register.index.moment:
            raise RefusedError("proposed: before this station went back in its register; ask again")
        self._opened.check(proposed, document["at_most"], time.time())

    def permitted(self, network: Network, question: str) -> Mapping[str, Any]:
        """The question, if the steward here allows it now and the register is sound. Raises RefusedError.

        Its frequency is the one that the steward allows, which may be rarer than the agreed one.
        """
        document = allowances.question(network, question)
        allowance = self._allowances.find(network.name, question)
        allowance = allowances.check(document, allowance, time.time(), self._register.index.moment)
        if why := self._register.problem or back.withheld(self._register, network):
            raise RefusedError(f"register: {why}")
        return {**document, "at_most": allowance.at_most}
