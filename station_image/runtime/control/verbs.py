"""What the agent does for each verb of the `station` program."""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import analyses
from ..accepted import statement, tables
from ..accepted.networks import Network, Networks
from ..base.folders import Folders
from ..base.journal import plain
from ..consent import back, plan
from ..consent.allowances import Allowances
from ..consent.gate import Gate
from ..consent.register import Register, RegisterError
from ..data import astray, repeats
from ..session import sets
from ..session.proposal import ProposalRefusedError, Proposals
from ..session.status import Status
from ..session.wayback import WayBack
from ..wire.peers import CallFailedError, Peers
from .requests import Request, WrongUseError, unknown

INTAKE_DATA, DEADLINE_DATA = 60, 3600
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


async def _status(desk: Desk, _: Request, __: Tell) -> dict[str, Any]:
    now = time.time()
    networks = {}
    for network in desk.networks.current().values():
        seen = {}
        for peer in network.stations:
            if peer == network.self_id:
                continue
            contact = desk.peers.last_contact(peer)
            seen[peer] = {
                "seconds_ago": None if contact is None else int(now - contact),
                "polls": desk.peers.polls.find(network.name, peer) is not None,
                "outbound": desk.peers.can_call(peer),
            }
        told = {"cut": sorted(network.cut.values()), "problem": network.problem}
        networks[network.name] = {**desk.status.summary(network), **told, "peers": seen}
    problem = desk.networks.problem
    computer = desk.folders.computer_socket.exists()
    register = {"problem": desk.trouble, "mended": desk.register.mended}
    cannot = any(row["problem"] for row in (register, *networks.values()))
    bad = problem or not networks or not computer or cannot
    whole = {"problem": problem, "computer": computer, "register": register, "networks": networks}
    return {"exit": 1 if bad else 0, **whole}


