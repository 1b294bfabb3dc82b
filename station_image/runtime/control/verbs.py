"""What the agent does for each verb of the `station` program."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .. import analyses
from ..accepted import statement, tables
from ..accepted.networks import Network
from ..base.journal import plain
from ..consent import back
from ..consent.plan import RELEASE
from ..consent.register import RegisterError
from ..data import astray, repeats
from ..releases.about import MOST
from ..releases.draining import LONGEST
from ..wire import connection
from ..wire.peers import CallFailedError
from . import asking
from .desk import Desk, Tell, stations
from .requests import Request, WrongUseError


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
    computer = connection.listens(str(desk.folders.computer_socket))
    register = {"problem": desk.trouble, "mended": desk.register.mended}
    cannot = any(row["problem"] for row in (register, *networks.values()))
    bad = problem or not networks or not computer or cannot
    whole = {"problem": problem, "computer": computer, "register": register, "networks": networks}
    return {"exit": 1 if bad else 0, **desk.status.work, **whole}


async def _drain(desk: Desk, request: Request, __: Tell) -> dict[str, Any]:
    """Begin nothing new for some seconds, or again; who is told of it, and what runs, is all that it changes."""
    if request.end:
        await desk.draining.end()
    elif 1 <= request.seconds <= LONGEST:
        await desk.draining.begin(request.seconds)
    else:
        raise WrongUseError(f"seconds: {request.seconds}, outside 1 to {LONGEST}")
    return {"exit": 0, **desk.status.work}


def _version(network: Network, told: Mapping[str, Any]) -> dict[str, Any]:
    """What a peer tells of its release and of what its operator accepted; of another kind than it must be, nothing."""
    texts = {name: plain(told[name], 80) for name in ("release", "definition") if isinstance(told.get(name), str)}
    if not RELEASE.fullmatch(texts.get("release", "")):
        texts.pop("release", None)
    accepted = told.get("accepted")
    parts = {part: accepted.get(part) for part in network.accepted} if isinstance(accepted, dict) else {}
    found = {**texts, "accepted": {part: plain(one, 80) for part, one in parts.items() if isinstance(one, str)}}
    for name, kind in (("versions", int), ("analyses", str)):
        if isinstance(told.get(name), list) and all(type(one) is kind for one in told[name]):
            found[name] = [one if kind is int else plain(one, 80) for one in told[name][:MOST]]
    formats = told.get("formats")
    if isinstance(formats, dict) and all(type(one) is int for one in formats.values()):
        found["formats"] = {plain(path, 80): one for path, one in [*formats.items()][:MOST]}
    return {**found, **{name: told[name] for name in ("draining", "sessions") if type(told.get(name)) is int}}


async def _links(desk: Desk, _: Request, tell: Tell) -> dict[str, Any]:
    """Call every peer that the gateway has an outbound socket for, and ask those that poll us.

    `heard`: network → the release of each station there without such a link, as it signed it and a party shows it.
    """
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
    linked = {(row["network"], row["peer"]) for row in rows}
    heard = {
        network.name: await desk.meetings.heard(
            network, [one for one in network.stations if one != network.self_id and (network.name, one) not in linked]
        )
        for network in desk.networks.current().values()
    }
    return {"exit": 0 if all(row["ok"] for row in rows) else 1, "links": rows, "heard": heard}


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
    [station] = stations(network, [request.station])
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


VERBS: Mapping[str, Callable[[Desk, Request, Tell], Awaitable[dict[str, Any]]]] = {
    "status": _status,
    "links": _links,
    "session": asking.session,
    "propose": asking.propose,
    "questions": _questions,
    "allowances": _allowances,
    "data": _data,
    "register": _register,
    "results": _results,
    "back": _back,
    "go_back": _go_back,
    "agree": _agree,
    "drain": _drain,
}
