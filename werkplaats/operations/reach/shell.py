"""One process of root on a server that runs programs, one after another.

A login, sudo and a Python for each would cost more than most of what is asked.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, cast

from werkplaats.operations.reach import heard

LOGIN_SECONDS = 60.0  # of a login with everything behind it, on a busy machine
# What programs say is read, so it is said in English: LANGUAGE counts before LC_ALL, and sudo keeps both (gettext(3)).
_IN_ENGLISH = ("/usr/bin/env", "--unset=LANGUAGE", "LC_ALL=C.UTF-8")
# Without any import but what every Python has begun with: of what a revocation costs each server, `json` and
# `subprocess` alone were a tenth. In hexadecimal: command and input, and back exit code, output and errors.
# A login, or sudo, may have a umask of 077, and what a program makes is for other accounts too. Guides to
# hardening leave /usr/local out of the path that sudo gives, and programs of ours are there.
# Python ignores SIGPIPE and SIGXFSZ, 13 and 25, and a program would with it. What it says goes to files in memory, so
# it is not to open /dev/stdout anew: that begins the file again.
_PROGRAM = """
import os, sys
os.umask(0o022)
os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
def run(command, given):
    streams = []
    try:
        streams += (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
        os.write(streams[0], given)
        os.lseek(streams[0], 0, os.SEEK_SET)
        placed = [(os.POSIX_SPAWN_DUP2, stream, place) for place, stream in enumerate(streams)]
        child = os.posix_spawnp(command[0], command, os.environ, file_actions=placed, setsigdef=(13, 25))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, *(os.pread(stream, os.fstat(stream).st_size, 0) for stream in streams[1:])
    except (OSError, ValueError) as error:
        return 127, b"", f"{error}\\n".encode()
    finally:
        for stream in streams:
            os.close(stream)
print(sys.argv[1], flush=True)
for line in sys.stdin:
    if not line.endswith("\\n"):
        break  # it was cut off on the way, and would be another one
    command, given = map(bytes.fromhex, line.split(" "))
    code, stdout, stderr = run(command.split(b"\\0"), given)
    print(code, stdout.hex(), stderr.hex(), flush=True)
"""
_NO_WORD = re.compile("[\0\ud800-\udfff]")
_ANSWER = re.compile(rb"(-?[0-9]{1,3}) ([0-9a-f]*) ([0-9a-f]*)\n")


class Shell:
    """The process, over a login of its own on the shared connection; `way` are the words before a line of a shell's.

    `start` is what starts it, as `subprocess.Popen` does. `root`: what makes a program root's.
    """

    def __init__(
        self,
        way: Sequence[str],
        start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
        root: Sequence[str] = ("sudo", "-n"),
    ) -> None:
        """Start it. Raises OSError or EOFError when there is none."""
        begins = secrets.token_hex(16)
        # One line of letters in quotes, whatever shell the login has: csh takes no line break, fish no here-document.
        code = f"exec(bytes.fromhex('{_PROGRAM.encode().hex()}'))"
        words = (*root, *_IN_ENGLISH, "/usr/bin/python3", "-ISuc", code.replace("'", '"'), begins)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        self._process = start(
            [*way, shlex.join(words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._limit = heard.Limit([self._errors], self._process.kill)
        self._to, self._from = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        with self._within(LOGIN_SECONDS):
            self._pass_over(begins.encode() + b"\n")

    def __call__(self, command: Sequence[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Run one program; returns exit code and outputs. Raises OSError, EOFError when there is no answer."""
        with self._within(seconds):
            line = _line(command, given)
            with contextlib.suppress(BrokenPipeError):  # it was closed before all was sent
                self._to.write(line)
                self._to.flush()
            answer = self._from.readline(2 * heard.MOST_ANSWERED)  # in hexadecimal
            if len(answer) >= 2 * heard.MOST_ANSWERED:
                raise EOFError(f"its answer is longer than {heard.MOST_ANSWERED // 2**20} MiB")
            if not answer.endswith(b"\n"):  # nothing, or a part that was under way
                raise EOFError(self._why())
        return _read(answer)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._limit.close()
        self._errors.close()

    def _pass_over(self, begins: bytes) -> None:
        """What a login prints by itself, up to the line with which the program begins."""
        passed = 0
        while (line := self._from.readline(heard.MOST)) and not line.endswith(begins):
            passed += len(line)
            if passed >= heard.MOST:
                raise EOFError(f"its login prints more than {heard.MOST // 2**20} MiB before any program begins")
        if not line:
            raise EOFError(self._why())

    def _why(self) -> str:
        self._process.wait()
        if self._limit.passed:
            return self._limit.sentence
        said = heard.last(self._errors, 2000).decode(errors="replace").strip()
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


def _line(command: Sequence[str], given: bytes) -> bytes:
    """What is sent; an EOFError for a command of which servers told a part that no command can have."""
    if any(map(_NO_WORD.search, command)):
        raise EOFError(f"no program can be given such words: {command!a}"[:200])
    words = "\0".join(command).encode()
    return f"{words.hex()} {given.hex()}\n".encode()


def _read(answer: bytes) -> tuple[int, bytes, bytes]:
    """Exit code and outputs; whatever else a server says is an EOFError, and ends the run of nobody else."""
    if not (said := _ANSWER.fullmatch(answer)):
        raise EOFError(f"its answer is none of a program: {answer[:80]!a}")
    try:
        return int(said[1]), bytes.fromhex(said[2].decode()), bytes.fromhex(said[3].decode())
    except ValueError as error:
        raise EOFError(f"its answer cannot be read: {answer[:80]!a}") from error