def _version(network: Network, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a peer tells of its release and of what its operator accepted; of another kind than texts, nothing."""
    texts = {name: plain(told[name], 80) for name in ("release", "definition") if isinstance(told.get(name), str)}
    accepted = told.get("accepted")
    parts = {part: accepted.get(part) for part in network.accepted} if isinstance(accepted, dict) else {}
    return {**texts, "accepted": {part: plain(one, 80) for part, one in parts.items() if isinstance(one, str)}}


async def _links(desk: Desk, _: Request, tell: Tell) -> dict[str, Any]:
    """Call every peer that the gateway has an outbound socket for, and ask those that poll us."""
    peers = desk.peers
    called = peers.callable()
    asked: list[tuple[Network, str, str]] = []
    for network in desk.networks.current().values():
        asked += [(network, peer, "call") for peer in called if peer in network.stations]
        asked += [(network, peer, "poll") for peer in peers.polls.peers(network.name) if peer not in called]
    known = {peer for _, peer, _ in asked}
    strangers = [
        {"network": "", "peer": peer, "way": "call", "ok": False, "why": "in no definition that this station accepted"}
        for peer in called
        if peer not in known
    ]
    limit = asyncio.Semaphore(8)

    async def one(network: Network, peer: str, way: str) -> dict[str, Any]:
        async with limit:
            started = time.monotonic()
            row = {"network": network.name, "peer": peer, "way": way, "ok": True, "why": ""}
            try:
                # Over a connection of our own also when the peer polls us: it is this link that is looked at.
                ask = peers.ask if way == "poll" else peers.ask_directly
                answer, _ = await ask(network, peer, {"kind": "status"})
                row.update(_version(network, answer))
            except CallFailedError as error:
                row.update(ok=False, why=error.why)
            row["milliseconds"] = int(1000 * (time.monotonic() - started))
            tell({"event": "link", **row})
            return row

    rows = [*strangers, *await asyncio.gather(*(one(*item) for item in asked))]
    return {"exit": 0 if all(row["ok"] for row in rows) else 1, "links": rows}


async def _propose(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """Ask an agreed question: everything about it is in its document."""
    plan.check_whole(desk.network(request.network))
    network, document = desk.question(request)
    desk.gate.permitted(network, document["question"])
    agreed = [document["computing"], *document.get("computing_alternates", [])]

    async def propose(parties: tuple[str, ...]) -> dict[str, Any]:
        session = secrets.token_hex(16)
        own = {"session": session, "intake": INTAKE_DATA, "deadline": DEADLINE_DATA}
        proposed = plan.question(network, document, computing=parties, **own)
        tell({"event": "proposed", "session": session, "contributors": proposed.contributors})
        return await desk.proposals.run(network, proposed, tell)

    usable = [parties for parties in _sets(network, request) if list(parties) in agreed]
    if request.computing and not usable:
        raise WrongUseError(
            f"computing: {document['question']} does not name set {request.computing}, and is not asked of it"
        )
    account = await sets.first(network, usable or [network.computing], propose, tell)
    return {"exit": _session_exit(account), **account}


async def _questions(desk: Desk, _: Request, __: Tell) -> dict[str, Any]:
    rows = []
    for network in desk.networks.current().values():
        for name in sorted(network.questions):
            document = network.questions[name]
            standing = desk.allowances.standing(network.name, document, time.time(), desk.register.index.moment)
            rows.append(
                {
                    **{key: document[key] for key in ("network", "question", "purpose", "analysis")},
                    "digest": statement.digest(document),
                    "state": standing.state,
                    "until": str(standing.until) if standing.until else None,
                    "problem": standing.problem,
                    "document": document,
                    "tables": sorted(network.figures),
                }
            )
    problems = {network.name: network.problem for network in desk.networks.current().values() if network.problem}
    return {"exit": 0, "questions": rows, "problems": problems}


async def _allowances(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """The steward changed something: enter in the register what is allowed now."""
    found = (await _questions(desk, request, tell))["questions"]
    names = {f"{row['network']}/{row['question']}": row["digest"] for row in found if row["until"]}
    desk.register.add("allowances", allowed=names)
    return {"exit": 0}


async def _data(desk: Desk, request: Request, __: Tell) -> dict[str, Any]:
    """Look at the files of a question as a session would; with `both` keep that rows in two of them count twice."""
    network, document = desk.question(request)
    state, name = desk.folders.state, document["question"]
    folder = desk.folders.data(network.name, name)

    def right(found: str) -> bool:
        if request.both:
            repeats.say(state, network.name, name, found)
        return repeats.said(state, network.name, name)(found)

    parameters = tables.resolved(document["parameters"], network.figures)
    look = functools.partial(analyses.look, document["analysis"], parameters, folder, right)
    looked = await asyncio.to_thread(look)
    if request.both and looked.repeated:
        desk.register.add("repeated", network=network.name, question=name, files=len(looked.repeated))
    beside = await asyncio.to_thread(astray.sentences, folder)
    return {"exit": 1 if looked.problems else 0, **looked._asdict(), "astray": beside}


async def _register(desk: Desk, request: Request, __: Tell) -> dict[str, Any]:
    problem = ""
    desk.register.settle()
    try:
        await asyncio.to_thread(desk.register.verify)
    except RegisterError as error:
        problem = str(error)
    try:
        entries = await asyncio.to_thread(desk.register.last, request.last)
    except RegisterError:
        entries = []
    told = {"entries": entries, "sound": not problem, "problem": problem, "counted": desk.register.counted}
    return {"exit": 1 if problem else 0, **told}


async def _back(desk: Desk, _: Request, __: Tell) -> dict[str, Any]:
    """How this register stands with others, asked anew, and theirs with this one."""
    register, wayback = desk.register, desk.wayback
    await wayback.look()
    entries, last = await asyncio.to_thread(register.whole)
    lost, own = register.index.lost, []
    for network in desk.networks.current().values():
        if said := back.own(register, network):
            own.append({**said.content, "statement": said.digest, "waits_for": back.waits_for(register, network)})
    others = [
        {
            **{**heard.said.content, "statement": heard.said.digest, "waits": wayback.waits_here(network, heard)},
            "organisation": network.stations[heard.said.station].organisation,
            "agreed": register.index.agreed.get(heard.said.digest, 0),
            "times": register.index.times(heard.said.station),
            "gone": heard.gone,
        }
        for network, heard in wayback.others()
    ]
    shown = {"entries": lost["entries"], "at": lost["head_at"], "by": lost["by"]} if lost else None
    told = {"entries": entries, "last": last, "lost": shown, "problem": register.problem, "own": own, "others": others}
    return {"exit": 1 if desk.trouble else 0, **told}


async def _go_back(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """Enter that this station went back, as its steward's file says, and tell the others."""
    desk.wayback.enter()
    return await _back(desk, request, tell)


async def _agree(desk: Desk, request: Request, __: Tell) -> dict[str, Any]:
    """Enter that the steward agrees to what another station says, as the steward's file says."""
    network = desk.network(request.network)
    [station] = _stations(network, [request.station])
    desk.wayback.agree(network, station)
    return {"exit": 0, "network": network.name, "station": station}


async def _results(desk: Desk, request: Request, __: Tell) -> dict[str, Any]:
    """The results that lie here, newest first; with `session` the whole of one."""
    paths = sorted(desk.folders.results.glob("*/result.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    if request.session:
        found = [path for path in paths if path.parent.name.startswith(request.session)]
        if len(found) != 1:
            raise WrongUseError(f"{len(found)} results have a session that begins with {plain(request.session, 40)!r}")
        return {"exit": 0, "result": json.loads(found[0].read_text())}
    rows = []
    for path in paths:
        content = json.loads(path.read_text())
        shown = {key: content.get(key) for key in ("session", "network", "analysis", "question")}
        rows.append({**shown, "at": int(path.stat().st_mtime)})
    return {"exit": 0, "results": rows}


async def _session(desk: Desk, request: Request, tell: Tell) -> dict[str, Any]:
    """Acceptance with everybody; without whom not all computing parties know while somebody joins or leaves."""
    network = desk.network(request.network)
    plan.check_whole(network)

    async def propose(parties: tuple[str, ...]) -> dict[str, Any]:
        left_out: dict[str, str] = {}
        while True:
            proposed = _acceptance(network, parties, request, left_out)
            tell({"event": "proposed", "session": proposed.session, "contributors": proposed.contributors})
            try:
                account = await desk.proposals.run(network, proposed, tell)
            except ProposalRefusedError as error:
                unknown = plan.unknown_elsewhere(proposed, error.reasons)
                if not unknown or len(unknown) == len(proposed.contributors):
                    raise
                left_out |= unknown
            else:
                return {**account, "left_out": left_out | account.get("left_out", {})}

    account = await sets.first(network, _sets(network, request), propose, tell)
    return {"exit": _session_exit(account), **account}


def _sets(network: Network, request: Request) -> Sequence[tuple[str, ...]]:
    """The sets of computing parties to try: all of them, or the one that was asked for, counted from 1."""
    if not request.computing:
        return network.sets
    if not 1 <= request.computing <= len(network.sets):
        raise WrongUseError(f"computing: {network.name} has {len(network.sets)} set(s) of computing parties")
    return network.sets[request.computing - 1 : request.computing]


def _acceptance(network: Network, parties: tuple[str, ...], request: Request, without: Container[str]) -> plan.Plan:
    members = network.stations.items()
    contributors = sorted(name for name, member in members if member.contributes and name not in without)
    return plan.make(
        network,
        request.analysis,
        request.parameters,
        session=secrets.token_hex(16),
        computing=list(parties),
        contributors=contributors,
        results=_stations(network, request.results or [network.self_id]),
        minimum_cell=0,
        minimum_contributors=min(2, len(contributors)),
        intake=request.intake,
        deadline=request.deadline,
    )


def _stations(network: Network, named: Iterable[str]) -> list[str]:
    """Station ids, of ids or organisations."""
    ids = {member.organisation: name for name, member in network.stations.items()}
    return sorted({ids.get(name, name) for name in named})


def _session_exit(account: Mapping[str, Any]) -> int:
    """0 right and complete, 1 right without somebody, 4 failed or wrong."""
    if account["outcome"] != "done" or account.get("result", {}).get("correct") is False:
        return 4
    return 1 if account["left_out"] else 0


VERBS: Mapping[str, Callable[[Desk, Request, Tell], Awaitable[dict[str, Any]]]] = {
    "status": _status,
    "links": _links,
    "session": _session,
    "propose": _propose,
    "questions": _questions,
    "allowances": _allowances,
    "data": _data,
    "register": _register,
    "results": _results,
    "back": _back,
    "go_back": _go_back,
    "agree": _agree,
}
