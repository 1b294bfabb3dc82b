"""The computer: a fork server; each session runs in a process of its own.

The first session has it load numpy, gmpy2 and MPyC, for all that follow: a station that only contributes never does.

It serves one socket in one folder, for the agent's uid only, and sees no key, no peer's socket, no data and no
allowance. `python3 -m station_image.runtime.computer`
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from types import FrameType

from .base.contract import AGENT_UID
from .base.folders import Folders
from .base.journal import note
from .wire import frames
from .wire.connection import peer_uid

MOST_SESSIONS = 8
"""More than an agent begins at once, acceptance included: one that just ended may still be there."""
Run = Callable[[socket.socket], None]


def main() -> int:
    """Serve until stopped."""
    agent_uid = int(os.environ.get("STATION_AGENT_UID", AGENT_UID))
    listener = _listen(str(Folders.from_environment().computer_socket))
    children: dict[int, int] = {}  # pidfd → pid: what ended is told like what arrives, and no signal interrupts

    def stop(_: int, __: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    note("computer-ready")
    while True:
        watched: list[socket.socket | int] = [listener, *children]
        ready, _, _ = select.select(watched, [], [])
        for ended in children.keys() & set(ready):
            os.waitpid(children.pop(ended), 0)
            os.close(ended)
        if listener not in ready:
            continue
        sock, _ = listener.accept()
        with sock:
            if peer_uid(sock) != agent_uid:
                note("computer-refused", uid=peer_uid(sock))
            elif len(children) >= MOST_SESSIONS:
                _refuse(sock, "too many sessions in this station's computer")
            else:
                _start(sock, listener, _loaded(), children)


@functools.cache
def _loaded() -> Run:
    """What runs a session, with all that is heavy."""
    # Read when numpy is loaded. Sessions share the cores as it is, and threads that wait for each other spin.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from .mpc import confine, session

    gc.collect()
    gc.freeze()  # what is loaded stays shared between the processes of sessions

    def run(sock: socket.socket) -> None:
        confine.confine()
        session.run(sock)

    return run


def _start(sock: socket.socket, listener: socket.socket, run: Run, children: dict[int, int]) -> None:
    try:
        child = os.fork()
    except OSError as error:
        _refuse(sock, f"no process can be started in this station's computer ({error.strerror})")
        return
    if not child:
        listener.close()
        for other in children:
            os.close(other)
        _child(sock, run)
    children[os.pidfd_open(child)] = child


def _refuse(sock: socket.socket, reason: str) -> None:
    with contextlib.suppress(OSError):
        sock.sendall(frames.encode({"event": "failed", "root": None, "reason": reason}))


def _child(sock: socket.socket, run: Run) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        run(sock)
    except BaseException:
        # Only where it happened: the text of an exception may hold values.
        frame = traceback.extract_tb(sys.exc_info()[2])[-1]
        note("session-crashed", kind=sys.exc_info()[0], place=f"{frame.filename}:{frame.lineno}")
    finally:
        sys.stdout.flush()
        os._exit(0)


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.lexists(path):  # a socket of the process before this one, perhaps dangling
        os.unlink(path)  # noqa: PTH108
    before = os.umask(0o007)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


if __name__ == "__main__":
    raise SystemExit(main())
