"""The agent of a station. `python3 -m station_image.runtime.agent`"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from pathlib import Path

from . import control
from .accepted.networks import Networks
from .accepted.statement import StatementError, StatementKey
from .base import background
from .base.folders import Folders
from .base.journal import note
from .consent.allowances import Allowances
from .consent.register import Register
from .consent.runs import Runs
from .session.results import Results
from .session.sessions import Sessions
from .station import Station
from .wire import hello, proxy, requests
from .wire.connection import Connection, ConnectionLostError, peer_uid
from .wire.frames import FrameError
from .wire.polls import Polls

MOST_PER_PEER = 32
MOST_STRANGERS = 256
HELLO_WITHIN = 20.0


class MeshServer:
    """Takes connections from the gateway, and from nobody else."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._strangers = 0
        self._open: Counter[str] = Counter()

    async def run(self, listener: socket.socket) -> None:
        """Accept for ever."""
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            uid = peer_uid(sock)
            if uid != self._station.networks.gateway_uid or self._strangers >= MOST_STRANGERS:
                note("mesh-refused", uid=uid, waiting=self._strangers)
                sock.close()
                continue
            background.start(self._take(Connection(sock)))

    async def _take(self, connection: Connection) -> None:
        self._strangers += 1
        try:
            seen = await proxy.read(connection)
        except (ConnectionLostError, proxy.ProxyError) as error:
            note("proxy-failed", why=error)
            connection.close()
            return
        finally:
            self._strangers -= 1
        if self._open[seen.peer] >= MOST_PER_PEER:
            note("hello-failed", peer=seen.peer, why=f"{MOST_PER_PEER} connections are open already")
            connection.close()
            return
        self._open[seen.peer] += 1
        try:
            await self._greet(connection, seen)
        finally:
            self._open[seen.peer] -= 1
            connection.close()

    async def _greet(self, connection: Connection, seen: proxy.Identity) -> None:
        station = self._station
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                caller = await hello.accept(connection, station.key, station.networks, seen)
        except (ConnectionLostError, FrameError, hello.HelloError, TimeoutError) as error:
            note("hello-failed", peer=seen.peer, why=error)
        else:
            station.contact(caller.peer)
            await requests.serve(station, connection, caller)


def assemble(folders: Folders) -> Station:
    """A station from its folders. Raises StatementError without a usable key."""
    key = StatementKey.read(folders.state / "statement.key")
    release = os.environ.get("STATION_RELEASE", "dev")
    station = Station(
        folders,
        key,
        Networks(folders.networks),
        release,
        Allowances(folders.allowances),
        Register(folders.register, folders.state, key),
        Runs(folders.state / "runs.json"),
    )
    station.sessions = Sessions(station)
    station.results = Results(station)
    station.polls = Polls(station)
    station.serve = lambda connection, caller: requests.serve(station, connection, caller)
    return station


async def run(station: Station) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(background.blame_context)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    station.networks.current()
    mesh = _listen(station.folders.mesh_socket)
    tasks = [background.start(MeshServer(station).run(mesh)), background.start(station.polls.keep())]
    control_socket = _listen(station.folders.control_socket)
    server = await asyncio.start_unix_server(
        lambda reader, writer: control.serve(station, reader, writer), sock=control_socket, limit=control.LONGEST_LINE
    )
    note("agent-ready", release=station.release, networks=",".join(station.networks.current()))
    await stop.wait()
    server.close()
    for task in tasks:
        task.cancel()
    for path in (station.folders.mesh_socket, station.folders.control_socket):
        with contextlib.suppress(OSError):
            path.unlink()
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
        station = assemble(Folders.from_environment())
        asyncio.run(run(station))
    except (StatementError, OSError) as error:
        note("agent-cannot-start", why=error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
