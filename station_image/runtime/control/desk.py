"""What verbs are given: the parts of the agent that this organisation's own people may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..accepted.networks import Network, Networks
from ..base.folders import Folders
from ..consent import back
from ..consent.allowances import Allowances
from ..consent.gate import Gate
from ..consent.register import Register
from ..releases.draining import Draining
from ..session.meeting import Meetings
from ..session.proposal import Proposals
from ..session.status import Status
from ..session.wayback import WayBack
from ..wire.peers import Peers
from .requests import Request, WrongUseError, unknown

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Desk:
    """The parts of the agent that this organisation's own people may ask; no part is given it."""

    folders: Folders
    networks: Networks
    allowances: Allowances
    gate: Gate
    register: Register
    peers: Peers
    proposals: Proposals
    meetings: Meetings
    draining: Draining
    status: Status
    wayback: WayBack

    def network(self, name: str) -> Network:
        """The network of a name, or else the home network. Raises WrongUseError, NetworkError."""
        networks = self.networks.current()
        if name:
            return self.networks.find(name)
        homes = [one for one in networks.values() if one.at_home]
        if len(homes) != 1:
            known = ", ".join(networks) or "(none)"
            raise WrongUseError(f"this station is in {len(networks)} networks; name one: {known}")
        return homes[0]

    @property
    def trouble(self) -> str:
        """Why questions wait for what happened to a register, here or elsewhere; "" when they do not."""
        if self.register.problem:
            return self.register.problem
        networks = self.networks.current().values()
        withheld = [why for network in networks if (why := back.withheld(self.register, network))]
        owed = [f"{name} went back in its register; the steward looks with `station went-back`"
                for name in self.wayback.owed()]  # fmt: skip
        return "; ".join([*dict.fromkeys(withheld), *owed])

    def question(self, request: Request) -> tuple[Network, Mapping[str, Any]]:
        """The question that a request names. Raises WrongUseError, NetworkError."""
        network, name = self.network(request.network), request.question
        if name not in network.questions:
            raise unknown("question", name, f" in {network.name}", network.questions)
        return network, network.questions[name]


def stations(network: Network, named: Iterable[str]) -> list[str]:
    """Station ids, of ids or organisations."""
    ids = {member.organisation: name for name, member in network.stations.items()}
    return sorted({ids.get(name, name) for name in named})
