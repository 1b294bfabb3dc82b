"""The sessions that this station computes in: answers to proposals, deposits, channels, and their limits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError
from ..base import background
from ..base.journal import note, plain
from ..consent import bundle, gate, plan, runs
from ..consent.plan import Plan, PlanRefusedError
from ..consent.seen import Seen
from ..station import Station
from ..wire.connection import LARGE, Connection, ConnectionLostError
from ..wire.frames import FrameError
from ..wire.hello import Caller
from .session import Session

T = TypeVar("T")
MOST = 4
MOST_CONTRIBUTIONS = 50
MEMORY = 512 * 1024 * 1024
START_WITHIN = 20.0
REMEMBER = plan.VALID + plan.CLOCK_SKEW + 60


class Sessions:
    """Sessions by id, from the answer to a proposal until the end."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._sessions: dict[str, Session] = {}
        self._seen = Seen(station.folders.state / "seen.json", REMEMBER)
        self._contributions: dict[str, Plan] = {}
        self._reading: dict[str, asyncio.Task[Any]] = {}
        self._ended: deque[dict[str, Any]] = deque(maxlen=20)

    @property
    def running(self) -> int:
        """How many sessions this station computes in now, answered proposals included."""
        return len(self._sessions)

    def last(self, network: str) -> dict[str, Any] | None:
        """The last session of `network` that this station had a part in since it started."""
        return next((row for row in reversed(self._ended) if row["network"] == network), None)

    def remember(self, network: Network, session: str, outcome: str, root: str = "", reason: str = "") -> None:
        """Keep how a session ended, for `status`."""
        row = {"network": network.name, "session": session, "outcome": outcome, "root": root, "reason": reason}
        self._ended.append({**row, "ended": int(time.time())})

    def contributed(self, agreed: Plan) -> bool:
        """Remember that this station contributes to a plan; False when it did before."""
        if not self._seen.add(f"contributes {agreed.session}"):
            return False
        self._contributions[agreed.session] = agreed
        for session in list(self._contributions)[:-MOST_CONTRIBUTIONS]:
            del self._contributions[session]
        return True

    async def once(self, agreed: Plan, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `read()` gives; each computing party asks for the contribution, and the data are read for the first."""
        reading = self._reading.get(agreed.digest)
        if reading is None:
            reading = self._reading[agreed.digest] = asyncio.create_task(read())
            reading.add_done_callback(lambda _: self._reading.pop(agreed.digest, None))
        found: T = await asyncio.shield(reading)
        return found

    async def propose(self, connection: Connection, caller: Caller) -> None:
        """Answer a proposal; after the bundle of all answers, compute, and tell the proposer how it goes."""
        network = caller.network
        content, _ = await connection.receive(LARGE)
        proposed, _ = bundle.parse_proposal(content, network, caller.peer)
        session, reason = None, ""
        try:
            session = self._reserve(proposed, network)
        except PlanRefusedError as error:
            reason = str(error)
            note("proposal-refused", session=proposed.session, proposer=caller.peer, why=reason)
        try:
            facts = {"session": proposed.session, "plan": proposed.digest, "question": proposed.question}
            self._station.register.add("answer", **facts, proposer=caller.peer, accepted=not reason, reason=reason)
            head = self._register_head(content.get("heard"))
            answer = bundle.sign_answer(self._station.key, proposed.digest, network.self_id, reason, head)
            await connection.send(answer)
            if session is None:
                return
            content, _ = await connection.receive(LARGE, timeout=START_WITHIN)
            agreed = bundle.parse(content, network, proposed)
        except (ConnectionLostError, FrameError, PlanRefusedError):
            if session is not None:
                self._release(session)
            raise
        background.start(self._run(session, agreed))
        await session.narrate(connection)

    async def channel(self, connection: Connection, caller: Caller) -> None:
        """Take the connection of a computing party with a lower number for its session."""
        session = self._find(caller)
        session.check_channel(caller.peer)
        await connection.send({"ok": True})
        session.take_channel(caller.peer, connection.detach())

    def expected_body(self, caller: Caller) -> int:
        """Bytes of the deposit that `caller` may bring. Raises PlanRefusedError when none is expected."""
        session = self._find(caller)
        session.intake.check(caller.peer)
        return session.plan.body_length

    def deposit(self, caller: Caller, body: bytes) -> None:
        """Take the shares of a contributor. Raises PlanRefusedError."""
        self._find(caller).intake.deposit(caller.peer, str(caller.request.get("tag")), body)

    def decline(self, caller: Caller, content: Mapping[str, Any]) -> None:
        """A computing party does not contribute to a session that it computes in. Raises PlanRefusedError."""
        self._find(caller).intake.decline(caller.peer, plain(content.get("reason")))

    def receipt(self, caller: Caller, content: Mapping[str, Any]) -> None:
        """Take a computing party's signed report of a session that this station contributed to."""
        report = content.get("report")
        if not isinstance(report, dict) or report.get("party") != caller.peer:
            raise PlanRefusedError("report: not that of who sends it")
        agreed = self._contributions.get(str(report.get("session")))
        if agreed is None or report.get("plan") != agreed.digest or caller.peer not in agreed.computing:
            raise PlanRefusedError("report: of no session that this station contributed to lately")
        member = caller.network.stations[caller.peer]
        try:
            statement.verify(member.statement_key, statement.ENDED, report, content.get("signature"))
        except StatementError as error:
            raise PlanRefusedError(f"report: {error}") from error
        facts = {"session": agreed.session, "plan": agreed.digest, "question": agreed.question}
        outcome = plain(report.get("outcome"), 20)
        self._station.register.add("receipt", **facts, party=caller.peer, outcome=outcome)
        computes = caller.network.is_computing(caller.network.self_id)
        if outcome == "done" and agreed.question != plan.ACCEPTANCE and not computes:
            self._station.runs.add(agreed, {})

    async def tell_again(self, network: Network, peer: str) -> None:
        """A contributor without inbound port just came back: tell it of sessions that still wait for it."""
        for session in list(self._sessions.values()):
            if session.network.name == network.name and session.waits_for(peer):
                await session.tell_contributor(peer)

    def _register_head(self, heard: object) -> dict[str, Any]:
        """The head of the register, and what it says now about the head that the proposer heard of before."""
        register = self._station.register
        if not isinstance(heard, dict):
            return register.head
        number = heard.get("entries")
        return {**register.head, "heard": {"entries": number, "digest": register.digest_at(number)}}

    def _reserve(self, proposed: Plan, network: Network) -> Session:
        gate.check(self._station, network, proposed)
        if not network.is_computing(network.self_id):
            raise PlanRefusedError(f"{network.self_id} is not a computing party")
        if any(runs.meet(session.plan, proposed) for session in self._sessions.values()):
            # Neither would know what the other opens, so that the two could be subtracted from each other.
            raise PlanRefusedError("session: a question about some of the same is being answered; ask again after it")
        if len(self._sessions) >= MOST:
            raise PlanRefusedError(f"this station computes in {MOST} sessions already; try again later")
        needed = sum(_memory(session.plan) for session in self._sessions.values()) + _memory(proposed)
        if needed > MEMORY:
            raise PlanRefusedError("the shares of all running sessions would not fit in this station's memory")
        if not self._seen.add(f"computes {proposed.session}"):
            raise PlanRefusedError("session: this id was used before")
        session = self._sessions[proposed.session] = Session(self._station, network, proposed)
        return session

    async def _run(self, session: Session, agreed: bundle.Bundle) -> None:
        try:
            report = await session.run(agreed)
            outcome = (report["outcome"], report["root"], report["reason"])
            self.remember(session.network, session.plan.session, *outcome)
        finally:
            self._release(session)

    def _release(self, session: Session) -> None:
        self._sessions.pop(session.plan.session, None)
        session.close()

    def _find(self, caller: Caller) -> Session:
        request: Mapping[str, Any] = caller.request
        session = self._sessions.get(str(request.get("session")))
        if session is None or session.network.name != caller.network.name:
            raise PlanRefusedError("session: none with this id is running here")
        if request.get("plan") != session.plan.digest:
            raise PlanRefusedError("plan: another one was accepted under this session id")
        return session


def _memory(agreed: Plan) -> int:
    return agreed.body_length * len(agreed.contributors)
