"""What a result party does: collect the computing parties' shares of the outcome, check them, open it.

Only here are the numbers known. All computing parties must have sent shares on one polynomial and the same account of
who contributed; one that sends something else can spoil the result, not change it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .. import analyses
from ..accepted.networks import Network
from ..accepted.statement import StatementKey
from ..base import background, files
from ..base.documents import canonical
from ..base.journal import note
from ..base.refusal import RefusedError
from ..consent import bundle, plan
from ..consent.gate import Gate
from ..consent.plan import Plan
from ..consent.register import Register
from ..data import seal, shares
from ..wire.answers import Answers
from ..wire.connection import LARGE
from ..wire.hello import Caller
from ..wire.peers import Peers
from . import alive, sealed

COMPLETE_WITHIN = 20.0
"""Seconds for the shares of all parties, from the first on, as long as those that are missing are there."""


class ResultError(Exception):
    """No result; the text says why."""


@dataclass
class Collector:
    """Shares of one session's outcome, by party number."""

    plan: Plan
    finished: asyncio.Future[dict[str, Any]]
    private: X25519PrivateKey = field(default_factory=seal.generate)
    keys: dict[int, bytes] = field(default_factory=dict)
    rows: dict[int, list[int]] = field(default_factory=dict)
    commons: dict[int, bytes] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    minding: list[asyncio.Task[None]] = field(default_factory=list)


