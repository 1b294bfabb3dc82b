"""A stream socket that is read frame by frame and never a byte further.

asyncio's streams read ahead; a connection that becomes the byte stream of a session is handed to another process, so
nothing of it may be left in a buffer here.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from . import frames

SMALL = 8 * 1024
LARGE = 1024 * 1024
PATIENCE = 10.0
PIECE = 64 * 1024
Bytes = bytes | bytearray | memoryview
Lend = Callable[[int], AbstractAsyncContextManager[None]]
"""Room for so many bytes, as long as they are used."""


class ConnectionLostError(ConnectionError):
    """The other side closed, or said nothing in time."""


def listens(path: str) -> bool:
    """Whether a process serves the stream socket of that path, which does not notice: a file outlives who was killed.

    A call of another kind than the socket's is answered by the kernel, EPROTOTYPE where there is one (unix(7)).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(path) == errno.EPROTOTYPE


class Connection:
    """One connection; one task may read and another write."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._loop = asyncio.get_running_loop()
        self._writing = asyncio.Lock()
        self._ended = ""
        self.lend: Lend = lambda _: nullcontext()

    @property
    def sock(self) -> socket.socket:
        """The open socket. Raises ConnectionLostError once closed or detached."""
        if self._sock is None:
            raise ConnectionLostError("the connection is closed")
        return self._sock

    async def read_exactly(self, count: int) -> bytearray:
        """`count` bytes. Raises ConnectionLostError at the end of the stream."""
        data = bytearray()
        # In pieces: a length that somebody wrote costs nothing before the bytes are here.
        while len(data) < count:
            data += await self._piece(count - len(data))
        return data

    async def skip(self, count: int, timeout: float = PATIENCE) -> None:
        """Read `count` bytes and keep none. Raises ConnectionLostError."""
        try:
            async with asyncio.timeout(timeout):
                while count:
                    count -= len(await self._piece(count))
        except TimeoutError as error:
            raise _silent(timeout) from error

    async def _piece(self, most: int) -> bytes:
        try:
            piece = await self._loop.sock_recv(self.sock, min(most, PIECE))
        except OSError as error:
            raise ConnectionLostError(self._ended or f"the connection broke ({error.strerror or error})") from error
        if not piece:
            raise ConnectionLostError(self._ended or "the other side closed the connection")
        return piece

    async def receive(
        self, header_limit: int = SMALL, body_limit: int = 0, timeout: float | None = PATIENCE
    ) -> tuple[frames.JSON, bytearray]:
        """The next frame. Raises FrameError, or ConnectionLostError after `timeout` seconds of nothing whole."""
        header, length = await self.receive_header(header_limit, body_limit, timeout)
        return header, await self.read_body(length, timeout)

    async def read_body(self, length: int, timeout: float | None = PATIENCE) -> bytearray:
        """The body of a frame whose header was read. Raises ConnectionLostError."""
        try:
            async with asyncio.timeout(timeout):
                return await self.read_exactly(length)
        except TimeoutError as error:
            raise _silent(timeout) from error

    async def receive_header(
        self, header_limit: int = SMALL, body_limit: int | None = None, timeout: float | None = PATIENCE
    ) -> tuple[frames.JSON, int]:
        """The header of the next frame, and how many bytes of body follow, of which none is read.

        What `lend` gives is the room for a header above SMALL. Raises FrameError, ConnectionLostError.
        """
        try:
            async with asyncio.timeout(timeout):
                prefix = await self.read_exactly(frames.PREFIX.size)
        except TimeoutError as error:
            raise _silent(timeout) from error
        length, body = frames.lengths(bytes(prefix), header_limit, body_limit)
        async with self.lend(length * frames.OBJECTS) if length > SMALL else nullcontext():
            try:
                async with asyncio.timeout(timeout):
                    return frames.parse(await self.read_exactly(length)), body
            except TimeoutError as error:
                raise _silent(timeout) from error

    async def send(self, header: Mapping[str, Any], body: Bytes = b"", timeout: float = 30.0) -> None:
        """Write one frame. Raises ConnectionLostError when it cannot be written within `timeout` seconds."""
        try:
            async with self._writing, asyncio.timeout(timeout):
                await self._loop.sock_sendall(self.sock, frames.encode(header, len(body)))
                if body:
                    await self._loop.sock_sendall(self.sock, body)
        except TimeoutError as error:
            self.close()  # half a frame may be out: nothing sensible can follow
            raise ConnectionLostError(f"the other side read nothing for {timeout:g} s") from error
        except OSError as error:
            raise ConnectionLostError(self._ended or f"the connection broke ({error.strerror or error})") from error

    async def send_descriptor(self, header: Mapping[str, Any], descriptor: socket.socket) -> None:
        """Write one frame without a body, and an open descriptor with it (unix(7), SCM_RIGHTS)."""
        frame = frames.encode(header)
        try:
            async with self._writing:
                sent = socket.send_fds(self.sock, [frame], [descriptor.fileno()])
                await self._loop.sock_sendall(self.sock, frame[sent:])
        except OSError as error:
            raise ConnectionLostError(self._ended or f"the connection broke ({error.strerror or error})") from error

    def detach(self) -> socket.socket:
        """The socket, now the caller's."""
        sock, self._sock = self.sock, None
        return sock

    def end(self, why: str) -> None:
        """Have whoever reads or writes here lose the connection for the reason `why`; they close it."""
        self._ended = why
        if self._sock is not None:
            # Not closed: who waits for it to be readable would wait for ever. A far end that left first is no matter.
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close; harmless when done twice."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            sock.close()


def _silent(timeout: float | None) -> ConnectionLostError:
    return ConnectionLostError(f"the other side said nothing for {timeout:g} s")


async def open_unix(path: str) -> Connection:
    """Connect to a unix socket. Raises ConnectionLostError when nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_connect(sock, path)
    except (OSError, TimeoutError) as error:
        sock.close()
        raise ConnectionLostError(f"nobody listens on {path}") from error
    except BaseException:
        sock.close()
        raise
    return Connection(sock)


def peer_uid(sock: socket.socket) -> int:
    """The uid of the process at the other end of a unix socket (unix(7), SO_PEERCRED)."""
    _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)
