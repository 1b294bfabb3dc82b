"""The computer's end of its connection with the agent: frames, with the peers' connections as descriptors."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from ..wire import frames

HEADER = 1024 * 1024
BODY = 256 * 1024 * 1024


class AgentLink:
    """Reads in the event loop; writes from any thread. When the agent is gone the process ends: nobody would ask."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard = time.monotonic()
        """When the agent last said something."""
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._data = bytearray()
        self._descriptors: deque[int] = deque()
        self._lock = threading.Lock()

    async def receive(self) -> tuple[frames.JSON, bytes]:
        """The next frame."""
        await self._fill(frames.PREFIX.size)
        header, body = frames.lengths(bytes(self._data[: frames.PREFIX.size]), HEADER, BODY)
        await self._fill(frames.PREFIX.size + header + body)
        start = frames.PREFIX.size + header
        content = frames.parse(self._data[frames.PREFIX.size : start])
        payload = bytes(self._data[start : start + body])
        del self._data[: start + body]
        return content, payload

    def descriptor(self) -> socket.socket:
        """The connection that came with the frame just read."""
        return socket.socket(fileno=self._descriptors.popleft())

    def send(self, content: Mapping[str, Any], body: bytes = b"") -> None:
        """Write one frame."""
        try:
            with self._lock:
                self._sock.sendall(frames.encode(content, len(body)) + body)
        except OSError:
            os._exit(0)

    async def _fill(self, count: int) -> None:
        while len(self._data) < count:
            readable = self._loop.create_future()
            self._loop.add_reader(self._sock, _wake, readable)
            try:
                await readable
            finally:
                self._loop.remove_reader(self._sock)
            try:
                data, descriptors, _, _ = socket.recv_fds(self._sock, 1024 * 1024, 16)
            except OSError:
                os._exit(0)  # an agent that was killed before it read all of ours resets the connection
            if not data:
                os._exit(0)
            self.heard = time.monotonic()
            self._descriptors.extend(descriptors)
            self._data.extend(data)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
