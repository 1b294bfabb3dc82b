"""A small agent for the host's programs, and the programs as an account that is not root's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness import starters

ROOT = starters.ROOT
NOBODY = 65534
STEWARD = NOBODY if os.getuid() == 0 else os.getuid()
"""The account that a test's allowances belong to."""
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
"""One that other accounts can start: that of the tests may lie in somebody's home."""
Lines = list[dict[str, Any]]


class Agent:
    """Answers each request with the lines for its verb; `asked` has the requests."""

    def __init__(self, path: Path, answers: Mapping[str, Lines]) -> None:
        self.path, self.answers, self.asked = path, dict(answers), list[dict[str, Any]]()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        path.chmod(0o666)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                request = json.loads(stream.readline())
                self.asked.append(request)
                for line in self.answers[request["verb"]]:
                    stream.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Go away."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def done(code: int = 0, **answer: Any) -> Lines:
    return [{"done": True, "exit": code, **answer}]


def run(
    *words: str, program: Path | None = None, uid: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `station` or another program, as another account where that is asked (and this one is root's)."""
    who: dict[str, Any] = {}
    if uid is not None and uid != os.getuid():
        who = {"user": uid, "group": uid, "extra_groups": []}
    whole = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    started = ["-E", str(program)] if program else ["-IS", "-c", starters.starter("station")]
    command = [PYTHON, *started, *words]
    return subprocess.run(command, env=whole, cwd="/", capture_output=True, text=True, check=False, **who)
