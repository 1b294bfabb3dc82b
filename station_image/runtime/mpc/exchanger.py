"""One peer's connection: labelled messages, signs of life, farewells, limits.

A message is kind (1 byte), label (8), payload; on the wire it is a length (4) and the sealed message. Which party is at
the other end, and the keys that only it and this one have, are told by the agent; no byte of the peer says it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from typing import Any, Protocol, cast

from ..base.journal import plain
from ..data.seal import CHANNEL_OVERHEAD, Channel, SealError

LENGTH = struct.Struct("<I")
HEAD = struct.Struct("<Bq")
DATA, KEYS, BEAT, LEAVE, BYE = 1, 2, 3, 4, 5
LARGEST = 32 * 1024 * 1024
"""Bytes of a message. The largest of a session are the shares of a comparison's bits: 22 for each of 4,500 cells."""
MOST_UNREAD = 64 * 1024 * 1024
MOST_WAITING = 10_000
START = 4.0
EARLY = "it said that it was done before it was"
OVERHEAD = LENGTH.size + HEAD.size + CHANNEL_OVERHEAD


class Listener(Protocol):
    """Hears from an exchanger what the session must know; `number` is the party at its other end."""

    def keyed(self, number: int, content: bytes) -> None:
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
    """Messages to and from party `number`.

    `keys` are the PRSS keys that this party makes for the peer: none for a party with a lower number.
    """

    def __init__(
        self,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
        number: int,
        sock: socket.socket,
        channel: Channel,
        keys: bytes,
    ) -> None:
        self.number = number
        self._channel = channel
        self._listener = listener
        self._loop = loop
        self._keys = keys
        # Its process may still have to start, on a busy server.
        self.heard = time.monotonic() + START
        self.nbytes_sent = 0
        self.said_bye = False
        self.over = False
        """Whether nothing more comes from the peer."""
        self.begun = False
        """Whether a message of the computation came."""
        self._awaited: asyncio.Future[bytes] | None = None
        self._raw = sock.dup()  # of the thread that beats; the transport closes the other
        self._lock = threading.Lock()
        self._late = b""
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._unread = 0
        self._waiting: dict[int, Any] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the peer its keys."""
        self._transport = cast(asyncio.Transport, transport)
        self.write(KEYS, 0, self._keys)

    def send(self, label: int, payload: bytes) -> None:
        """Send `payload` under `label`, which no other message to this peer has."""
        self.nbytes_sent += OVERHEAD + len(payload)
        self.write(DATA, label, payload)

    def receive(self, label: int) -> Any:
        """The payload under `label`: at once, or as a future."""
        if label in self._waiting and not isinstance(self._waiting[label], asyncio.Future):
            payload = self._waiting.pop(label)
            self._unread -= len(payload)
            return payload
        if self.said_bye:
            self._listener.lost(self.number, EARLY)
        self._awaited = self._waiting[label] = self._loop.create_future()
        return self._awaited

    @property
    def awaited(self) -> bool:
        """Whether the computation waits for a message of the peer."""
        return self._awaited is not None and not self._awaited.done()

    def write(self, kind: int, label: int, payload: bytes = b"") -> None:
        """Write a frame; the lock keeps the thread's beats out of the middle of it."""
        if self._transport is not None and not self._transport.is_closing():
            with self._lock:
                self._transport.write(self._late + self._sealed(kind, label, payload))
                self._late = b""

    def beat(self) -> None:
        """From the thread: a sign of life while the main thread computes. Skipped while data waits to be written."""
        with self._lock:
            transport = self._transport
            if transport is None or transport.is_closing() or transport.get_write_buffer_size():
                return
            beat, self._late = self._late or self._sealed(BEAT, 0), b""
            try:
                sent = self._raw.send(beat, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except OSError:
                # Full or broken: the loop sees it. The beat has its number in the channel, so it goes before the next.
                self._late = beat
                return
        if sent != len(beat):
            self._loop.call_soon_threadsafe(self._listener.lost, self.number, "its connection took half a sign of life")

    def _sealed(self, kind: int, label: int, payload: bytes = b"") -> bytes:
        sealed = self._channel.seal(HEAD.pack(kind, label) + payload)
        return LENGTH.pack(len(sealed)) + sealed

    def data_received(self, data: bytes) -> None:
        """Split into messages."""
        self.heard = time.monotonic()
        self._data.extend(data)
        while len(self._data) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._data)[0]
            if end > LARGEST:
                return self._violation("a message larger than allowed")
            if len(self._data) < end:
                return None
            try:
                content = self._channel.open(self._data[LENGTH.size : end])
            except SealError as error:
                return self._violation(str(error))
            del self._data[:end]
            self._message(content)
        return None

    def _message(self, content: bytes) -> None:
        if len(content) < HEAD.size:
            return self._violation("a message without a kind")
        kind, label = HEAD.unpack_from(content)
        payload = bytes(content[HEAD.size :])
        if kind == DATA:
            self._arrived(label, payload)
        elif kind == KEYS:
            self._listener.keyed(self.number, payload)
        elif kind == LEAVE:
            self.over = True
            self._listener.left(self.number, label, plain(payload.decode(errors="replace"), 200))
        elif kind == BYE:
            self.said_bye = True
            if any(isinstance(waiting, asyncio.Future) for waiting in self._waiting.values()):
                self._listener.lost(self.number, EARLY)
            self._listener.bye(self.number)
        elif kind != BEAT:
            self._violation("a message of an unknown kind")
        return None

    def _arrived(self, label: int, payload: bytes) -> None:
        self.begun = True
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
        """Tell the session, unless the peer had said that it was done, or why it goes."""
        gone, self.over = self.over, True
        if not self.said_bye and not gone:
            self._listener.lost(self.number, "its connection broke" if exc else "its connection was closed")

    def close(self) -> None:
        """Close after what is buffered."""
        if self._transport is not None:
            self._transport.close()

    @property
    def unsent(self) -> int:
        """Bytes not yet taken by the socket."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()
