"""The sessions that this station computes in: answers to proposals, deposits, channels, and their limits."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ..accepted.networks import Network
from ..accepted.statement import StatementKey
from ..base import background
from ..base.journal import note, plain
from ..base.refusal import BusyError, RefusedError
from ..consent import bundle, opened, plan
from ..consent.gate import Gate
from ..consent.plan import Plan
from ..consent.register import Register
from ..consent.seen import Seen
from ..data import seal
from ..wire.answers import Answers
from ..wire.budget import Rates
from ..wire.connection import LARGE, Connection, ConnectionLostError
from ..wire.frames import FrameError
from ..wire.hello import Caller
from ..wire.peers import Peers
from . import alive
from .past import Past
from .session import Session
from .turns import Turns

Make = Callable[[Network, Plan], Session]
Witness = Callable[[Network, Plan], Awaitable[None]]
"""Raises RefusedError where the register of a computing party is not the one that this station heard of."""
Begins = Callable[[Network], None]
"""Raises DrainsError while no new session begins here."""
MOST, MOST_OF_ONE = 4, 3
"""Sessions about data at once, and of one proposer."""
ACCEPTANCE_MOST, ACCEPTANCE_OF_ONE = 3, 2
"""The same for acceptance, which needs nobody's consent: it takes no place of a question."""
KEEPS_PLACE = 20.0
"""Seconds that the only place of a proposer in acceptance is its own while others have none; a sum takes one or two."""
MADE_WAY = "its place was given to a station that had none; try again"
PROPOSALS = 60, 0.5
"""Each proposer: so many proposals at once, then one in so many seconds."""
MEMORY = plan.MEMORY
"""Bytes of shares that all running sessions hold in the computer."""
START_WITHIN = 20.0
REMEMBER = plan.VALID + plan.CLOCK_SKEW + 60


async def _nobody(_: Network, __: Plan) -> None:
    return


def _always(_: Network) -> None:
    return


