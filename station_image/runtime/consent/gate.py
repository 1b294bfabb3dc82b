"""Whether this station takes part in a session: what it accepted, what its steward allows, and what ran before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..accepted.networks import Network
from ..station import Station
from . import allowances, plan
from .plan import Plan, PlanRefusedError


def check(station: Station, network: Network, proposed: Plan) -> None:
    """Raise PlanRefusedError naming the field unless this station takes part in `proposed` now."""
    plan.check(proposed, network)
    if proposed.question == plan.ACCEPTANCE:
        return
    document = permitted(station, network, proposed.question)
    station.runs.check(proposed, document["at_most"], time.time())


def permitted(station: Station, network: Network, question: str) -> Mapping[str, Any]:
    """The question, if the steward here allows it now and the register is sound. Raises PlanRefusedError.

    Its frequency is the one that the steward allows, which may be rarer than the agreed one.
    """
    document = allowances.question(network, question)
    allowance = allowances.check(document, station.allowances.find(network.name, question), time.time())
    if station.register.problem:
        raise PlanRefusedError(f"register: {station.register.problem}")
    return {**document, "at_most": allowance.at_most}
