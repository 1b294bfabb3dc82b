"""One process of root on a server that runs programs, one after another.

A login, sudo and a Python for each would cost more than most of what is asked.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import paramiko

LOGIN_SECONDS = 60.0  # of a login with everything behind it, on a busy machine
# What programs say is read, so it is said in English: LANGUAGE counts before LC_ALL, and sudo keeps both (gettext(3)).
_IN_ENGLISH = ("/usr/bin/env", "--unset=LANGUAGE", "LC_ALL=C.UTF-8")
_MOST = 64 * 2**20  # bytes of an answer
_PROGRAM = """
import json, subprocess, sys
for line in sys.stdin:
    command, given = json.loads(line)
    try:
        done = subprocess.run(command, input=given.encode("latin-1"), capture_output=True)
        answer = [done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")]
    except OSError as error:
        answer = [127, "", f"{error}\\n"]
    print(json.dumps(answer), flush=True)
"""


class Shell:
    """The process, in a session of its own on an open connection."""

    def __init__(self, channel: paramiko.Channel) -> None:
        """Start it."""
        self._channel = channel
        channel.settimeout(LOGIN_SECONDS)
        channel.exec_command(shlex.join(("sudo", "-n", *_IN_ENGLISH, "/usr/bin/python3", "-ISu", "-c", _PROGRAM)))
        self._answers = channel.makefile("rb")

    def __call__(self, command: Sequence[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Run one program; returns exit code and outputs. Raises OSError, EOFError when there is no answer."""
        self._channel.settimeout(seconds)
        try:
            self._channel.sendall(json.dumps([list(command), given.decode("latin-1")]).encode() + b"\n")
            answer = self._answers.readline(_MOST)
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {seconds:.0f} s") from error
        except OSError:  # it was closed before all was sent
            answer = b""
        if len(answer) >= _MOST:
            raise EOFError(f"its answer is longer than {_MOST // 2**20} MiB")
        if not answer.endswith(b"\n"):  # nothing, or a part that was under way
            said: bytes = self._channel.makefile_stderr("rb").read()
            raise EOFError(said.decode(errors="replace") or "it ended the connection")
        return _read(answer)


def _read(answer: bytes) -> tuple[int, bytes, bytes]:
    """Exit code and outputs; whatever else a server says is an EOFError, and ends the run of nobody else."""
    try:
        match json.loads(answer):
            case [int(code), str(stdout), str(stderr)]:
                return code, stdout.encode("latin-1"), stderr.encode("latin-1")
    except (ValueError, RecursionError) as error:
        raise EOFError(f"its answer cannot be read: {answer[:80]!a}") from error
    raise EOFError(f"its answer is none of a program: {answer[:80]!a}")
