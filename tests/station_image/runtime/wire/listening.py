"""A whole agent in this process, and whoever holds the gateway's socket to it: what is said, and what it leaves."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import strategies as st

from station_image.runtime import agent
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base import background
from station_image.runtime.base.folders import Folders
from station_image.runtime.session import sessions
from station_image.runtime.wire import hello, mesh_server, proxy
from station_image.runtime.wire.connection import LARGE, Connection, ConnectionLostError, open_unix
from tests.station_image.runtime.views import PRINTS, Small

T = TypeVar("T")
WITHIN = 8.0
"""Seconds in which an agent has said everything that it says to a caller that wrote everything."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([2**63, -(10**40), "n.a", "ab" * 16]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(max_size=8), JSON, max_size=5)


def changed(content: Mapping[str, Any], draw: st.DrawFn) -> dict[str, Any]:
    """`content` with one of its fields another, gone, or one more."""
    name = draw(st.sampled_from([*content, "more"]))
    if draw(st.booleans()) and name in content:
        return {key: value for key, value in content.items() if key != name}
    return {**content, name: draw(JSON)}


class Ears:
    """The agent of n.b, in a loop of its own; errors that nobody expected are in `blamed`."""

    def __init__(self, root: Path, small: Small) -> None:
        self.small = small
        self.blamed: list[BaseException] = []
        self.loop = asyncio.new_event_loop()
        self.path = root / "mesh.sock"
        self.network: Network = small.networks("n.a").find("n")
        self.loop.run_until_complete(self._start(root))

    async def _start(self, root: Path) -> None:
        self.loop.set_exception_handler(background.blame_context)
        self.agent = agent.assemble(Folders(root))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(128)
        self._listener.setblocking(False)
        self._serving = self.loop.create_task(self.agent.mesh.run(self._listener))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`, that must not hang, and let the agent come to rest."""

        async def limited() -> T:
            async with asyncio.timeout(WITHIN):
                found = await work
            # Whatever the agent began for it ends: no task stays.
            late = asyncio.get_running_loop().time() + WITHIN
            while len(left := asyncio.all_tasks()) > 2:
                await asyncio.sleep(0.0005)
                assert asyncio.get_running_loop().time() < late, [task.get_stack() for task in left]
            return found

        return self.loop.run_until_complete(limited())

    async def brought(self, peer: str = "n.a", value: bytes | None = None, family: int = 0) -> Connection:
        """A connection as the gateway brings it."""
        unique = f"{peer}|{PRINTS[peer]}".encode() if value is None else value
        payload = struct.pack("!BH", proxy.UNIQUE_ID, len(unique)) + unique
        head = proxy.SIGNATURE + b"\x21" + bytes([family]) + struct.pack("!H", len(payload)) + payload
        connection = await open_unix(str(self.path))
        await self.loop.sock_sendall(connection.sock, head)
        return connection

    async def greeted(self, request: Mapping[str, Any], peer: str = "n.a") -> Connection:
        """A connection on which `peer` proved who it is and asks `request`."""
        connection = await self.brought(peer)
        network = self.small.networks(peer).find("n")
        await hello.call(connection, self.small.keys[peer], network, "n.b", request)
        return connection

    async def said(self, connection: Connection, *sent: bytes) -> list[dict[str, Any]]:
        """Send, say nothing more, and hear all that comes: whole frames of JSON, up to the end."""
        heard = []
        try:
            for data in sent:
                await self.loop.sock_sendall(connection.sock, data)
            connection.sock.shutdown(socket.SHUT_WR)
            while True:
                heard.append((await connection.receive(LARGE, LARGE))[0])
        except (ConnectionLostError, OSError):
            return heard
        finally:
            connection.close()

    def state(self) -> dict[str, int]:
        """What must not grow: tasks, open files, bytes that are lent, sessions."""
        gc.collect()  # what others in this process left open must not be counted as ours at first, and be gone later
        return {
            "tasks": len(asyncio.all_tasks(self.loop)),
            "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            "lent": self.agent.mesh._answers.budget.held,
            "connections": self.agent.mesh._open.total() + self.agent.mesh._strangers,
            "sessions": self.agent.desk.status._sessions.running,
        }

    def stop(self) -> None:
        """End it."""
        self._serving.cancel()
        self.loop.run_until_complete(asyncio.gather(self._serving, return_exceptions=True))
        self._listener.close()
        self.loop.close()


@contextmanager
def listening() -> Iterator[Ears]:
    """An agent that is not held up by what a peer may do in a minute, since the same one says everything here."""
    # Short: the path of a unix socket has at most 107 bytes.
    root = Path(tempfile.mkdtemp(prefix="ear-", dir="/tmp"))
    limits = {(mesh_server, "HELLOS"): (10**9, 1.0), (mesh_server, "NOTES"): (10**9, 1.0)}
    limits[sessions, "PROPOSALS"] = (10**9, 1.0)
    before = {(module, name): getattr(module, name) for module, name in limits}
    blame = background.blame
    try:
        for (module, name), value in limits.items():
            setattr(module, name, value)
        small = Small.make(root / "small")
        (small.folder / "n.b" / "host.json").write_text(f'{{"gateway_uid": {os.getuid()}}}')
        for name in ("state", "register", "allowances", "data/in", "data/out", "peers", "compute"):
            (root / name).mkdir(parents=True)
        (root / "networks.d").symlink_to(small.folder / "n.b")
        key = root / "state" / "statement.key"
        private = small.keys["n.b"]._private
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key.chmod(0o600)
        ears = Ears(root, small)

        def blamed(error: BaseException) -> None:
            ears.blamed.append(error)
            blame(error)

        background.blame = blamed
        try:
            yield ears
        finally:
            ears.stop()
    finally:
        background.blame = blame
        for (module, name), value in before.items():
            setattr(module, name, value)
        shutil.rmtree(root)
