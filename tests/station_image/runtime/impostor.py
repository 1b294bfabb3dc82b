"""What attackers do from outside a station: a relay between two gateways, and calls made by hand."""

from __future__ import annotations

import asyncio
import functools
import shutil
import ssl
import tempfile
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from station_image.runtime import agent
from station_image.runtime.accepted.networks import Network
from station_image.runtime.base.folders import Folders
from station_image.runtime.mpc import exchanger
from station_image.runtime.wire import frames
from station_image.runtime.wire.connection import Connection, open_unix
from station_image.runtime.wire.peers import CallFailedError
from tests.harness import gateways, pki
from tests.harness.region import Region
from tests.harness.stations import Station, free_port, listens, wait_until

T = TypeVar("T")


def as_station(station: Station, network: str, work: Callable[[Any, Network], Awaitable[T]]) -> T:
    """Run `work` with the keys and gateway of `station`, as its operator could; its own register and state stay out."""

    async def run(root: Path) -> T:
        for name in ("peers", "networks.d", "allowances"):
            (root / name).symlink_to(station.root / name)
        for name in ("state", "register", "data/out"):
            (root / name).mkdir(parents=True)
        shutil.copy2(station.root / "state" / "statement.key", root / "state")
        assembled = agent.assemble(Folders(root))
        return await work(assembled, assembled.networks.find(network))

    # Short: the path of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="as-", dir="/tmp") as folder:
        return asyncio.run(run(Path(folder)))


def ask_as(station: Station, network: str, peer: str, request: dict[str, Any], **how: Any) -> str:
    """Ask `peer` something as `station`; returns "" or the reason of the refusal."""

    async def work(assembled: Any, view: Network) -> str:
        try:
            await assembled.peers.ask_directly(view, peer, request, **how)
        except CallFailedError as error:
            return error.why
        return ""

    return as_station(station, network, work)


def raw(station: Station, peer: str, data: bytes) -> bytes:
    """Send bytes through the gateway of `station` to `peer`'s agent; returns what came back before it closed."""

    async def run() -> bytes:
        connection: Connection = await open_unix(str(station.root / "peers" / f"{peer}.sock"))
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(connection.sock, data)
            heard = b""
            while chunk := await asyncio.wait_for(loop.sock_recv(connection.sock, 65536), 20):
                heard += chunk
        except ConnectionError:
            return heard
        finally:
            connection.close()
        return heard

    return asyncio.run(run())


@dataclass(frozen=True)
class Passed:
    """A message that a relay passed on. `kind` is that of the request; `up`: from the caller.

    `said`: between computing parties on a channel, that has no header.
    """

    kind: str
    up: bool
    header: dict[str, Any]
    body: bytes
    said: bool = False


Change = Callable[[Passed], Passed]


class Relay:
    """Sits between two gateways with a certificate of each, and passes everything on.

    The certificates are minted by the holder of the CA, or `stolen`: those that the gateways have, with their keys.
    """

    def __init__(self, region: Region, caller: Station, called: Station, folder: Path, stolen: bool = False) -> None:
        self.port = free_port()
        self._called = called
        folder.mkdir(parents=True, exist_ok=True)
        mint = functools.partial(pki.Party, region.authority, folder=folder)
        shown = [one.certificate if stolen else mint(one.organisation) for one in (called, caller)]
        self._server = self._context(region, folder / "server", shown[0], ssl.PROTOCOL_TLS_SERVER)
        self._client = self._context(region, folder / "client", shown[1], ssl.PROTOCOL_TLS_CLIENT)
        self.as_caller = shown[1].certificate.public_bytes(Encoding.DER)
        self._loop = asyncio.new_event_loop()
        self.bytes_passed = 0
        self.passed: list[Passed] = []
        self.change: Change = lambda passed: passed

    def _context(self, region: Region, folder: Path, shown: pki.Party, side: Any) -> ssl.SSLContext:
        folder.mkdir(parents=True)
        (folder / "ca.pem").write_text(region.authority.pem)
        context = ssl.SSLContext(side)
        context.load_cert_chain(shown.file)
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["mpc/1"])
        return context

    def __enter__(self) -> Relay:
        threading.Thread(target=self._run, daemon=True).start()
        wait_until(lambda: listens(self.port), "the relay to listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._server))
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = gateways.dns(self._called.organisation)
        there = await asyncio.open_connection("127.0.0.1", self._called.port, ssl=self._client, server_hostname=name)
        tap = _Tap(self)
        await asyncio.gather(
            self._pass(reader, there[1], lambda data: tap.take(data, up=True)),
            self._pass(there[0], writer, lambda data: tap.take(data, up=False)),
        )

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Callable[[bytes], bytes]
    ) -> None:
        try:
            while data := await reader.read(65536):
                self.bytes_passed += len(data)
                writer.write(take(data))
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class _Tap:
    """One connection, message by message: frames, and what parties say to each other once it became a channel."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._kind = ""
        self._channel = False
        self._data = {True: bytearray(), False: bytearray()}

    def take(self, data: bytes, up: bool) -> bytes:
        """What goes on instead of `data`: whole messages only."""
        buffer, out = self._data[up], bytearray()
        buffer.extend(data)
        while (message := self._next(buffer, up)) is not None:
            self._relay.passed.append(message)
            out += self._encoded(self._relay.change(message))
            self._channel = self._channel or (self._kind == "channel" and message.header == {"ok": True})
        return bytes(out)

    def _next(self, buffer: bytearray, up: bool) -> Passed | None:
        prefix = exchanger.LENGTH if self._channel else frames.PREFIX
        if len(buffer) < prefix.size:
            return None
        end = prefix.size + sum(prefix.unpack_from(buffer))
        if len(buffer) < end:
            return None
        content = bytes(buffer[prefix.size : end])
        header = 0 if self._channel else prefix.unpack_from(buffer)[0]
        del buffer[:end]
        told = frames.parse(content[:header]) if header else {}
        if "request" in told:  # the first one tells what the connection is for; over a poll more follow
            self._kind = self._kind or str(told["request"].get("kind"))
        return Passed(self._kind, up, told, content[header:], said=self._channel)

    def _encoded(self, message: Passed) -> bytes:
        if message.said:
            return exchanger.LENGTH.pack(len(message.body)) + message.body
        return frames.encode(message.header, len(message.body)) + message.body
