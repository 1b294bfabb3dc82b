"""A program at a terminal of its own, and somebody who reads what it shows and types."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import sys
import termios
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[4]
SECONDS = 60.0
COMMAND = "import sys; from werkplaats import cli; sys.exit(cli.main())"
"""The program that is the command itself."""

# Logs in to all servers of an inventory and says what comes of each step, a line each.
LOGINS = """
import subprocess, sys
from pathlib import Path
from stacks.engine import install
from werkplaats.operations.reach import inventory, remote, ssh_config
listed, folder, own = map(Path, sys.argv[1:])
ssh_config.OWN = (str(own),)
servers = inventory.read(listed)
with remote.Remotes(servers, folder, folder / "config") as remotes:
    print("lost:", remotes.probe(), flush=True)
    for server in servers:
        print("asked:", remotes.ask(server.organisation, "echo", "hier").stdout, flush=True)
    remotes.open_for_engine([server.organisation for server in servers])
    for server in servers:
        ssh = [install.PROGRAMS / "ssh", "-F", folder / "config", "-T", "--", f"{server.organisation}.engine"]
        print("engine:", subprocess.run([*ssh, "echo daar"], capture_output=True, text=True), flush=True)
print("ended", flush=True)
"""


class Terminal:
    """`program` (text of Python) at a terminal; leaving ends it. What it shows is waited for `seconds` each time."""

    def __init__(self, program: str, *words: object, **environment: str) -> None:
        self.shown, self.seconds = "", SECONDS
        self._decode = codecs.getincrementaldecoder("utf-8")().decode  # what is read may end within a character
        self.pid, self._line = pty.fork()
        if not self.pid:
            # As whoever sits at a terminal has it; what runs in the background may ignore it (sh, nohup).
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.chdir(ROOT)
            command = [sys.executable, "-c", program, *map(str, words)]
            os.execve(command[0], command, os.environ | environment)  # noqa: S606

    def until(self, text: str) -> str:
        """Read until it shows a text; returns what it shows before."""
        before = self.asks(text)
        assert before is not None, self.shown
        return before

    def asks(self, text: str) -> str | None:
        """The same of what may end without it: None then, and `shown` is what it showed last."""
        end = time.monotonic() + self.seconds
        while text not in self.shown:
            assert select.select([self._line], [], [], end - time.monotonic())[0], f"no {text!r}: {self.shown}"
            try:
                self.shown += self._decode(os.read(self._line, 65536))
            except OSError:  # it ended (EIO, pty(7))
                return None
        before, _, self.shown = self.shown.partition(text)
        return before

    def quiet(self, seconds: float = 0.5) -> bool:
        """Whether it shows no more lines for so long."""
        end = time.monotonic() + seconds
        while select.select([self._line], [], [], max(0.0, end - time.monotonic()))[0]:
            self.shown += self._decode(os.read(self._line, 65536))
        return "\n" not in self.shown

    def echoes(self) -> bool:
        """Whether what is typed is shown: who is left with a terminal that does not cannot use it."""
        return bool(termios.tcgetattr(self._line)[3] & termios.ECHO)

    def type(self, text: str) -> None:
        os.write(self._line, text.encode())

    def end(self) -> int:
        """Wait for its end; returns its exit code, negative for a signal."""
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind and self.pid:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self._line)
