"""One peer's connection as MPyC sees it: labelled messages, and what MPyC lacks: signs of life, farewells, limits.

A frame is kind (1 byte), label (8), length (4), payload. Which party is at the other end is told by the agent, that
knows it from the gateway; no byte of the peer says it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from typing import Any, Protocol, cast

from ..base.journal import plain
from .codec import PeerBytes

FRAME = struct.Struct("<BqI")
DATA, KEYS, BEAT, LEAVE, BYE = 1, 2, 3, 4, 5
LARGEST = 128 * 1024 * 1024
MOST_UNREAD = 512 * 1024 * 1024
MOST_WAITING = 100_000
START = 4.0


class Listener(Protocol):
    """Hears from an exchanger what the session must know; `number` is the party at its other end."""

    def keys(self, number: int, keys: bytes) -> None:
        """PRSS keys came."""

    def bye(self, number: int) -> None:
        """The party needs nothing more."""

    def left(self, number: int, root: int, why: str) -> None:
        """The party leaves because of party `root`."""

    def lost(self, number: int, why: str) -> None:
        """The party is gone."""

    def violated(self, number: int, what: str) -> None:
        """The party sent what it may not."""


class Exchanger(asyncio.Protocol):
    """Takes the place of MPyC's MessageExchanger; MPyC calls `send` and `receive` only.

    `keys` are the PRSS keys that this party makes for the peer: none for a party with a lower number.
    """

    def __init__(
        self, listener: Listener, loop: asyncio.AbstractEventLoop, number: int, sock: socket.socket, keys: bytes
    ) -> None:
        self.number = number
        self._listener = listener
        self._loop = loop
        self._keys = keys
        # Its process may still have to start, on a busy server.
        self.heard = time.monotonic() + START
        self.nbytes_sent = 0
        self.said_bye = False
        self._raw = sock.dup()  # of the thread that beats; the transport closes the other
        self._lock = threading.Lock()
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._unread = 0
        self._waiting: dict[int, Any] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the peer its keys."""
        self._transport = cast(asyncio.Transport, transport)
        self.write(KEYS, 0, self._keys)

    def send(self, label: int, payload: bytes) -> None:
        """Send `payload` under MPyC's program counter `label`."""
        self.nbytes_sent += FRAME.size + len(payload)
        self.write(DATA, label, payload)

    def receive(self, label: int) -> Any:
        """The payload under `label`: at once, or as a future."""
        if label in self._waiting and not isinstance(self._waiting[label], asyncio.Future):
            payload = self._waiting.pop(label)
            self._unread -= len(payload)
            return payload
        future = self._waiting[label] = self._loop.create_future()
        return future

    def write(self, kind: int, label: int, payload: bytes = b"") -> None:
        """Write a frame; the lock keeps the thread's beats out of the middle of it."""
        if self._transport is not None and not self._transport.is_closing():
            with self._lock:
                self._transport.write(FRAME.pack(kind, label, len(payload)) + payload)

    def beat(self) -> None:
        """From the thread: a sign of life while the main thread computes. Skipped while data waits to be written."""
        with self._lock:
            transport = self._transport
            if transport is None or transport.is_closing() or transport.get_write_buffer_size():
                return
            try:
                sent = self._raw.send(FRAME.pack(BEAT, 0, 0), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                return  # full or broken: the loop sees it
        if sent != FRAME.size:
            self._loop.call_soon_threadsafe(self._listener.lost, self.number, "its connection took half a sign of life")

    def data_received(self, data: bytes) -> None:
        """Split into frames."""
        self.heard = time.monotonic()
        self._data.extend(data)
        while len(self._data) >= FRAME.size:
            kind, label, length = FRAME.unpack_from(self._data)
            if length > LARGEST:
                return self._violation("a message larger than allowed")
            if len(self._data) < FRAME.size + length:
                return None
            payload = PeerBytes(self._data[FRAME.size : FRAME.size + length])
            payload.peer = self.number
            del self._data[: FRAME.size + length]
            self._frame(kind, label, payload)
        return None

    def _frame(self, kind: int, label: int, payload: PeerBytes) -> None:
        if kind == DATA:
            self._arrived(label, payload)
        elif kind == KEYS:
            self._listener.keys(self.number, bytes(payload))
        elif kind == LEAVE:
            self._listener.left(self.number, label, plain(payload.decode(errors="replace"), 200))
        elif kind == BYE:
            self.said_bye = True
            self._listener.bye(self.number)
        elif kind != BEAT:
            self._violation("a message of an unknown kind")

    def _arrived(self, label: int, payload: PeerBytes) -> None:
        waiting = self._waiting.get(label)
        if isinstance(waiting, asyncio.Future):
            del self._waiting[label]
            if not waiting.done():
                waiting.set_result(payload)
            return
        self._unread += len(payload)
        if waiting is not None:
            self._violation("two messages under one label")
        elif self._unread > MOST_UNREAD or len(self._waiting) > MOST_WAITING:
            self._violation("messages that nobody asked for")
        else:
            self._waiting[label] = payload

    def _violation(self, what: str) -> None:
        self._data.clear()
        if self._transport is not None:
            self._transport.abort()
        self._listener.violated(self.number, what)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, unless the peer had said that it was done."""
        if not self.said_bye:
            self._listener.lost(self.number, "its connection broke" if exc else "its connection was closed")

    def close(self) -> None:
        """Close after what is buffered."""
        if self._transport is not None:
            self._transport.close()

    @property
    def unsent(self) -> int:
        """Bytes not yet taken by the socket."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()