class Results:
    """Outcomes of sessions that this station may see."""

    def __init__(self, key: StatementKey, folder: Path, gate: Gate, register: Register, peers: Peers) -> None:
        self._key = key
        self._folder = folder
        self._gate = gate
        self._register = register
        self._peers = peers
        self._collectors: dict[str, Collector] = {}

    def answer_in(self, answers: Answers) -> None:
        """Take what computing parties send of outcomes."""
        answers.add("result-key", self._tell_key, content=LARGE)
        answers.add("result", self._receive, self._expected_row)

    @property
    def going(self) -> set[str]:
        """The sessions of which an outcome is waited for."""
        return {collector.plan.session for collector in self._collectors.values()}

    def expect(self, agreed: Plan) -> asyncio.Future[dict[str, Any]]:
        """A future of the outcome, for the proposer that waits for it."""
        return self._collector(agreed).finished

    def forget(self, agreed: Plan) -> None:
        """The session failed: nothing will come."""
        collector = self._collectors.pop(agreed.digest, None)
        if collector is not None:
            collector.finished.cancel()

    async def _tell_key(self, caller: Caller, content: Mapping[str, Any], _: bytes) -> dict[str, Any]:
        """Tell a computing party what to seal its shares for. Raises RefusedError."""
        network = caller.network
        whole = bundle.parse(dict(content.get("bundle") or {}), network)
        agreed = whole.plan
        # Its time was right when it started; the outcome may come hours later.
        plan.check(agreed, network, now=agreed.proposed)
        if agreed.question != plan.ACCEPTANCE:
            self._gate.permitted(network, agreed.question)
        if network.self_id not in agreed.results:
            raise RefusedError(f"results: {network.self_id} is not a result party")
        if caller.peer not in agreed.computing or caller.request.get("plan") != agreed.digest:
            raise RefusedError("computing: these shares are not of a computing party of this plan")
        if self._path(agreed).exists():
            return {"here": True}
        collector, number = self._collector(agreed), agreed.number(caller.peer)
        if number in collector.rows:
            return {"here": True}
        collector.keys[number] = whole.key(caller.peer)
        if collector.timer is None:
            loop = asyncio.get_running_loop()
            collector.timer = loop.call_later(COMPLETE_WITHIN, self._incomplete, collector)
            others = [party for party in agreed.computing if party != network.self_id]
            collector.minding = [background.start(self._mind(network, collector, party)) for party in others]
        return sealed.sign_result_key(self._key, agreed, network.self_id, collector.private)

    def _expected(self, caller: Caller) -> tuple[Collector, int]:
        """The collector that `caller` brings shares for, and its number. Raises RefusedError when none are expected."""
        collector = self._collectors.get(str(caller.request.get("plan")))
        if collector is None or collector.plan.network != caller.network.name:
            raise RefusedError("plan: no shares of its outcome are expected")
        agreed = collector.plan
        number = agreed.number(caller.peer) if caller.peer in agreed.computing else None
        if number is None or number not in collector.keys:
            raise RefusedError("computing: these shares are not of a computing party that asked for the key")
        if number in collector.rows:
            raise RefusedError("shares: a second time")
        return collector, number

    def _expected_row(self, caller: Caller) -> int:
        """Bytes of the row that `caller` may bring. Raises RefusedError when none is expected."""
        return sealed.longest_row(self._expected(caller)[0].plan)

    async def _receive(self, caller: Caller, _: Mapping[str, Any], body: bytes) -> None:
        """Take one computing party's shares. Raises RefusedError."""
        collector, number = self._expected(caller)
        agreed, here = collector.plan, caller.network.self_id
        public = collector.keys[number]
        common, packed = sealed.open_row(collector.private, agreed, caller.peer, here, public, body)
        try:
            collector.rows[number] = shares.unpack(packed, len(packed) // shares.WIDTH)
        except shares.ShareError as error:
            raise RefusedError(f"shares: {error}") from error
        collector.commons[number] = canonical(common)
        if len(collector.rows) == len(agreed.computing):
            self._finish(caller.network, collector)

    def _collector(self, agreed: Plan) -> Collector:
        if agreed.digest not in self._collectors:
            finished: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            finished.add_done_callback(lambda future: None if future.cancelled() else future.exception())
            self._collectors[agreed.digest] = Collector(agreed, finished)
        return self._collectors[agreed.digest]

    def _finish(self, network: Network, collector: Collector) -> None:
        agreed = collector.plan
        self._drop(collector)
        try:
            outcome = _open(agreed, collector)
            self._write(network, agreed, outcome)
        except (ResultError, shares.ShareError, OSError) as error:
            note("result-failed", session=agreed.session, why=error)
            if not collector.finished.done():
                collector.finished.set_exception(ResultError(str(error)))
        else:
            note("result", session=agreed.session, analysis=agreed.analysis)
            acceptance = agreed.question == plan.ACCEPTANCE
            told = {**agreed.facts, **agreed.ran, "contributors": outcome["contributors"]}
            self._register.add_asked("result", agreed.proposer, acceptance, **told)
            if not collector.finished.done():
                collector.finished.set_result(outcome)

    async def _mind(self, network: Network, collector: Collector, party: str) -> None:
        """End the wait when a computing party is gone, or over with the session, and its shares are not here."""
        agreed = collector.plan
        await alive.gone(self._peers, network, party, agreed.session)
        if agreed.number(party) not in collector.rows and self._collectors.get(agreed.digest) is collector:
            self._incomplete(collector)

    def _incomplete(self, collector: Collector) -> None:
        self._drop(collector)
        missing = [party for number, party in enumerate(collector.plan.computing) if number not in collector.rows]
        note("result-incomplete", session=collector.plan.session, missing=",".join(missing))
        if not collector.finished.done():
            collector.finished.set_exception(ResultError(f"no share of the result came from {', '.join(missing)}"))

    def _drop(self, collector: Collector) -> None:
        self._collectors.pop(collector.plan.digest, None)
        if collector.timer is not None:
            collector.timer.cancel()
        for task in collector.minding:
            if task is not asyncio.current_task():
                task.cancel()

    def _path(self, agreed: Plan) -> Path:
        return self._folder / agreed.session / "result.json"

    def _write(self, network: Network, agreed: Plan, outcome: Mapping[str, Any]) -> None:
        path = self._path(agreed)
        files.make_folder(path.parent, 0o750)
        about = {"question": agreed.question, "analysis": agreed.analysis, **agreed.ran}
        document = {"network": network.name, "session": agreed.session, **about, **outcome}
        files.replace(path, json.dumps(document, indent=1) + "\n")


def _open(agreed: Plan, collector: Collector) -> dict[str, Any]:
    if len(set(collector.commons.values())) != 1:
        raise ResultError("the computing parties do not give the same account of who contributed")
    try:
        common = json.loads(collector.commons[0])
        people = tuple(map(str, common["contributors"]))
        left_out = {str(name): str(why) for name, why in common["left_out"].items()}
        public = tuple(map(int, common["public"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError("the computing parties' account of who contributed cannot be read") from error
    if {*people, *left_out} != set(agreed.contributors) or len(people) < agreed.minimum_contributors:
        raise ResultError("the computing parties' account of who contributed does not fit the plan")
    rows = [collector.rows[number] for number in range(len(agreed.computing))]
    values = tuple(shares.recombine(rows, agreed.threshold))
    opened = analyses.Opened(
        agreed.session, agreed.parameters, people, values, public, shares.FIELD, agreed.minimum_cell
    )
    try:
        result = analyses.find(agreed.analysis).outcome(opened)
    except analyses.AnalysisError as error:
        raise ResultError(str(error)) from error
    return {"contributors": list(people), "left_out": left_out, "result": result}
