"""Stands in for the agent on a test server: answers every connection with the identity that the gateway handed over.

First line to the caller: `<unique-id> <uid of the gateway>`; then it echoes. Each connection is also noted in the file
that is given, so that a test can see that nothing reached the agent.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading

PATH = "/run/werkplaats/agent/mesh.sock"
UNIQUE_ID = 0x05  # PP2_TYPE_UNIQUE_ID, PROXY protocol 2.2
ADDRESS_BYTES = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}


def unique_id(connection: socket.socket) -> str:
    """Read the PROXY v2 header."""
    head = connection.recv(16, socket.MSG_WAITALL)
    body = connection.recv(struct.unpack("!H", head[14:16])[0], socket.MSG_WAITALL)
    at = ADDRESS_BYTES[head[13]]
    while at < len(body):
        kind, size = body[at], struct.unpack("!H", body[at + 1 : at + 3])[0]
        if kind == UNIQUE_ID:
            return body[at + 3 : at + 3 + size].decode()
        at += 3 + size
    return "-"


def serve(connection: socket.socket, note: str) -> None:
    """Serve one caller."""
    uid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    name = unique_id(connection)
    with open(note, "a") as seen:  # noqa: PTH123
        seen.write(f"{name}\n")
    connection.sendall(f"{name} {uid}\n".encode())
    while part := connection.recv(65536):
        connection.sendall(part)
    connection.close()


def main() -> None:
    """Listen."""
    os.umask(0o117)
    if os.path.exists(PATH):  # noqa: PTH110
        os.unlink(PATH)  # noqa: PTH108
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(PATH)
    listening.listen(128)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=serve, args=(connection, sys.argv[1]), daemon=True).start()


if __name__ == "__main__":
    main()