class Sessions:
    """Sessions by id, from the answer to a proposal until the end."""

    def __init__(
        self,
        make: Make,
        key: StatementKey,
        gate: Gate,
        seen: Seen,
        register: Register,
        past: Past,
        peers: Peers,
        witness: Witness = _nobody,
        begins: Begins = _always,
    ) -> None:
        self._make = make
        self._begins = begins
        self._witness = witness
        self._key = key
        self._gate = gate
        self._seen = seen
        self._register = register
        self._past = past
        self._peers = peers
        self._sessions: dict[str, Session] = {}
        self._since: dict[str, float] = {}
        self._deposit_at_most = 0
        self._proposals = Rates(*PROPOSALS)
        self._turns = Turns()

    def answer_in(self, answers: Answers) -> None:
        """Answer proposers, contributors and other computing parties."""
        self._deposit_at_most = answers.budget.most
        answers.add_stream("propose", self._propose)
        answers.add_stream("channel", self._channel)
        answers.add("deposit", self._deposit, self._expected_body)
        answers.add("decline", self._decline)
        answers.add(alive.KIND, self._alive)

    @property
    def running(self) -> int:
        """How many sessions this station computes in now, answered proposals included."""
        return len(self._sessions)

    @property
    def going(self) -> set[str]:
        """Their ids."""
        return set(self._sessions)

    async def _propose(self, connection: Connection, caller: Caller) -> None:
        """Answer a proposal; after the bundle of all answers, compute, and tell the proposer how it goes."""
        network = caller.network
        if wait := self._proposals.allow(caller.peer):
            raise BusyError(f"proposals: more than a station may make at once; ask again in {math.ceil(wait)} s")
        content, _ = await connection.receive(LARGE)
        self._begins(network)
        proposed, _ = bundle.parse_proposal(content, network, caller.peer)
        session, reason = None, ""
        try:
            session = self._reserve(proposed, network)
        except RefusedError as error:
            reason = str(error)
            note("proposal-refused", session=proposed.session, proposer=caller.peer, why=reason)
        try:
            self._enter(network, proposed, reason)
            head = self._register_head(content.get("heard"))
            public = b"" if session is None else session.public_key
            answer = bundle.sign_answer(self._key, proposed.digest, network.self_id, reason, head, public)
            await connection.send(answer)
            self._register.weigh(content.get("heard"), caller.peer)
            if session is None:
                return
            agreed = await self._brought(connection, network, proposed)
            await self._witness(network, proposed)
            if proposed.session not in self._sessions:
                raise BusyError(f"session: {MADE_WAY}")
        except (ConnectionLostError, FrameError, RefusedError, alive.GoneError) as error:
            root = "" if isinstance(error, RefusedError) else caller.peer
            if session is not None:
                self._past.add(network, proposed.session, "failed", root, f"it was not begun: {error}")
                self._release(session)
            if isinstance(error, alive.GoneError):
                raise ConnectionLostError(f"{caller.peer}: {error}") from error
            raise
        background.start(self._run(session, agreed))
        await session.narrate(connection)

    async def _brought(self, connection: Connection, network: Network, proposed: Plan) -> bundle.Bundle:
        """What the proposer brings once all have answered. Raises GoneError when it is not there any more."""
        bringing = connection.receive(LARGE, timeout=START_WITHIN)
        content, _ = await alive.unless_gone(bringing, self._peers, network, proposed.proposer)
        if "withdrawn" in content:
            raise RefusedError(f"session: {proposed.proposer} withdrew it ({plain(content['withdrawn'])})")
        return bundle.parse(content, network, proposed)

    def _enter(self, network: Network, proposed: Plan, reason: str) -> None:
        """What was answered to a proposal, in the register."""
        acceptance = proposed.question == plan.ACCEPTANCE
        if reason:
            known = proposed.question if acceptance or proposed.question in network.questions else ""
            self._register.add_refused(proposed.proposer, known, reason, **proposed.facts)
        else:
            told = {"proposer": proposed.proposer, "accepted": True, "reason": ""}
            self._register.add_asked("answer", proposed.proposer, acceptance, **proposed.facts, **told)

    async def _channel(self, connection: Connection, caller: Caller) -> None:
        """Take the connection of a computing party with a lower number for its session."""
        session = self._find(caller)
        session.check_channel(caller.peer)
        await connection.send({"ok": True})
        session.take_channel(caller.peer, connection.detach())

    def _expected_body(self, caller: Caller) -> int:
        """Bytes of the deposit that `caller` may bring. Raises RefusedError when none is expected."""
        session = self._find(caller)
        session.intake.check(caller.peer)
        return session.plan.body_length + seal.OVERHEAD

    async def _deposit(self, caller: Caller, content: Mapping[str, Any], body: bytes) -> None:
        """Take the shares of a contributor. Raises RefusedError."""
        tag = str(caller.request.get("tag"))
        session = self._find(caller)
        if "register" in content:
            session.keep_head(caller.peer, content["register"])
        await session.intake.room(len(body))
        session.deposit(caller.peer, tag, content.get("signature"), body)

    async def _decline(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> None:
        """A computing party does not contribute to a session that it computes in. Raises RefusedError."""
        self._find(caller).intake.decline(caller.peer, plain(content.get("reason")))

    async def _alive(self, caller: Caller, _: Mapping[str, Any], __: bytes) -> dict[str, Any]:
        """Whether this station computes in a session still, and how it ended where it did."""
        network, name = caller.network.name, str(caller.request.get("session"))
        running = self._sessions.get(name)
        past = self._past.of(network, name) or {}
        ended = {"known": bool(past), "root": past.get("root", ""), "reason": past.get("reason", "")}
        return {"running": running is not None and running.network.name == network, **ended}

    async def tell_again(self, network: Network, peer: str) -> None:
        """A contributor without inbound port just came back: tell it of sessions that still wait for it."""
        for session in list(self._sessions.values()):
            if session.network.name == network.name and session.waits_for(peer):
                await session.tell_contributor(peer)

    def part(self, network: str, station: str) -> None:
        """`station` left a network: no session with it goes on."""
        for session in list(self._sessions.values()):
            if session.network.name == network and station in session.plan.participants:
                session.part(station)

    def _register_head(self, heard: object) -> dict[str, Any]:
        """The head of the register, and what it says now about the head that the proposer heard of before."""
        register = self._register
        if not isinstance(heard, dict):
            return register.signed_head
        number = heard.get("entries")
        return {**register.signed_head, "heard": {"entries": number, "digest": register.digest_at(number)}}

    def _reserve(self, proposed: Plan, network: Network) -> Session:
        if not network.is_computing(network.self_id):
            raise RefusedError(f"{network.self_id} is not a computing party")
        self._gate.check(network, proposed)
        if network.self_id not in proposed.computing:
            raise RefusedError(f"computing: {network.self_id} is not in the set that this plan names")
        if running := [one.plan for one in self._sessions.values() if opened.meet(one.plan, proposed)]:
            # Neither would know what the other opens, so that the two could be subtracted from each other.
            if any(plan.proposer != proposed.proposer for plan in running):
                self._turns.wait(proposed, running=True)
            raise RefusedError("session: a question about some of the same is being answered; ask again after it")
        if self._turns.before(proposed):
            self._turns.wait(proposed, running=False)
            raise RefusedError("session: another organisation asked about some of the same first; ask again after it")
        needed = sum(_memory(session.plan) for session in self._sessions.values()) + _memory(proposed)
        if needed > MEMORY or proposed.body_length + seal.OVERHEAD > self._deposit_at_most:
            raise RefusedError("the shares of all running sessions would not fit in this station's memory")
        self._check_place(proposed)
        if not self._seen.add(f"computes {proposed.session}"):
            raise RefusedError("session: this id was used before")
        self._turns.begin(proposed)
        session = self._sessions[proposed.session] = self._make(network, proposed)
        self._since[proposed.session] = time.monotonic()
        return session

    def _check_place(self, proposed: Plan) -> None:
        """Raise BusyError unless there is a place for one more session of this kind, and of this proposer."""
        acceptance = proposed.question == plan.ACCEPTANCE
        kind = " acceptance" if acceptance else ""
        most, most_of_one = (ACCEPTANCE_MOST, ACCEPTANCE_OF_ONE) if acceptance else (MOST, MOST_OF_ONE)
        like = [one.plan for one in self._sessions.values() if (one.plan.question == plan.ACCEPTANCE) == acceptance]
        if len(like) >= most and not (acceptance and self._make_way(like, proposed.proposer)):
            raise BusyError(f"this station computes in {most}{kind} sessions already; try again later")
        if sum(one.proposer == proposed.proposer for one in like) >= most_of_one:
            raise BusyError(f"this station computes in {most_of_one}{kind} sessions of {proposed.proposer} already")

    def _make_way(self, like: Sequence[Plan], proposer: str) -> bool:
        """End one of `like` for a proposer that has none: the newest of who has most, or the oldest that is long there.

        By what the plans say, so that all computing parties end the same one.
        """
        held = Counter(one.proposer for one in like)
        if proposer in held:
            return False
        most, until = max(held.values()), time.monotonic() - KEEPS_PLACE
        by_age = sorted(like, key=lambda one: (one.proposed, one.session))
        crowded = [one for one in by_age if most > 1 and held[one.proposer] == most]
        lasting = [one for one in by_age if self._since[one.session] <= until]
        if not (crowded or lasting):
            return False
        ending = crowded[-1] if crowded else lasting[0]
        note("session-made-way", session=ending.session, proposer=ending.proposer, by=proposer)
        self._sessions.pop(ending.session).end(MADE_WAY)
        return True

    async def _run(self, session: Session, agreed: bundle.Bundle) -> None:
        try:
            report = await session.run(agreed)
            outcome = (report["outcome"], report["root"], report["reason"])
            self._past.add(session.network, session.plan.session, *outcome)
        finally:
            self._release(session)

    def _release(self, session: Session) -> None:
        self._sessions.pop(session.plan.session, None)
        self._since.pop(session.plan.session, None)
        self._turns.end(session.plan)
        session.close()

    def _find(self, caller: Caller) -> Session:
        request: Mapping[str, Any] = caller.request
        session = self._sessions.get(str(request.get("session")))
        if session is None or session.network.name != caller.network.name:
            raise RefusedError("session: none with this id is running here")
        if request.get("plan") != session.plan.digest:
            raise RefusedError("plan: another one was accepted under this session id")
        return session


def _memory(agreed: Plan) -> int:
    return agreed.body_length * len(agreed.contributors)
