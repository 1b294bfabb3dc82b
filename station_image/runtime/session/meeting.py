"""Before a plan is made: who of a session is there, who is away for a moment, and which releases they run.

Nothing is used up by it: no allowance, no place, no frequency. Computing parties answer for themselves, and show what
contributors and result parties that poll them signed. Who is away and unknown to all of them holds nobody up: should it
come in time and not speak what the others chose, it says no itself.

The word of one station decides about that station alone: it can leave itself out, and name itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..accepted.networks import Network
from ..base.journal import note
from ..base.refusal import DrainsError, RefusedError
from ..consent.plan import Plan, agreed_in
from ..releases import known
from ..releases.about import About
from ..releases.draining import Draining, Patience
from ..releases.known import Known
from ..wire.peers import CallFailedError, Peers
from . import alive
from .proposal import ProposalRefusedError


@dataclass(frozen=True)
class Meeting:
    """Those who meet: what each that is known said of its release, and why a computing party is not there."""

    network: Network
    said: Mapping[str, About]
    away: Mapping[str, str]
    refused: bool

    def agree(self, drafted: Plan) -> Plan:
        """The plan in the session protocol that all share who are needed, with the release of each.

        Raises ProposalRefusedError unless all computing parties are there, and they, the proposer and result parties
        have that protocol and the analysis, and contributors enough.
        """
        if self.away:
            raise ProposalRefusedError(self.away, self.refused)
        unable = self._unable(drafted)
        needed = {one: unable[one] for one in unable.keys() & _needed(drafted)}
        if needed or len(drafted.contributors) - len(unable) < drafted.minimum_contributors:
            raise ProposalRefusedError(needed or unable, refused=True)
        return agreed_in(drafted, self._protocol(drafted), {name: one.release for name, one in self.said.items()})

    def left_out(self, drafted: Plan) -> dict[str, str]:
        """The contributors that cannot take part, and why."""
        return {one: why for one, why in self._unable(drafted).items() if one not in _needed(drafted)}

    def _unable(self, drafted: Plan) -> dict[str, str]:
        """Who cannot take part: why, and the way out."""
        protocol, found = self._protocol(drafted), {}
        for one in drafted.participants & self.said.keys():
            about = self.said[one]
            if drafted.analysis not in about.analyses:
                found[one] = self._behind(about, f"which does not have {drafted.analysis}")
            elif protocol not in about.protocols:
                speaks = " and ".join(map(str, sorted(about.protocols))) or "none"
                lacks = f"which speaks session protocol {speaks}, where this session is in {protocol}"
                found[one] = self._behind(about, lacks)
        return found

    def _protocol(self, drafted: Plan) -> int:
        """The one that most of those speak who are in every session, of these that of most others, then the highest.

        So that no single one has the others be those that are behind.
        """
        kinds = ({drafted.proposer, *drafted.computing}, {*drafted.results}, {*drafted.contributors})
        speak = [[{*self.said[one].protocols} for one in kind & self.said.keys()] for kind in kinds]

        def rank(protocol: int) -> tuple[int, ...]:
            return *(sum(protocol in one for one in kind) for kind in speak), protocol

        return max(set[int]().union(*speak[0]), key=rank)

    def _behind(self, one: About, lacks: str) -> str:
        """A sentence on a station that cannot take part; the way out is what the definition names, nobody's word."""
        region, release = self.network.stations[one.station].home, self.network.release or "RELEASE"
        way = f"bring {one.station} up with `werkplaats upgrade start {region} --to {release}`"
        return f"it runs release {one.release}, {lacks}: {way}"


class Meetings:
    """What this station asks before it proposes; `patience` is with those that drain."""

    def __init__(self, known: Known, draining: Draining, peers: Peers, patience: Patience) -> None:
        self._known = known
        self._draining = draining
        self._peers = peers
        self.patience = patience

    async def of(self, network: Network, drafted: Plan, patience: Patience | None = None) -> Meeting:
        """Those whom a plan names that is to be proposed. Raises ProposalRefusedError while one of them drains.

        Raises DrainsError while this station does. `patience`: that of one proposal.
        """
        self._draining.check(network)
        parties, people = drafted.computing, drafted.participants
        others = sorted(people - {*parties, network.self_id})
        asked = [self._ask(network, party, others) for party in parties if party != network.self_id]
        own = self._known.refresh(network, others if network.self_id in parties else [])
        _, *answers = await asyncio.gather(own, *asked)
        away = [error for error in answers if error is not None]
        said = self._known.said(network, people)
        self._check_drains(said, parties, away, patience or self.patience)
        return Meeting(network, said, {error.peer: error.why for error in away}, any(error.refused for error in away))

    async def heard(self, network: Network, stations: Collection[str]) -> dict[str, str]:
        """The release that each of these signed that it runs, as far as it or one of the computing parties shows it."""
        wanted = sorted(stations)
        await asyncio.gather(
            *(self._ask(network, party, wanted) for party in network.computes if party != network.self_id)
        )
        return {one: about.release for one, about in self._known.said(network, stations).items() if one in stations}

    async def _ask(self, network: Network, party: str, stations: Sequence[str]) -> CallFailedError | None:
        """Hear what a party says of itself, and shows of others; why it is not there."""
        asking = self._peers.ask(network, party, {"kind": known.KIND}, {"stations": stations})
        try:
            told, _ = await alive.unless_gone(asking, self._peers, network, party)
            self._known.take(network, party, told)
        except alive.GoneError as error:
            return CallFailedError(party, str(error))
        except RefusedError as error:
            return CallFailedError(party, str(error), refused=True)
        except CallFailedError as error:
            return error
        self._show(network, party, told.get("heard"))
        return None

    def _show(self, network: Network, party: str, heard: object) -> None:
        """Take what a party shows of others; what they did not sign is not taken."""
        for one, told in heard.items() if isinstance(heard, dict) else ():
            if one in (party, network.self_id) or one not in network.stations:
                continue  # of itself each knows best
            try:
                self._known.show(network, one, told)
            except RefusedError as error:
                note("release-unsigned", station=one, party=party, why=error)

    def _check_drains(
        self, said: Mapping[str, About], parties: Collection[str], away: Sequence[CallFailedError], patience: Patience
    ) -> None:
        """Raise ProposalRefusedError while one of those drains that is waited for yet, or computes."""
        drains = {one: about.left for one, about in said.items() if about.left}
        waited = {one for one in drains if patience.left(one) > 0}
        late = {one: str(DrainsError(one, drains[one])) for one in drains if one in waited or one in parties}
        if late:
            failed = [error for error in away if error.peer not in drains]
            reasons = {error.peer: error.why for error in failed}
            raise ProposalRefusedError({**reasons, **late}, any(error.refused for error in failed), waited)


def _needed(drafted: Plan) -> set[str]:
    """Those without whom there is no session."""
    return {drafted.proposer, *drafted.computing, *drafted.results}
