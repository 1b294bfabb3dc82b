"""The sessions that this station computes in: answers to proposals, deposits, channels, and their limits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from . import background, bundle, plan
from .connection import LARGE, Connection, ConnectionLostError
from .frames import FrameError
from .hello import Caller
from .journal import note
from .networks import Network
from .plan import Plan, PlanRefusedError
from .seen import Seen
from .session import Session
from .station import Station

MOST = 4
MEMORY = 512 * 1024 * 1024
START_WITHIN = 20.0
REMEMBER = plan.VALID + plan.CLOCK_SKEW + 60


class Sessions:
    """Sessions by id, from the answer to a proposal until the end."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._sessions: dict[str, Session] = {}
        self._seen = Seen(station.folders.state / "seen.json", REMEMBER)
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
        return self._seen.add(f"contributes {agreed.session}")

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
            answer = bundle.sign_answer(self._station.key, proposed.digest, network.self_id, reason)
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
        session.check_deposit(caller.peer)
        return session.plan.body_length

    def deposit(self, caller: Caller, body: bytes) -> None:
        """Take the shares of a contributor. Raises PlanRefusedError."""
        self._find(caller).deposit(caller.peer, str(caller.request.get("tag")), body)

    async def tell_again(self, network: Network, peer: str) -> None:
        """A contributor without inbound port just came back: tell it of sessions that still wait for it."""
        for session in list(self._sessions.values()):
            if session.network.name == network.name and session.waits_for(peer):
                await session.tell_contributor(peer)

    def _reserve(self, proposed: Plan, network: Network) -> Session:
        plan.check(proposed, network)
        if not network.is_computing(network.self_id):
            raise PlanRefusedError(f"{network.self_id} is not a computing party")
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
