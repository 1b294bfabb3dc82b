"""One process of root on a server that runs programs, one after another.

A login, sudo and a Python for each would cost more than most of what is asked.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, cast

LOGIN_SECONDS = 60.0  # of a login with everything behind it, on a busy machine
# What programs say is read, so it is said in English: LANGUAGE counts before LC_ALL, and sudo keeps both (gettext(3)).
_IN_ENGLISH = ("/usr/bin/env", "--unset=LANGUAGE", "LC_ALL=C.UTF-8")
_MOST = 64 * 2**20  # bytes of an answer
_MOST_BEFORE = 2**20  # bytes that a login prints before the program speaks
# A login, or sudo, may have a umask of 077, and what a program makes is for other accounts too. Guides to
# hardening leave /usr/local out of the path that sudo gives, and programs of ours are there.
_PROGRAM = """
import json, os, subprocess, sys
os.umask(0o022)
os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
print(sys.argv[1], flush=True)
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
    """The process, over a login of its own on the shared connection; `ssh` are the words that log in.

    `start` is what starts it, as `subprocess.Popen` does.
    """

    def __init__(self, ssh: Sequence[str], start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen) -> None:
        """Start it. Raises OSError or EOFError when there is none."""
        begins = secrets.token_hex(16)
        # One line of letters in quotes, whatever shell the login has: csh takes no line break, fish no here-document.
        code = f"import base64;exec(base64.b64decode('{base64.b64encode(_PROGRAM.encode()).decode()}'))"
        words = ("sudo", "-n", *_IN_ENGLISH, "/usr/bin/python3", "-ISuc", code.replace("'", '"'), begins)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        self._process = start(
            [*ssh, shlex.join(words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._to, self._from = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        with self._within(LOGIN_SECONDS):
            self._pass_over(begins.encode() + b"\n")

    def __call__(self, command: Sequence[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Run one program; returns exit code and outputs. Raises OSError, EOFError when there is no answer."""
        with self._within(seconds):
            with contextlib.suppress(BrokenPipeError):  # it was closed before all was sent
                self._to.write(json.dumps([list(command), given.decode("latin-1")]).encode() + b"\n")
                self._to.flush()
            answer = self._from.readline(_MOST)
            if len(answer) >= _MOST:
                raise EOFError(f"its answer is longer than {_MOST // 2**20} MiB")
            if not answer.endswith(b"\n"):  # nothing, or a part that was under way
                raise EOFError(self._why())
        return _read(answer)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _pass_over(self, begins: bytes) -> None:
        """What a login prints by itself, up to the line with which the program begins."""
        passed = 0
        while (line := self._from.readline(_MOST_BEFORE)) and not line.endswith(begins):
            passed += len(line)
            if passed >= _MOST_BEFORE:
                raise EOFError(f"its login prints more than {_MOST_BEFORE // 2**20} MiB before any program begins")
        if not line:
            raise EOFError(self._why())

    def _why(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read()[-2000:].decode(errors="replace").strip()
        return said or "it ended the connection"

    @contextlib.contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Raise TimeoutError for what is not over in time, and close for whatever goes wrong."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            yield
        except (OSError, EOFError) as error:
            self.close()
            if late.is_set():
                raise TimeoutError(f"no answer within {seconds:.0f} s") from error
            raise
        finally:
            timer.cancel()


def _read(answer: bytes) -> tuple[int, bytes, bytes]:
    """Exit code and outputs; whatever else a server says is an EOFError, and ends the run of nobody else."""
    try:
        match json.loads(answer):
            case [int(code), str(stdout), str(stderr)]:
                return code, stdout.encode("latin-1"), stderr.encode("latin-1")
    except (ValueError, RecursionError) as error:
        raise EOFError(f"its answer cannot be read: {answer[:80]!a}") from error
    raise EOFError(f"its answer is none of a program: {answer[:80]!a}")
