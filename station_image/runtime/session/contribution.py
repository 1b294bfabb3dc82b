"""What a contributor does with a plan that all computing parties accepted: check, share out, deposit, hear the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from .. import analyses
from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError, StatementKey
from ..base import background
from ..base.folders import Folders
from ..base.journal import note, plain
from ..base.refusal import RefusedError
from ..consent import bundle as bundles
from ..consent import plan
from ..consent.bundle import Bundle
from ..consent.gate import Gate
from ..consent.opened import Opened
from ..consent.plan import Plan
from ..consent.register import Register
from ..consent.seen import Seen
from ..data import cells, editions, repeats, shares
from ..data.seal import SealError
from ..wire.answers import Answers
from ..wire.connection import LARGE
from ..wire.hello import Caller
from ..wire.peers import CallFailedError, Peers
from . import alive, sealed
from .past import Past

T = TypeVar("T")
RETRY = 0.5
STRAGGLERS = 5.0
"""Seconds in which the other parties tell how a session ended, once one did."""
MOST = 50
"""Contributions whose reports are still taken."""


def _always(_: Network, __: int) -> None:
    return


class Contributions:
    """What this station contributes to, whether it computes in it or not."""

    def __init__(
        self,
        key: StatementKey,
        folders: Folders,
        gate: Gate,
        seen: Seen,
        register: Register,
        opened: Opened,
        peers: Peers,
        past: Past,
        joins: Callable[[Network, int], None] = _always,
    ) -> None:
        self._key = key
        self._folders = folders
        self._gate = gate
        self._seen = seen
        self._register = register
        self._opened = opened
        self._peers = peers
        self._past = past
        self._joins = joins
        self._plans: dict[str, tuple[Plan, str]] = {}
        self._receipts: dict[str, dict[str, bool]] = {}
        """Of each session, the parties that told how it ended, and whether it counts for them."""
        self._reading: dict[str, asyncio.Task[Any]] = {}
        self._until: dict[str, float] = {}
        """Until when each session that this station contributes to, and does not compute, can be going on."""

    def answer_in(self, answers: Answers) -> None:
        """Answer computing parties: when a session starts, and when it ended."""
        answers.add("start", self._start, content=LARGE)
        answers.add("receipt", self._receipt, content=LARGE)

    @property
    def going(self) -> set[str]:
        """The sessions that this station contributes to, and does not compute, as far as it knows."""
        now = time.monotonic()
        self._until = {session: until for session, until in self._until.items() if until > now}
        return set(self._until)

    async def begin(self, network: Network, bundle: Bundle) -> None:
        """Check `bundle`, read the data and contribute in the background; one that was seen before is left alone.

        Raises RefusedError with the reason when this station does not take part.
        """
        if network.self_id not in bundle.plan.contributors:
            raise RefusedError(f"contributors: {network.self_id} is not one of them")
        agreed = bundle.plan
        self._gate.check(network, agreed)
        if self._plans.get(agreed.session, (None, ""))[0] == agreed:
            return  # another computing party asked before: the data are read once
        if network.self_id not in agreed.computing:
            self._joins(network, agreed.proposed)
            self._until[agreed.session] = time.monotonic() + agreed.intake + agreed.deadline
        try:
            await self._bring_once(network, bundle)
        except BaseException:
            self._until.pop(agreed.session, None)
            raise

    async def _bring_once(self, network: Network, bundle: Bundle) -> None:
        """Read the data, and contribute in the background unless that was begun. Raises RefusedError."""
        agreed = bundle.plan
        try:
            brought = await self._once(agreed, lambda: asyncio.to_thread(self._bring, network, agreed))
        except ValueError as error:
            # What is wrong with the data is for the organisation's own people, not for who asks.
            note("data-refused", session=agreed.session, question=agreed.question)
            where = f"`station data {agreed.question}` there says why"
            raise RefusedError(f"data: its files cannot be used; {where}") from error
        if agreed.question != plan.ACCEPTANCE:
            self._opened.check_own(agreed, network.self_id, editions.in_tag(brought[1]))
        if self._first(agreed, brought[1]):
            background.start(self._contribute(network, bundle, *brought))

    async def _start(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> None:
        """A computing party brings a plan that all computing parties accepted: contribute to it."""
        if not caller.network.is_computing(caller.peer):
            raise RefusedError(f"{caller.peer} is not a computing party")
        bundle = bundles.parse(dict(content), caller.network)
        if caller.peer not in bundle.plan.computing:
            raise RefusedError(f"computing: {caller.peer} is not in the set that this plan names")
        await self.begin(caller.network, bundle)

    async def _receipt(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> None:
        """Take a computing party's signed report of a session that this station contributed to."""
        report = content.get("report")
        if not isinstance(report, dict) or report.get("party") != caller.peer:
            raise RefusedError("report: not that of who sends it")
        agreed, tag = self._plans.get(str(report.get("session")), (None, ""))
        if agreed is None or report.get("plan") != agreed.digest or caller.peer not in agreed.computing:
            raise RefusedError("report: of no session that this station contributed to lately")
        member = caller.network.stations[caller.peer]
        try:
            statement.verify(member.statement_key, statement.ENDED, report, content.get("signature"))
        except StatementError as error:
            raise RefusedError(f"report: {error}") from error
        if caller.peer in self._receipts[agreed.session]:
            return
        told_by = self._receipts[agreed.session]
        outcome, acceptance = plain(report.get("outcome"), 20), agreed.question == plan.ACCEPTANCE
        counts = outcome == "done" or report.get("counts") is True
        told_by[caller.peer] = counts
        if agreed.session in self._until:
            late = 0.0 if told_by.keys() == set(agreed.computing) else STRAGGLERS
            self._until[agreed.session] = min(self._until[agreed.session], time.monotonic() + late)
        told = {"party": caller.peer, "outcome": outcome, "counts": counts}
        self._register.add_asked("receipt", caller.peer, acceptance, **agreed.facts, **told)
        if not _learns_of_it(caller.network, agreed):
            return
        if counts:
            self._opened.add(agreed, {caller.network.self_id: editions.in_tag(tag)}, computed=False)
        elif self._failed(agreed):
            self._opened.forget(agreed)  # of these one is honest, and would have had to help

    def _failed(self, agreed: Plan) -> bool:
        """Whether more parties than can lie together say that nothing was opened, and none that something was."""
        told = [*self._receipts.get(agreed.session, {}).values()]
        return told.count(False) > agreed.threshold and True not in told

    def _first(self, agreed: Plan, tag: str) -> bool:
        """Remember that this station contributes to a plan; False when it did before."""
        if not self._seen.add(f"contributes {agreed.session}"):
            return False
        self._plans[agreed.session], self._receipts[agreed.session] = (agreed, tag), {}
        # Of each kind by itself: acceptance, which anybody may propose, does not push out what is about data.
        acceptance = agreed.question == plan.ACCEPTANCE
        like = [name for name, (one, _) in self._plans.items() if (one.question == plan.ACCEPTANCE) == acceptance]
        for session in like[:-MOST]:
            del self._plans[session], self._receipts[session]
        return True

    async def _once(self, agreed: Plan, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `read()` gives; each computing party asks for the contribution, and the data are read for the first."""
        reading = self._reading.get(agreed.digest)
        if reading is None:
            reading = self._reading[agreed.digest] = asyncio.create_task(read())
            reading.add_done_callback(lambda _: self._reading.pop(agreed.digest, None))
        found: T = await asyncio.shield(reading)
        return found

    def _bring(self, network: Network, agreed: Plan) -> tuple[list[int], str]:
        """What is shared, and the tag of this submission."""
        data = None if agreed.question == plan.ACCEPTANCE else self._folders.data(network.name, agreed.question)
        right = repeats.said(self._folders.state, network.name, agreed.question)
        source = analyses.Source(agreed.session, network.self_id, agreed.parameters, data, right)
        inputs, rows = analyses.bring(agreed.analysis, source)
        stated = analyses.cells_of(agreed.analysis, agreed.parameters)
        columns = list(analyses.find(agreed.analysis).columns(agreed.parameters))
        counted = cells.counted(stated, columns, rows)
        asked = [agreed.analysis, agreed.parameters]
        return inputs, editions.tag(editions.of(inputs, rows, counted, asked, self._folders.state))

    async def _contribute(self, network: Network, bundle: Bundle, inputs: list[int], tag: str) -> None:
        """Share out this station's inputs and bring each computing party its shares, until the intake is over.

        The tag is the same towards all parties: shares of two different submissions are never mixed.
        """
        agreed = bundle.plan
        until = time.monotonic() + agreed.intake
        rows = await asyncio.to_thread(lambda: shares.split(inputs, agreed.threshold, len(agreed.computing)))
        if gone := [party for party in agreed.computing if not self._peers.still(network, party)]:
            note("contribution-stopped", session=agreed.session, gone=",".join(gone))
            self._until.pop(agreed.session, None)
            return
        if _learns_of_it(network, agreed):
            self._opened.expect(agreed, {network.self_id: editions.in_tag(tag)})
        outcomes = await asyncio.gather(
            *(
                self._deposit(network, bundle, party, tag, shares.pack(row), until)
                for party, row in zip(agreed.computing, rows, strict=True)
            )
        )
        if not any(outcomes):
            self._until.pop(agreed.session, None)
        if network.self_id not in agreed.computing:
            self._past.add(network, agreed.session, "contributed" if all(outcomes) else "contributed in part")
        acceptance = agreed.question == plan.ACCEPTANCE
        told = {**agreed.facts, **agreed.ran, "parties": sum(outcomes)}
        self._register.add_asked("contributed", agreed.proposer, acceptance, **told)
        note("contributed", session=agreed.session, parties=sum(outcomes), of=len(outcomes))

    async def _deposit(self, network: Network, bundle: Bundle, party: str, tag: str, body: bytes, until: float) -> bool:
        agreed = bundle.plan
        request = {"kind": "deposit", "session": agreed.session, "plan": agreed.digest, "tag": tag}
        try:
            body, signature = sealed.deposit(self._key, agreed, network.self_id, party, bundle.key(party), tag, body)
        except SealError as error:
            note("deposit-failed", session=agreed.session, party=party, why=error)
            return False
        content = {"signature": signature, "register": self._register.signed_head}
        while True:
            try:
                asking = self._peers.ask(network, party, request, content, body)
                await alive.unless_gone(asking, self._peers, network, party)
            except (CallFailedError, alive.GoneError) as error:
                refused = isinstance(error, CallFailedError) and error.refused
                if refused or self._failed(agreed) or time.monotonic() + RETRY > until:
                    why = error.why if isinstance(error, CallFailedError) else error
                    note("deposit-failed", session=agreed.session, party=party, why=why)
                    return False
                await asyncio.sleep(RETRY)
            else:
                return True


def _learns_of_it(network: Network, agreed: Plan) -> bool:
    """Whether this station knows from others only what of its data was opened."""
    return agreed.question != plan.ACCEPTANCE and network.self_id not in agreed.computing
