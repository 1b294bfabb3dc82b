"""The PROXY protocol header, version 2, that the gateway writes in front of a peer's bytes.

Only the unique-id (type 0x05) is taken: `<peer id>|<base64 of the SHA-256 of the peer's certificate>`, both as the
gateway verified them. Source: HAProxy, doc/proxy-protocol.txt, section 2.2.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from .connection import Connection, ConnectionLostError

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
UNIQUE_ID = 0x05
ADDRESS_LENGTHS = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
LONGEST = 1024


class ProxyError(ValueError):
    """The first bytes are not a PROXY header with an identity."""


@dataclass(frozen=True)
class Identity:
    """Who the gateway verified: the peer's id and the fingerprint of the certificate it showed."""

    peer: str
    fingerprint: str


async def read(connection: Connection, timeout: float = 5.0) -> Identity:
    """Read the header. Raises ProxyError, or ConnectionLostError for a connection that says nothing."""
    try:
        async with asyncio.timeout(timeout):
            head = bytes(await connection.read_exactly(16))
            length = struct.unpack("!H", head[14:])[0]
            if head[:12] != SIGNATURE or head[12] != 0x21 or length > LONGEST:
                raise ProxyError("no PROXY header of a proxied connection")
            return parse(head[13], bytes(await connection.read_exactly(length)))
    except TimeoutError as error:
        raise ConnectionLostError("the gateway said nothing") from error


def parse(family: int, payload: bytes) -> Identity:
    """The identity in the part after the sixteen fixed bytes. Raises ProxyError when there is none."""
    if family not in ADDRESS_LENGTHS:
        raise ProxyError("a PROXY header of an unknown address family")
    rest = payload[ADDRESS_LENGTHS[family] :]
    while len(rest) >= 3:
        kind, length = struct.unpack("!BH", rest[:3])
        value, rest = rest[3 : 3 + length], rest[3 + length :]
        if kind == UNIQUE_ID and len(value) == length:
            return _identity(value)
    raise ProxyError("a PROXY header without a unique-id; the gateway must send proxy-v2-options unique-id")


def _identity(value: bytes) -> Identity:
    try:
        peer, fingerprint = value.decode("ascii").split("|")
    except ValueError as error:
        raise ProxyError("a unique-id that is not <peer id>|<fingerprint>") from error
    # 44 characters are a whole SHA-256 in base64: the gateway cuts a long unique-id without saying so.
    if not peer or len(fingerprint) != 44:
        raise ProxyError("a unique-id that was cut; the peer's id is too long")
    return Identity(peer, fingerprint)
