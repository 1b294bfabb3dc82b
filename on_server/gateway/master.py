"""Talks to HAProxy's master process: one reload that tells how it ended, and the sessions of every worker.

Source: HAProxy management guide 3.0, section 9.4 "Master CLI".
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SOCKET = Path("/run/werkplaats-gateway/master.sock")
UNIT = "werkplaats-gateway.service"
# For an answer, at each try. A master that loads another configuration begins anew, and what it was asked just before
# may never be answered: on a busy machine a worker of the new one served after 0.2 s, and nothing was answered in 60.
TRIES, ONCE = (5.0, 10.0, 20.0, 25.0), (60.0,)
RELOAD_SECONDS, LOOK_SECONDS = 10.0, 50.0
SECONDS = 15.0  # a handshake that an earlier worker was in the middle of ends well within this
PAUSE, BEGIN_SECONDS = 0.02, 0.2
PEER = re.compile(r" (?:fe|be)=(from|to)\.(\S+) ")
# The side of the peer, closed for good (SC_ST_CLO of HAProxy 3.0). Of a peer that was not reached a stream may be left
# that no `shutdown session` ends: nobody is at its other side, and nobody comes there.
OVER = {"from": re.compile(r" scf=\[10,"), "to": re.compile(r" scb=\[10,")}
CONTROL = re.compile(r" fe=(?:GLOBAL|MASTER) ")


class MasterError(Exception):
    """A sentence: the master does not answer, or refuses."""


def ask(command: str, path: Path = SOCKET, tries: Sequence[float] | None = None) -> str:
    """Send one command and return the whole answer; asked anew where none comes in the seconds of a try."""
    problem: OSError | None = None
    for seconds in TRIES if tries is None else tries:
        try:
            return _asked(command, path, seconds)
        except (TimeoutError, ConnectionResetError) as error:
            problem = error
        except OSError as error:
            problem = error
            break
    raise MasterError(f"the gateway does not answer on {path} ({problem}); see `systemctl status werkplaats-gateway`")


def _asked(command: str, path: Path, seconds: float) -> str:
    with socket.socket(socket.AF_UNIX) as master:
        master.settimeout(seconds)
        master.connect(str(path))
        master.sendall(command.encode() + b"\n")
        master.shutdown(socket.SHUT_WR)
        said = bytearray()
        while part := master.recv(65536):
            said += part
    return said.decode(errors="replace")


def reload(path: Path = SOCKET) -> None:
    """Load the configuration anew; the old worker keeps serving when that fails. Raises MasterError with the reason.

    Where no answer comes, a worker that was not there before is one: HAProxy 3.0 starts it once it took all of it.
    """
    before = workers(path)
    try:
        said = ask("reload", path, [RELOAD_SECONDS])
    except MasterError:
        if not _begins(before, path):
            raise
        return
    if not said.startswith("Success=1"):
        raise MasterError(f"HAProxy did not take the new configuration: {' '.join(said.split())}")


def _begins(before: list[int], path: Path) -> bool:
    """Whether a worker begins that is none of those of before; waits for it."""
    until = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(MasterError):  # it may just begin anew
            if {*workers(path)} - {*before}:
                return True
        time.sleep(PAUSE)
    return False


def workers(path: Path = SOCKET) -> list[int]:
    """Return the process ids of all workers, the newest first, those of earlier configurations included.

    Raises MasterError where it tells of none: one that begins anew ends what it was asked without a word, and taken for
    an answer, that nothing runs would be true of all that a cut has to end.
    """
    for _ in TRIES:
        rows = map(str.split, ask("show proc", path).splitlines())
        if found := [int(row[0]) for row in rows if row[1:2] == ["worker"]]:
            return found
        time.sleep(BEGIN_SECONDS)
    raise MasterError(f"the gateway tells of no worker on {path}; see `systemctl status werkplaats-gateway`")


class Session(NamedTuple):
    """One running session of one worker; its id is a pointer, good for a moment."""

    worker: int
    id: str
    peer: str


def sessions(path: Path = SOCKET) -> list[Session]:
    """Return the running sessions with peers, in both directions, of all workers."""
    return _look(path)[0]


def _look(path: Path, wait: bool = False, earlier_only: bool = False) -> tuple[list[Session], bool]:
    """The running sessions, and when `wait` whether an earlier worker has connections that are no sessions yet.

    Both from one list of sessions, asked before the connections are counted: a handshake that ends meanwhile is
    counted as one. Of two lists, it would be in the first no session yet, and in the second no handshake any more.
    """
    found, handshakes = [], False
    for earlier, worker in enumerate(workers(path)):
        said = ask(f"@!{worker} show sess", path)
        if earlier or not earlier_only:
            found += _sessions(worker, said)
        if wait and earlier:
            streams = [line for line in said.splitlines() if line.startswith("0x") and not CONTROL.search(line)]
            connections = re.search(r"^CurrConns: (\d+)$", ask(f"@!{worker} show info", path), re.MULTILINE)
            handshakes = handshakes or bool(connections and int(connections[1]) > len(streams))
    return found, handshakes


def _sessions(worker: int, said: str) -> list[Session]:
    found = []
    for line in said.splitlines():
        if (peer := PEER.search(line)) and not OVER[peer[1]].search(line):
            found.append(Session(worker, line.split(":", 1)[0], peer[2]))
    return found


def end(gone: Callable[[str], bool], wait: bool, path: Path = SOCKET, *, earlier_only: bool = False) -> int:
    """End all sessions with peers that are `gone` in every worker, until there is none; returns how many there were.

    `wait` also for callers in the middle of a handshake with an earlier worker: it judges them by what it had loaded.
    `earlier_only`: those of the newest worker stay, which judged them by what is loaded now.
    """
    ended, until = 0, time.monotonic() + SECONDS
    while True:
        running, handshakes = _look(path, wait, earlier_only)
        found = [one for one in running if gone(one.peer)]
        if not found and not handshakes:
            return ended
        for one in found:
            # Once: its id is good for a moment, and may be another's when that is asked anew.
            ask(f"@!{one.worker} shutdown session {one.id}", path, ONCE)
        ended += len(found)
        if time.monotonic() > until:
            names = ", ".join(sorted({one.peer for one in found})) or "callers in the middle of a handshake"
            raise MasterError(f"sessions with {names} do not end; stop the gateway: systemctl stop {UNIT}")
        time.sleep(PAUSE)
