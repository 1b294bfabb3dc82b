"""Small stand-ins for the neighbours that a part of the agent is given, and what parties would sign."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from station_image.runtime import analyses
from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.folders import Folders
from station_image.runtime.consent import bundle, plan
from station_image.runtime.consent.allowances import Allowances
from station_image.runtime.consent.bundle import Bundle
from station_image.runtime.consent.gate import Gate
from station_image.runtime.consent.opened import Opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.consent.register import Register
from station_image.runtime.consent.seen import Seen
from station_image.runtime.data import seal, shares
from station_image.runtime.session import sealed
from station_image.runtime.wire.answers import Answers
from station_image.runtime.wire.connection import Connection
from station_image.runtime.wire.hello import Caller
from station_image.runtime.wire.peers import CallFailedError
from tests.station_image.runtime import questions
from tests.station_image.runtime.views import PARTIES, Small

T = TypeVar("T")
HEAD = {"entries": 0, "digest": "0" * 64}
SESSION = "ab" * 16
PRIVATE = {party: seal.generate() for party in PARTIES}
"""What each computing party makes for its answer, and what shares for it are sealed for."""


def pair() -> tuple[Connection, Connection]:
    """Both ends of a connection."""
    one, other = socket.socketpair()
    return Connection(one), Connection(other)


def run(work: Coroutine[Any, Any, T], seconds: float = 10.0) -> T:
    """Run `work`, that must not hang; what it started in the background ends with it."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(limited())


async def until(ready: Callable[[], Any]) -> Any:
    """Let others work until `ready()` gives something true; `run` limits how long."""
    while not (found := ready()):
        await asyncio.sleep(0.001)
    return found


