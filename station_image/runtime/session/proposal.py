"""What the proposer of a session does: ask all computing parties, bring them each other's answers, hear how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..accepted import statement
from ..accepted.networks import Network
from ..accepted.statement import StatementError, StatementKey
from ..base.journal import note, plain
from ..base.refusal import DrainsError, RefusedError
from ..consent import bundle
from ..consent.plan import ACCEPTANCE, Plan
from ..consent.register import Register
from ..wire.connection import LARGE, Connection, ConnectionLostError
from ..wire.frames import FrameError
from ..wire.peers import CallFailedError, Peers
from . import alive
from .results import ResultError, Results

SILENCE = 8.0
"""Seconds without a word of a party that computes: it says every KEEP_WARM of `session` that it is there."""
ANSWER_WITHIN = 15.0
"""Seconds for the answer of a party that lives; what others hold a place for is START_WITHIN of `sessions`."""
RESULT_WITHIN = 25.0
FAREWELL = 3.5
"""Seconds for the other reports once one says that it failed: parties look for a while for what another told them."""
REPORT: Mapping[str, type] = {"outcome": str, "root": str, "reason": str, "contributors": list, "left_out": dict}
Tell = Callable[[dict[str, Any]], None]


class ProposalRefusedError(Exception):
    """Somebody does not take part; `reasons` by station. `refused` is False when nobody said no, only was away.

    `drains`: of these who is about to be replaced, and can be waited for.
    """

    def __init__(self, reasons: Mapping[str, str], refused: bool, drains: Iterable[str] = ()) -> None:
        super().__init__("; ".join(f"{station}: {why}" for station, why in sorted(reasons.items())))
        self.reasons = dict(reasons)
        self.refused = refused
        self.drains = frozenset(drains)


class Proposals:
    """What this station proposes to others."""

    def __init__(self, key: StatementKey, register: Register, results: Results, peers: Peers) -> None:
        self._key = key
        self._register = register
        self._results = results
        self._peers = peers
        self.going: set[str] = set()
        """The sessions that it has proposed and that have not ended."""

    async def run(self, network: Network, plan: Plan, tell: Tell) -> dict[str, Any]:
        """Have `plan` carried out. Raises ProposalRefusedError. Returns the account of the session."""
        started = time.monotonic()
        self.going.add(plan.session)
        waiting = self._results.expect(plan) if network.self_id in plan.results else None
        try:
            account = _account(plan, await self._carried_out(network, plan, tell))
            if waiting is not None and account["outcome"] == "done":
                account.update(await asyncio.wait_for(waiting, RESULT_WITHIN))
        except (ResultError, TimeoutError) as error:
            account.update(outcome="failed", reason=str(error) or "no result came in time")
        finally:
            self._results.forget(plan)
            self.going.discard(plan.session)
        account["computing"] = list(plan.computing)
        account["milliseconds"] = int(1000 * (time.monotonic() - started))
        note("session-proposed", session=plan.session, outcome=account["outcome"])
        return account

    async def _carried_out(self, network: Network, plan: Plan, tell: Tell) -> dict[str, dict[str, Any]]:
        """The reports of all computing parties, after all of them accepted."""
        signature = self._key.sign(statement.PLAN, plan.content)
        heard = {} if plan.question == ACCEPTANCE else self._register.heard(plan.statement_keys)
        async with contextlib.AsyncExitStack() as stack:
            lines = await self._open_all(network, plan, stack)
            try:
                answers = await _answers(self._peers, network, plan, signature, lines, heard)
            except ProposalRefusedError as error:
                await _withdraw(lines.values(), str(error))
                raise
            agreed = bundle.Bundle(plan, signature, answers)
            self._register.add("proposal", **plan.facts, **plan.ran, registers=agreed.registers)
            tell({"event": "accepted", "session": plan.session, "by": list(plan.computing)})
            return await _follow(network, agreed, lines, tell)

    async def _open_all(self, network: Network, plan: Plan, stack: contextlib.AsyncExitStack) -> dict[str, Connection]:
        request = {"kind": "propose", "session": plan.session}

        async def call(party: str) -> Connection:
            work = stack.enter_async_context(self._peers.open(network, party, request))
            try:
                return await alive.unless_gone(work, self._peers, network, party)
            except alive.GoneError as error:
                raise CallFailedError(party, str(error)) from error

        opened = await asyncio.gather(*map(call, plan.computing), return_exceptions=True)
        failed: dict[str, CallFailedError] = {}
        for party, outcome in zip(plan.computing, opened, strict=True):
            if isinstance(outcome, CallFailedError):
                failed[party] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
        if failed:
            reasons = {party: error.why for party, error in failed.items()}
            raise ProposalRefusedError(reasons, any(error.refused for error in failed.values()))
        return {party: line for party, line in zip(plan.computing, opened, strict=True) if isinstance(line, Connection)}


async def _answers(
    peers: Peers,
    network: Network,
    plan: Plan,
    signature: str,
    lines: Mapping[str, Connection],
    heard: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    async def answer(party: str, line: Connection) -> dict[str, Any]:
        await line.send({"plan": plan.content, "signature": signature, "heard": heard.get(party)})
        row, _ = await alive.unless_gone(line.receive(LARGE, timeout=ANSWER_WITHIN), peers, network, party)
        if "refused" in row:
            drains = row.get("drains")
            raise DrainsError(party, drains) if type(drains) is int else RefusedError(plain(row["refused"]))
        said = row.get("answer")
        if isinstance(said, dict) and said.get("accepted") is False:
            raise RefusedError(plain(said.get("reason")))
        if set(row) != {"answer", "signature"}:
            raise RefusedError("an answer that cannot be read")
        bundle.check_answer(row, plan.digest, party, network)
        if party in heard:
            number, digest = heard[party]["entries"], heard[party]["digest"]
            if row["answer"]["register"].get("heard") != {"entries": number, "digest": digest}:
                raise RefusedError(f"register: its entry {number} is not the one that it told of before")
        return row

    given = await asyncio.gather(*(answer(*item) for item in lines.items()), return_exceptions=True)
    reasons: dict[str, str] = {}
    said_no = False
    drains: set[str] = set()
    answers: dict[str, dict[str, Any]] = {}
    for party, outcome in zip(lines, given, strict=True):
        if isinstance(outcome, RefusedError | ConnectionLostError | FrameError | alive.GoneError):
            reasons[party] = str(outcome)
            if isinstance(outcome, DrainsError):
                drains.add(party)
            else:
                said_no = said_no or isinstance(outcome, RefusedError)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            answers[party] = outcome
    if reasons:
        raise ProposalRefusedError(reasons, said_no, drains)
    return answers


async def _withdraw(lines: Iterable[Connection], why: str) -> None:
    """Tell those who accepted that the session does not begin, and because of whom."""

    async def tell(line: Connection) -> None:
        with contextlib.suppress(ConnectionLostError):
            await line.send({"withdrawn": plain(why)}, timeout=1.0)

    await asyncio.gather(*map(tell, lines))


async def _follow(
    network: Network, agreed: bundle.Bundle, lines: Mapping[str, Connection], tell: Tell
) -> dict[str, dict[str, Any]]:
    """Signed reports of all computing parties; of one that fell silent, that it did."""

    heard: dict[str, float] = {}

    async def follow(party: str, line: Connection) -> dict[str, Any]:
        try:
            await line.send(agreed.content)
            while True:
                event, _ = await line.receive(LARGE, timeout=SILENCE)
                heard[party] = time.monotonic()
                if event.get("event") == "ended":
                    return _report(network, agreed.plan, party, event)
                if "refused" in event:
                    return _silent(party, event["refused"])
                if event.get("event") != "busy":
                    tell({"party": party, **event})
        except (ConnectionLostError, FrameError, StatementError) as error:
            return _silent(party, error)

    return await _collect({asyncio.create_task(follow(*item)): item[0] for item in lines.items()}, heard)


async def _collect(
    following: Mapping[asyncio.Task[dict[str, Any]], str], heard: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """All reports; once one says that the session failed, the others have some seconds left to say so too.

    `heard`: when each said something last. Who still does, and only has not ended, is not silent: whoever said that it
    failed may have said so to nobody else.
    """
    waiting, until = set(following), None
    try:
        while waiting and (until is None or time.monotonic() < until):
            left = None if until is None else until - time.monotonic()
            done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if until is None and any(task.result()["outcome"] != "done" for task in done):
                until = time.monotonic() + FAREWELL
    finally:
        for task in waiting:
            task.cancel()
    silent = "it said nothing more after the session had failed for others"
    found = {}
    for task, party in following.items():
        found[party] = _silent(party, silent) if task in waiting else task.result()
        if task in waiting and until is not None and heard.get(party, 0.0) > until - FAREWELL:
            found[party] |= {"root": "", "reason": f"{party} had not ended when the session had failed for others"}
    return found


def _silent(party: str, why: object) -> dict[str, Any]:
    return {"outcome": "silent", "root": party, "reason": plain(why), "contributors": [], "left_out": {}}


def _report(network: Network, plan: Plan, party: str, event: Mapping[str, Any]) -> dict[str, Any]:
    report = event.get("report")
    statement.verify(network.stations[party].statement_key, statement.ENDED, report, event.get("signature"))
    if not isinstance(report, dict) or (report.get("plan"), report.get("party")) != (plan.digest, party):
        raise StatementError("a report on another session")
    if any(not isinstance(report.get(name), kind) for name, kind in REPORT.items()):
        raise StatementError("a report that cannot be read")
    return {**report, "root": plain(report["root"]), "reason": plain(report["reason"])}


def _account(plan: Plan, reports: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One account from all reports.

    On whom it failed is who more parties than can lie together name, who was silent towards this one, or names itself.
    Who fewer name is told as what these say: one of them may be the liar.
    """
    account: dict[str, Any] = {"session": plan.session, "outcome": "done", "root": "", "reason": "", "reports": {}}
    for party, report in reports.items():
        account["reports"][party] = {key: report[key] for key in ("outcome", "root", "reason")}
    failed = [report for report in reports.values() if report["outcome"] != "done"]
    if failed:
        root = _root(reports)
        account.update(outcome="failed", root=root, reason=_reason(reports, root))
        account["counts"] = sorted(party for party, report in reports.items() if report.get("counts") is True)
    else:
        first = next(iter(reports.values()))
        account.update(contributors=first["contributors"], left_out=first["left_out"])
    return account


