"""The control socket: what the `station` program on the host asks. JSON lines; who may connect, the folder decides."""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from . import analyses
from .accepted import statement
from .accepted.networks import Network, NetworkError
from .base import background
from .base.journal import note, plain
from .consent import allowances, gate, plan
from .consent.plan import PlanRefusedError
from .consent.register import RegisterError
from .session import proposal
from .station import Station
from .wire import calls

LONGEST_LINE = 64 * 1024
INTAKE = 10
INTAKE_DATA = 60
DEADLINE = 3600
Tell = Callable[[dict[str, Any]], None]


class WrongUseError(Exception):
    """The request names something that does not exist."""


async def serve(station: Station, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request: events, then a line with `done` and the exit code that `station` ends with."""

    def tell(line: dict[str, Any]) -> None:
        writer.write(json.dumps(line).encode() + b"\n")

    try:
        request = json.loads(await asyncio.wait_for(reader.readline(), 10))
        verb = VERBS.get(str(request.get("verb")), _unknown)
        tell({"done": True, **await verb(station, request, tell)})
    except (WrongUseError, NetworkError, analyses.AnalysisError, PlanRefusedError) as error:
        tell({"done": True, "exit": 2, "error": str(error)})
    except proposal.ProposalRefusedError as error:
        tell({"done": True, "exit": 3 if error.refused else 4, "error": str(error), "reasons": error.reasons})
    except (ValueError, TimeoutError, AttributeError):
        tell({"done": True, "exit": 2, "error": "a request that is not one line of JSON with fields of the right kind"})
    except Exception as error:
        background.blame(error)
        tell({"done": True, "exit": 4, "error": f"the agent failed ({type(error).__name__}); its journal says where"})
    finally:
        try:
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:
            note("control-gone")


async def _unknown(_: Station, request: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    raise WrongUseError(f"no verb {request.get('verb')!r}; known are {', '.join(VERBS)}")


async def _status(station: Station, _: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    now = time.time()
    networks = {}
    for network in station.networks.current().values():
        seen = {
            peer: {
                "seconds_ago": int(now - station.contacts[peer]) if peer in station.contacts else None,
                "polls": station.polls.find(network.name, peer) is not None,
                "outbound": station.folders.peer_socket(peer).exists(),
            }
            for peer in network.stations
            if peer != network.self_id
        }
        networks[network.name] = {**station.summary(network), "peers": seen}
    problem = station.networks.problem
    computer = station.folders.computer_socket.exists()
    bad = problem or not networks or not computer
    return {"exit": 1 if bad else 0, "problem": problem, "computer": computer, "networks": networks}


async def _links(station: Station, _: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Call every peer that the gateway has an outbound socket for, and ask those that poll us."""
    callable_peers = station.folders.callable_peers()
    asked: list[tuple[Network, str, str]] = []
    for network in station.networks.current().values():
        asked += [(network, peer, "call") for peer in callable_peers if peer in network.stations]
        asked += [(network, peer, "poll") for peer in station.polls.peers(network.name) if peer not in callable_peers]
    known = {peer for _, peer, _ in asked}
    strangers = [
        {"network": "", "peer": peer, "way": "call", "ok": False, "why": "in no definition that this station accepted"}
        for peer in callable_peers
        if peer not in known
    ]
    limit = asyncio.Semaphore(8)

    async def one(network: Network, peer: str, way: str) -> dict[str, Any]:
        async with limit:
            started = time.monotonic()
            row = {"network": network.name, "peer": peer, "way": way, "ok": True, "why": ""}
            try:
                # Over a connection of our own also when the peer polls us: it is this link that is looked at.
                question = calls.ask if way == "poll" else calls.ask_directly
                answer, _ = await question(station, network, peer, {"kind": "status"})
                row.update(release=answer.get("release"), definition=answer.get("definition"))
            except calls.CallFailedError as error:
                row.update(ok=False, why=error.why)
            row["milliseconds"] = int(1000 * (time.monotonic() - started))
            tell({"event": "link", **row})
            return row

    rows = [*strangers, *await asyncio.gather(*(one(*item) for item in asked))]
    return {"exit": 0 if all(row["ok"] for row in rows) else 1, "links": rows}


async def _propose(station: Station, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Ask an agreed question: everything about it is in its document."""
    network, document = _question(station, request)
    gate.permitted(station, network, document["question"])
    session = secrets.token_hex(16)
    proposed = plan.question(network, document, session=session, intake=INTAKE_DATA, deadline=DEADLINE)
    tell({"event": "proposed", "session": session, "contributors": proposed.contributors})
    account = await proposal.run(station, network, proposed, tell)
    return {"exit": _session_exit(account), **account}


async def _questions(station: Station, _: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    rows = []
    for network in station.networks.current().values():
        for name, document in sorted(network.questions.items()):
            try:
                allowance = station.allowances.find(network.name, name)
                state, problem = allowances.state(document, allowance, time.time())
            except PlanRefusedError as error:
                allowance, state, problem = None, "changed", str(error)
            shown = {key: document[key] for key in ("network", "question", "purpose", "analysis")}
            until = str(allowance.until) if allowance else None
            digest = statement.digest(document)
            rows.append(
                {**shown, "digest": digest, "state": state, "until": until, "problem": problem, "document": document}
            )
    return {"exit": 0, "questions": rows}


async def _allowances(station: Station, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The steward changed something: enter in the register what is allowed now."""
    found = (await _questions(station, request, tell))["questions"]
    station.register.add("allowances", allowed={row["question"]: row["digest"] for row in found if row["until"]})
    return {"exit": 0}


async def _data(station: Station, request: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    """Look at the files of a question as a session would."""
    _, document = _question(station, request)
    folder = station.folders.data(document["question"])
    look = functools.partial(analyses.look, document["analysis"], document["parameters"], folder)
    rows, problems = await asyncio.to_thread(look)
    return {"exit": 1 if problems else 0, "rows": rows, "problems": problems}


async def _register(station: Station, request: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    problem = ""
    try:
        await asyncio.to_thread(station.register.verify)
    except RegisterError as error:
        problem = str(error)
    try:
        entries = station.register.last(int(request.get("last", 20)))
    except RegisterError:
        entries = []
    return {"exit": 1 if problem else 0, "entries": entries, "sound": not problem, "problem": problem}


async def _results(station: Station, request: Mapping[str, Any], __: Tell) -> dict[str, Any]:
    """The results that lie here, newest first; with `session` the whole of one."""
    paths = sorted(station.folders.results.glob("*/result.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    if session := request.get("session"):
        found = [path for path in paths if path.parent.name.startswith(str(session))]
        if len(found) != 1:
            raise WrongUseError(f"{len(found)} results have a session that begins with {plain(session, 40)!r}")
        return {"exit": 0, "result": json.loads(found[0].read_text())}
    rows = []
    for path in paths:
        content = json.loads(path.read_text())
        shown = {key: content.get(key) for key in ("session", "analysis", "question")}
        rows.append({**shown, "at": int(path.stat().st_mtime)})
    return {"exit": 0, "results": rows}


def _question(station: Station, request: Mapping[str, Any]) -> tuple[Network, Mapping[str, Any]]:
    network, name = _network(station, request.get("network")), str(request.get("question"))
    if name not in network.questions:
        known = ", ".join(sorted(network.questions)) or "(none)"
        raise WrongUseError(f"no question {plain(name, 60)!r} in {network.name}; known are {known}")
    return network, network.questions[name]


async def _session(station: Station, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    network = _network(station, request.get("network"))
    contributors = sorted(name for name, member in network.stations.items() if member.contributes)
    proposed = plan.make(
        network,
        str(request.get("analysis", "acceptance_sum/1")),
        request.get("parameters") or {},
        session=secrets.token_hex(16),
        contributors=contributors,
        results=_stations(network, request.get("results") or [network.self_id]),
        minimum_cell=0,
        minimum_contributors=min(2, len(contributors)),
        intake=int(request.get("intake", INTAKE)),
        deadline=int(request.get("deadline", DEADLINE)),
    )
    tell({"event": "proposed", "session": proposed.session, "contributors": contributors})
    account = await proposal.run(station, network, proposed, tell)
    return {"exit": _session_exit(account), **account}


def _stations(network: Network, named: Any) -> list[str]:
    """Station ids, of ids or organisations."""
    ids = {member.organisation: name for name, member in network.stations.items()}
    return sorted({ids.get(str(name), str(name)) for name in named})


def _session_exit(account: Mapping[str, Any]) -> int:
    """0 right and complete, 1 right without somebody, 4 failed or wrong."""
    if account["outcome"] != "done" or account.get("result", {}).get("correct") is False:
        return 4
    return 1 if account["left_out"] else 0


def _network(station: Station, name: Any) -> Network:
    networks = station.networks.current()
    if name:
        return station.networks.find(str(name))
    if len(networks) != 1:
        raise WrongUseError(f"this station is in {len(networks)} networks; name one: {', '.join(networks) or '(none)'}")
    return next(iter(networks.values()))


VERBS: Mapping[str, Callable[[Station, Mapping[str, Any], Tell], Awaitable[dict[str, Any]]]] = {
    "status": _status,
    "links": _links,
    "session": _session,
    "propose": _propose,
    "questions": _questions,
    "allowances": _allowances,
    "data": _data,
    "register": _register,
    "results": _results,
}