@dataclass
class Own:
    """What one station has besides its neighbours, all real, in folders of its own."""

    small: Small
    name: str
    root: Path
    folders: Folders = field(init=False)
    register: Register = field(init=False)
    opened: Opened = field(init=False)
    seen: Seen = field(init=False)
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.folders = Folders(self.root)
        for folder in ("allowances", "data/in", "data/out", "register", "state", "compute", "peers"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.register = Register(self.folders.register, self.folders.state, self.key)
        self.opened = Opened(self.folders.state / "runs.json")
        self.seen = Seen(self.folders.state / "seen.json", 100)
        self.gate = Gate(Allowances(self.folders.allowances), self.opened, self.register)

    @property
    def key(self) -> statement.StatementKey:
        """Its statement key."""
        return self.small.keys[self.name]

    @property
    def network(self) -> Network:
        """The network as it accepted it."""
        return self.small.networks(self.name).find("n")

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """What its register has of one kind."""
        return [entry for entry in self.register.last(1000) if entry["kind"] == kind]

    def caller(self, peer: str, **request: Any) -> Caller:
        """`peer`, as the hello identified it."""
        return Caller(self.network, peer, request)


class FakePeers:
    """Keeps what a part asks others; `told` gives their answers, and `lines` what is at the far end of connections."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], dict[str, Any], bytes]] = []
        self.told: Callable[[str, Mapping[str, Any]], dict[str, Any]] = lambda *_: {"ok": True}
        self.answering: set[str] = set()
        """Whom it could ask whether they are there; nobody, unless a test is about that."""
        self.lines: dict[str, Callable[[Connection], Awaitable[None]]] = {}
        self.contacts: list[str] = []
        self.left: list[str] = []
        self.opened: list[tuple[str, dict[str, Any]]] = []
        self.result_key: Callable[[str], dict[str, Any]] = lambda _: {}

    def kinds(self, kind: str) -> list[str]:
        """Whom it asked something of one kind, in order."""
        return [peer for peer, request, _, _ in self.asked if request["kind"] == kind]

    def can_call(self, peer: str) -> bool:
        return peer in self.lines

    def can_ask(self, _: Network, peer: str) -> bool:
        return peer in self.answering

    def contact(self, peer: str) -> None:
        self.contacts.append(peer)

    def still(self, _: Network, peer: str) -> bool:
        return peer not in self.left

    def hold(self, *_: Any) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    async def ask(
        self,
        _: Network,
        peer: str,
        request: Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        body: bytes = b"",
    ) -> tuple[dict[str, Any], bytes]:
        self.asked.append((peer, dict(request), dict(content or {}), body))
        told = self.told(peer, request)
        return (self.result_key(peer) if request["kind"] == "result-key" else told), b""

    @asynccontextmanager
    async def open(self, _: Network, peer: str, request: Mapping[str, Any]) -> AsyncIterator[Connection]:
        self.opened.append((peer, dict(request)))
        if peer not in self.lines:
            raise CallFailedError(peer, "does not answer")
        ours, theirs = pair()
        far = asyncio.create_task(_closing(theirs, self.lines[peer]))
        try:
            yield ours
        except ConnectionError as error:
            raise CallFailedError(peer, str(error)) from error
        finally:
            ours.close()
            far.cancel()
            await asyncio.wait([far])  # whoever is cancelled here meanwhile ends: awaiting it would say nothing of whom
            if not far.cancelled():
                far.result()


async def _closing(connection: Connection, work: Callable[[Connection], Awaitable[None]]) -> None:
    """What somebody does at the far end of a connection, until it is over or the near end is gone."""
    try:
        with contextlib.suppress(ConnectionError):
            await work(connection)
    finally:
        connection.close()


def refuses(*peers: str, why: str = "no") -> Callable[[str, Mapping[str, Any]], dict[str, Any]]:
    """Answers where some say no."""

    def told(peer: str, _: Mapping[str, Any]) -> dict[str, Any]:
        if peer in peers:
            raise CallFailedError(peer, f"refused: {why}", refused=True)
        return {"ok": True}

    return told


def away(*peers: str) -> Callable[[str, Mapping[str, Any]], dict[str, Any]]:
    """Answers where some are not there."""

    def told(peer: str, _: Mapping[str, Any]) -> dict[str, Any]:
        if peer in peers:
            raise CallFailedError(peer, "does not answer")
        return {"ok": True}

    return told


# What is agreed


def plain_plan(network: Network, **changes: Any) -> Plan:
    """A session without data, proposed by this station."""
    usual: dict[str, Any] = {
        "session": SESSION,
        "contributors": [*PARTIES, "n.d"],
        "results": ["n.a"],
        "minimum_cell": 0,
        "minimum_contributors": 2,
        "intake": 5,
        "deadline": 60,
    }
    return plan.make(network, "acceptance_sum/1", {"rounds": 1}, **{**usual, **changes})


def deliver(small: Small, allowed: Mapping[str, Path], *, question: str = questions.NAME, **changes: Any) -> None:
    """Have a question at every station, and the steward's consent in the `allowances` of those named."""
    for name in small.keys:
        folder = small.folder / name / "n"
        network = small.networks(name).find("n")
        asked = questions.document(network, question=question, **changes)
        path = folder / "questions.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, question: asked}))
        if name in allowed:
            questions.allow(allowed[name], asked, allowed=0)


def data_plan(network: Network, question: str = questions.NAME, session: str = SESSION) -> Plan:
    """A session about a question that was delivered."""
    return plan.question(network, network.questions[question], session=session, intake=5, deadline=60)


def signed(small: Small, agreed: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a proposer sends: first the proposal, then the bundle of all answers."""
    signature = small.keys[agreed.proposer].sign(statement.PLAN, agreed.content)
    public = {party: seal.public(private) for party, private in PRIVATE.items()}
    answers = {
        party: bundle.sign_answer(small.keys[party], agreed.digest, party, "", HEAD, public[party]) for party in PARTIES
    }
    whole = Bundle(agreed, signature, answers)
    return {"plan": agreed.content, "signature": signature, "heard": None}, whole.content


def agreed_bundle(small: Small, agreed: Plan) -> Bundle:
    """The bundle that starts `agreed`."""
    network = small.networks(agreed.proposer).find("n")
    return bundle.parse(signed(small, agreed)[1], network)


def deposit(
    small: Small, agreed: Plan, contributor: str, party: str, public: bytes, tag: str, body: bytes
) -> tuple[dict[str, Any], bytes]:
    """What a contributor brings to a party with the key `public`: content and body of its request."""
    shut, signature = sealed.deposit(small.keys[contributor], agreed, contributor, party, public, tag, body)
    return {"signature": signature}, shut


def opened_deposit(
    small: Small, agreed: Plan, contributor: str, asked: tuple[str, dict[str, Any], dict[str, Any], bytes]
) -> bytes:
    """The shares in a deposit that was brought to a computing party."""
    party, request, content, body = asked
    pinned = small.keys[contributor].public
    about = (PRIVATE[party], agreed, contributor, pinned, party, request["tag"], content["signature"])
    return sealed.open_deposit(*about, body)


async def bring_row(
    answers: Answers, own: Own, agreed: Plan, party: str, common: Mapping[str, Any], row: bytes, plan: str = ""
) -> dict[str, Any]:
    """A computing party asks a result party for its key and brings its shares; the last answer that it gets."""
    about = {"session": agreed.session, "plan": plan or agreed.digest}
    content = {"bundle": agreed_bundle(own.small, agreed).content}
    told = await answers.answer(own.caller(party, kind="result-key", **about), content, b"")
    if "key" not in told:
        return told
    public = sealed.check_result_key(told, own.key.public, agreed, own.name)
    body = sealed.row(PRIVATE[party], agreed, party, own.name, public, common, row)
    return await answers.answer(own.caller(party, kind="result", **about), {}, body)


def report(small: Small, agreed: Plan, party: str, /, **changes: Any) -> dict[str, Any]:
    """How a party says that a session ended, signed."""
    content = {
        **{"outcome": "done", "root": "", "reason": "", "violation": False},
        **{"contributors": list(agreed.contributors), "left_out": {}},
        **{"session": agreed.session, "plan": agreed.digest, "party": party, "ended": 1},
        **changes,
    }
    return {"report": content, "signature": small.keys[party].sign(statement.ENDED, content)}


def outcome(agreed: Plan) -> tuple[dict[str, Any], list[list[int]]]:
    """What all computing parties would have in the end: the account of who contributed, and their shares."""
    field = shares.FIELD
    rows = [
        analyses.find(agreed.analysis).numbers(analyses.Source(agreed.session, name, agreed.parameters), [])
        for name in agreed.contributors
    ]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    squares = [sum(value**2 for value in column) for column in zip(*rows, strict=True)]
    chain = (sums[0] ** 2 + 1) % field
    common = {"contributors": list(agreed.contributors), "left_out": {}, "public": [chain]}
    return common, shares.split([*sums, *squares], agreed.threshold, len(agreed.computing))


class FakeComputer:
    """Listens where the computer does; `work` is given the agent's connection of each session."""

    def __init__(self, path: Path, work: Callable[[Connection], Awaitable[None]]) -> None:
        self._path = path
        self._work = work
        self._tasks: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> FakeComputer:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(4)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def _accept(self) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            self._tasks.add(asyncio.ensure_future(_closing(Connection(sock), self._work)))

    async def __aexit__(self, *_: object) -> None:
        self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._accepting, *self._tasks, return_exceptions=True)
        self._listener.close()
        self._path.unlink()