def _root(reports: Mapping[str, dict[str, Any]]) -> str:
    """On whom it failed, as far as no liar can have made that up; else ""."""
    named: Counter[str] = Counter()
    for party, report in reports.items():
        if report["outcome"] != "done" and (root := report["root"]):
            named[root] += len(reports) if root == party else 1
    [(root, times)] = named.most_common(1) or [("", 0)]
    return root if times > _liars(reports) else ""


def _reason(reports: Mapping[str, dict[str, Any]], root: str) -> str:
    """Why it failed: what was seen before what was heard, and what a party sent before what came of it.

    What no more parties say than can lie together is told as what each of them says.
    """
    failed = {party: report for party, report in reports.items() if report["outcome"] != "done"}
    seen = {party: report for party, report in failed.items() if not report.get("told_by")} or failed
    if root:
        about = [report for report in failed.values() if report["root"] == root]
        return str(min(about, key=lambda one: (bool(one.get("told_by")), one.get("violation") is not True))["reason"])
    for report in seen.values():
        alike = sum(other["reason"].endswith(report["reason"]) for other in failed.values())
        if not report["root"] and alike > _liars(reports):
            return str(report["reason"])
    return "; ".join(
        f"{party} says{' of ' if report['root'] else ''}{report['root']}: {report['reason']}"
        for party, report in seen.items()
    )


def _liars(reports: Mapping[str, Any]) -> int:
    """So many parties can lie together."""
    return (len(reports) - 1) // 2
