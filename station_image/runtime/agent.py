"""The agent of a station: its parts, each given what it needs, and the two sockets that it serves.

`python3 -m station_image.runtime.agent`
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from .accepted.networks import Networks
from .accepted.statement import StatementError, StatementKey
from .base import background, contract
from .base.folders import Folders
from .base.journal import note
from .consent.allowances import Allowances
from .consent.gate import Gate
from .consent.opened import Opened
from .consent.register import Register
from .consent.seen import Seen
from .control import requests
from .control.desk import Desk
from .control.server import Server
from .relay.relay import Relay
from .releases import formats
from .releases.draining import Draining, Patience
from .releases.formats import FormatError
from .releases.known import Known
from .session import sessions
from .session.contribution import Contributions
from .session.meeting import Meetings
from .session.past import Past
from .session.proposal import Proposals
from .session.results import Results
from .session.session import Session
from .session.sessions import Sessions
from .session.status import Part, Status
from .session.wayback import WayBack
from .wire.answers import Answers
from .wire.mesh_server import MeshServer
from .wire.peers import Peers
from .wire.polling import Polling


@dataclass(frozen=True)
class Agent:
    """What `run` starts, and what a test asks of an agent that serves nobody. No part is given this."""

    folders: Folders
    networks: Networks
    key: StatementKey
    peers: Peers
    proposals: Proposals
    mesh: MeshServer
    polling: Polling
    relay: Relay
    desk: Desk


def assemble(folders: Folders) -> Agent:
    """An agent from its folders. Raises StatementError without a usable key, FormatError over a newer one's files."""
    key = StatementKey.read(folders.stored(contract.STATEMENT_KEY))
    formats.ready(folders)
    release = os.environ.get("STATION_RELEASE", "dev")
    networks = Networks(folders.networks)
    answers = Answers()
    peers = Peers(key, networks, folders.peers, answers.serve)
    allowances = Allowances(folders.allowances)
    register = Register(folders.register, folders.state, key)
    opened = Opened(folders.stored(contract.OPENED))
    seen = Seen(folders.stored(contract.SEEN), sessions.REMEMBER)
    gate = Gate(allowances, opened, register, release)
    past = Past()
    draining = Draining(folders.root / contract.DRAINING)
    known = Known(key, release, networks, peers, draining)
    contributions = Contributions(key, folders, gate, seen, register, opened, peers, past, draining.check_joined)
    common = (key, register, opened, peers, contributions, folders.computer_socket)
    computed = functools.partial(Session, *common, starting=lambda: draining.starting)
    wayback = WayBack(key, networks, register, opened, peers, folders.allowances)
    computing = Sessions(computed, key, gate, seen, register, past, peers, wayback.witness, draining.check)
    results = Results(key, folders.results, gate, register, peers)
    proposals = Proposals(key, register, results, peers)
    others: dict[str, Part] = {"contributing": contributions, "proposing": proposals, "results": results}
    status = Status(release, computing, past, others, lambda: draining.left)
    meetings = Meetings(known, draining, peers, Patience())
    relay = Relay(networks, peers, folders.relayed)
    for part in (status, known, contributions, computing, results, wayback, relay):
        part.answer_in(answers)
    answers.add_stream("poll", peers.polls.serve)
    peers.polls.watch(known.polled)
    peers.polls.watch(computing.tell_again)
    networks.watch(known.part)
    networks.watch(computing.part)
    draining.watch(known.tell)
    return Agent(
        folders,
        networks,
        key,
        peers,
        proposals,
        MeshServer(key, networks, peers, answers),
        Polling(networks, peers, answers),
        relay,
        Desk(folders, networks, allowances, gate, register, peers, proposals, meetings, draining, status, wayback),
    )


async def run(agent: Agent) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(background.blame_context)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    agent.networks.current()
    mesh = _listen(agent.folders.mesh_socket)
    keep = (agent.networks, agent.polling, agent.desk.wayback, agent.relay)
    kept = (agent.mesh.run(mesh), *(part.keep() for part in keep))
    tasks = [background.start(work) for work in kept]
    control_socket = _listen(agent.folders.control_socket)
    server = await asyncio.start_unix_server(Server(agent.desk).serve, sock=control_socket, limit=requests.LONGEST_LINE)
    note("agent-ready", release=agent.desk.status.release, networks=",".join(agent.networks.current()))
    await stop.wait()
    server.close()
    for task in tasks:
        task.cancel()
    for path in (agent.folders.mesh_socket, agent.folders.control_socket):
        with contextlib.suppress(OSError):
            path.unlink()
    agent.desk.register.settle(stopping=True)
    note("agent-stopped")


def _listen(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o007)  # group: the gateway's user on one socket, those who may use `station` on the other
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    listener.setblocking(False)
    return listener


def main() -> int:
    """Run the agent; a sentence and exit code 1 when it cannot start."""
    try:
        agent = assemble(Folders.from_environment())
        asyncio.run(run(agent))
    except (StatementError, FormatError, OSError) as error:
        note("agent-cannot-start", why=error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
