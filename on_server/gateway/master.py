"""Talks to HAProxy's master process: one reload that tells how it ended, and the sessions of every worker.

Source: HAProxy management guide 3.0, section 9.4 "Master CLI".
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

SOCKET = Path("/run/werkplaats-gateway/master.sock")
SECONDS = 60.0


class MasterError(Exception):
    """A sentence: the master does not answer, or refuses."""


def ask(command: str, path: Path = SOCKET) -> str:
    """Send one command and return the whole answer."""
    try:
        with socket.socket(socket.AF_UNIX) as master:
            master.settimeout(SECONDS)
            master.connect(str(path))
            master.sendall(command.encode() + b"\n")
            master.shutdown(socket.SHUT_WR)
            said = bytearray()
            while part := master.recv(65536):
                said += part
    except OSError as problem:
        raise MasterError(
            f"the gateway does not answer on {path} ({problem}); see `systemctl status werkplaats-gateway`"
        ) from None
    return said.decode(errors="replace")


def reload(path: Path = SOCKET) -> None:
    """Load the configuration anew; the old worker keeps serving when that fails. Raises MasterError with the reason."""
    said = ask("reload", path)
    if not said.startswith("Success=1"):
        raise MasterError(f"HAProxy did not take the new configuration: {' '.join(said.split())}")


def workers(path: Path = SOCKET) -> list[int]:
    """Return the process ids of all workers, those of earlier configurations included."""
    return [
        int(row[0]) for line in ask("show proc", path).splitlines() if (row := line.split()) and row[1:2] == ["worker"]
    ]


def sessions(peer: str, path: Path = SOCKET) -> list[tuple[int, str]]:
    """Return (worker, session) for each running session with a peer, in both directions."""
    ours = re.compile(rf" (?:fe|be)=(?:from|to)\.{re.escape(peer)} ")
    found = []
    for worker in workers(path):
        for line in ask(f"@!{worker} show sess", path).splitlines():
            if ours.search(line):
                found.append((worker, line.split(":", 1)[0]))
    return found


def shut(peer: str, path: Path = SOCKET) -> int:
    """End all running sessions with a peer in every worker; returns how many there were."""
    found = sessions(peer, path)
    for worker, session in found:
        ask(f"@!{worker} shutdown session {session}", path)
    return len(found)
