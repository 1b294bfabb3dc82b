"""Before a plan is made: who of a session is there, who is away for a moment, and which releases they run.

Nothing is used up by it: no allowance, no place, no frequency. Computing parties answer for themselves, and show what
contributors and result parties that poll them signed. Who is away and unknown to all of them holds nobody up: should it
come in time and not speak what the others chose, it says no itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..accepted.networks import Network
from ..base.journal import note
from ..base.refusal import DrainsError, RefusedError
from ..consent.plan import Plan, agreed_in
from ..releases import about, known
from ..releases.about import About
from ..releases.draining import Draining, Patience
from ..releases.known import Known
from ..wire.peers import CallFailedError, Peers
from . import alive
from .proposal import ProposalRefusedError


@dataclass(frozen=True)
class Meeting:
    """Those who meet: what each that could be asked said of its release, and why a computing party is not there."""

    said: Mapping[str, About]
    away: Mapping[str, str]
    refused: bool

    def agree(self, drafted: Plan) -> Plan:
        """The plan in the highest session protocol that all share, with the release of each.

        Raises ProposalRefusedError unless all computing parties are there, and all share a protocol and the analysis.
        """
        if self.away:
            raise ProposalRefusedError(self.away, self.refused)
        without = {name for name, one in self.said.items() if drafted.analysis not in one.analyses}
        if without:
            ahead = next(one for name, one in self.said.items() if name not in without)
            lacks, has = f"which does not have {drafted.analysis}", "which has it"
            raise ProposalRefusedError({one: _behind(self.said[one], lacks, ahead, has) for one in without}, True)
        shared = set.intersection(*({*one.protocols} for one in self.said.values()))
        if not shared:
            raise ProposalRefusedError(self._apart(), refused=True)
        return agreed_in(drafted, max(shared), {name: one.release for name, one in self.said.items()})

    def _apart(self) -> dict[str, str]:
        """Who is behind: those that share nothing with the newest, or else speak least."""
        rank = {name: (max(one.protocols, default=0), min(one.protocols, default=0)) for name, one in self.said.items()}
        ahead = self.said[max(rank, key=lambda name: rank[name])]
        apart = {name for name, one in self.said.items() if not {*one.protocols} & {*ahead.protocols}}
        least = {name for name in rank if rank[name] == min(rank.values())}
        behind = {name: self.said[name] for name in sorted(apart or least)}
        return {name: _behind(one, _speaks(one), ahead, _speaks(ahead)) for name, one in behind.items()}


class Meetings:
    """What this station asks before it proposes; `patience` is with those that drain."""

    def __init__(self, known: Known, draining: Draining, peers: Peers, patience: Patience) -> None:
        self._known = known
        self._draining = draining
        self._peers = peers
        self.patience = patience

    async def of(self, network: Network, drafted: Plan) -> Meeting:
        """Those whom a plan names that is to be proposed. Raises ProposalRefusedError while one of them drains.

        Raises DrainsError while this station does.
        """
        self._draining.check(network)
        parties, people = drafted.computing, drafted.participants
        asked = [party for party in parties if party != network.self_id]
        others = sorted(people - {*parties, network.self_id})
        shown: dict[str, Mapping[str, Any]] = {}
        if network.self_id in parties:
            shown.update(await self._known.of(network, others))
        first = [] if network.self_id in parties else asked[:1]
        answers = await self._ask_all(network, {one: others if one in first else [] for one in asked}, shown)
        if unknown := [one for one in others if one not in shown]:
            there = {party: unknown for party, told in answers.items() if not isinstance(told, CallFailedError)}
            answers |= await self._ask_all(network, {one: there[one] for one in there if one not in first}, shown)
        away = {party: told for party, told in answers.items() if isinstance(told, CallFailedError)}
        self._check_drains(network, parties, people, answers)
        said = {network.self_id: about.read(self._known.own(network), network, network.self_id)}
        for one, told in shown.items():
            if one in others or one in asked:
                said[one] = about.read(told, network, one)
        refused = any(error.refused for error in away.values())
        return Meeting(said, {party: error.why for party, error in away.items()}, refused)

    async def heard(self, network: Network, stations: Collection[str]) -> dict[str, str]:
        """The release that each of these signed that it runs, as far as one of the computing parties can show it."""
        shown: dict[str, Mapping[str, Any]] = {}
        for party in network.computes:
            if party != network.self_id and (wanted := [one for one in stations if one not in shown]):
                await self._ask_all(network, {party: wanted}, shown)
        return {one: about.read(shown[one], network, one).release for one in stations if one in shown}

    async def _ask_all(
        self, network: Network, wanted: Mapping[str, Sequence[str]], shown: dict[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, int] | CallFailedError]:
        """Who drains, by each party; what they show of themselves and of those that are `wanted` is put in `shown`."""

        async def ask(party: str, stations: Sequence[str]) -> dict[str, int] | CallFailedError:
            asking = self._peers.ask(network, party, {"kind": known.KIND}, {"stations": list(stations)})
            try:
                told, _ = await alive.unless_gone(asking, self._peers, network, party)
                drains = self._known.take(network, party, told)
            except alive.GoneError as error:
                return CallFailedError(party, str(error))
            except RefusedError as error:
                return CallFailedError(party, str(error), refused=True)
            except CallFailedError as error:
                return error
            shown[party] = {"about": told["about"], "signature": told["signature"]}
            _show(network, party, told.get("heard"), stations, shown)
            return drains

        found = await asyncio.gather(*(ask(*item) for item in wanted.items()))
        return dict(zip(wanted, found, strict=True))

    def _check_drains(
        self,
        network: Network,
        parties: Sequence[str],
        people: Collection[str],
        answers: Mapping[str, dict[str, int] | CallFailedError],
    ) -> None:
        """Raise ProposalRefusedError while one of `people` drains that is waited for yet, or computes."""
        drains = self._draining.of(network)
        for told in answers.values():
            if not isinstance(told, CallFailedError):
                drains = told | drains
        for party, told in answers.items():  # of itself each knows best
            if not isinstance(told, CallFailedError) and party not in told:
                drains.pop(party, None)
        drains.pop(network.self_id, None)  # what others heard of the agent before this one
        met = {one: seconds for one, seconds in drains.items() if one in people}
        waited = {one for one in met if self.patience.left(one) > 0}
        late = {one: str(DrainsError(one, met[one])) for one in met if one in waited or one in parties}
        if late:
            failed = [told for told in answers.values() if isinstance(told, CallFailedError) and told.peer not in met]
            reasons = {told.peer: told.why for told in failed}
            raise ProposalRefusedError({**reasons, **late}, any(told.refused for told in failed), waited)


def _behind(one: About, lacks: str, ahead: About, has: str) -> str:
    """A sentence on a station that cannot take part: both sides, and the way out.

    A station runs the release of its own region, after which it is named, also where it takes part in a federation.
    """
    region = one.station.rpartition(".")[0]
    way = f"bring {one.station} up with `werkplaats upgrade start {region} --to {ahead.release}`"
    return f"it runs release {one.release}, {lacks}; {ahead.station} runs {ahead.release}, {has}: {way}"


def _speaks(one: About) -> str:
    return f"which speaks session protocol {' and '.join(map(str, one.protocols)) or 'none'}"


def _show(
    network: Network, party: str, heard: object, stations: Sequence[str], shown: dict[str, Mapping[str, Any]]
) -> None:
    """Take what a party shows of others; what they did not sign is not taken."""
    for one in stations:
        told = heard.get(one) if isinstance(heard, dict) else None
        if told is None or one in shown:
            continue
        try:
            about.read(told, network, one)
        except RefusedError as error:
            note("release-unsigned", station=one, party=party, why=error)
        else:
            shown[one] = told
