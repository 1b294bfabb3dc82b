"""Programs of root's for whoever left the terminal: sudo knows a password by the terminal at which it was given.

Docker's client starts its ssh in a session of its own (setsid(2)), where sudo would ask again. So the `ssh` that the
engine finds hands what it would run, and its three streams, to the command that was started at the terminal.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from base import files, values

WHERE = "WERKPLAATS_LENDING"
_LONGEST = 65536  # bytes of what is to be run


class Lending:
    """Starts what it is given, by `root`, from when it is made until it is closed; `folder` is ours alone."""

    def __init__(self, folder: Path, root: Sequence[str]) -> None:
        for left in folder.glob("lend-*"):
            if not files.is_alive(int(left.name.split("-")[1])):
                left.unlink(missing_ok=True)
        self._path = folder / f"lend-{os.getpid()}-{id(self):x}"
        self._root = root
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._path))
        self._listening.listen(128)
        threading.Thread(target=self._serve, daemon=True).start()
        os.environ[WHERE] = str(self._path)

    def close(self) -> None:
        """Start nothing any more."""
        self._path.unlink(missing_ok=True)
        os.environ.pop(WHERE, None)
        with contextlib.suppress(OSError):  # nobody called
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._lend, args=(line,), daemon=True).start()

    def _lend(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError, ValueError):  # who asked has gone
            said, streams, _, _ = socket.recv_fds(line, _LONGEST, 3)
            try:
                into, out, errors = streams
                command = [*self._root, *map(str, values.parsed(said))]
                process = subprocess.Popen(command, stdin=into, stdout=out, stderr=errors, process_group=0)
            finally:
                for stream in streams:
                    os.close(stream)
            line.sendall(str(process.wait()).encode())
