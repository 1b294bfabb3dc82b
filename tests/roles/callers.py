"""Callers of a gateway: TLS clients with the certificates that the tests give them, and impostor servers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

SECONDS = 5.0


def context(certificate: Path | None, alpn: str | None = "mpc/1") -> ssl.SSLContext:
    """A client that trusts whoever answers: these callers are the ones that the gateway must judge."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if certificate:
        made.load_cert_chain(certificate)
    if alpn:
        made.set_alpn_protocols([alpn])
    return made


@contextlib.contextmanager
def call(
    address: str, port: int, made: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> Iterator[ssl.SSLSocket]:
    """Open a connection through the gateway."""
    with (
        socket.create_connection((address, port), SECONDS) as plain,
        made.wrap_socket(plain, server_hostname="gateway", session=session) as secured,
    ):
        yield secured


def greeting(address: str, port: int, certificate: Path | None, alpn: str | None = "mpc/1") -> str:
    """Return the agent's first line, "" when the gateway ends the connection instead.

    In TLS 1.3 a client learns that its certificate is refused when it reads (RFC 8446, section 4.4.2.4).
    """
    try:
        with call(address, port, context(certificate, alpn)) as secured:
            secured.sendall(b"hello")
            return line(secured)
    except (ssl.SSLError, ConnectionError):
        return ""


def line(connection: socket.socket) -> str:
    """Read up to the first newline; "" when the other side ends first. A silent other side is a TimeoutError."""
    said = b""
    while not said.endswith(b"\n"):
        part = connection.recv(1)
        if not part:
            return ""
        said += part
    return said.decode().strip()


@contextlib.contextmanager
def impostor(address: str, certificate: Path, alpn: str | None = "mpc/1") -> Iterator[int]:
    """A TLS server that greets whoever calls it with `impostor`; yields its port."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    if alpn:
        made.set_alpn_protocols([alpn])
    with socket.create_server((address, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                with contextlib.suppress(ssl.SSLError, OSError), made.wrap_socket(plain, server_side=True) as secured:
                    secured.sendall(b"impostor\n")
                    secured.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
