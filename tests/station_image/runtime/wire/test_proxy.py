"""The PROXY header: only a whole identity of a proxied connection passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station_image.runtime.wire import proxy
from station_image.runtime.wire.connection import Connection, ConnectionLostError

PRINT = "A" * 43 + "="


def header(value: bytes, family: int = 0x11, command: int = 0x21, before: bytes = b"") -> bytes:
    payload = b"\0" * proxy.ADDRESS_LENGTHS.get(family, 0) + before
    payload += struct.pack("!BH", proxy.UNIQUE_ID, len(value)) + value
    return proxy.SIGNATURE + bytes([command, family]) + struct.pack("!H", len(payload)) + payload


def read(data: bytes) -> proxy.Identity:
    async def run() -> proxy.Identity:
        ours, theirs = socket.socketpair()
        theirs.sendall(data)
        theirs.close()
        connection = Connection(ours)
        try:
            return await proxy.read(connection)
        finally:
            connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize("family", sorted(proxy.ADDRESS_LENGTHS))
def test_the_identity_is_taken_from_the_unique_id_for_every_address_family(family: int) -> None:
    other = struct.pack("!BH", 0x20, 5) + b"\1\0\0\0\0"
    found = read(header(f"gerda.ggd|{PRINT}".encode(), family, before=other))
    assert found == proxy.Identity("gerda.ggd", PRINT)


@pytest.mark.parametrize(
    "data",
    [
        header(f"gerda.ggd|{PRINT}".encode(), command=0x20),
        header(f"gerda.ggd|{PRINT}".encode(), family=0x77),
        header(f"gerda.ggd|{PRINT[:-3]}".encode()),
        header(f"|{PRINT}".encode()),
        header(f"gerda.ggd|x|{PRINT}".encode()),
        header(b"gerda.ggd"),
        header("gerda.gg\u00e9|".encode() + PRINT.encode()),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        proxy.SIGNATURE + b"\x21\x11\xff\xff",
        proxy.SIGNATURE + b"\x21\x11\x00\x0c" + b"\0" * 12,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(proxy.ProxyError):
        read(data)


@given(st.sampled_from([0x00, 0x11, 0x21, 0x31]), st.binary(max_size=400))
def test_no_payload_raises_anything_but_a_proxy_error(family: int, payload: bytes) -> None:
    with contextlib.suppress(proxy.ProxyError):
        assert proxy.parse(family, payload).peer


def test_a_gateway_that_says_nothing_whole_is_given_up() -> None:
    with pytest.raises(ConnectionLostError):
        read(proxy.SIGNATURE)
