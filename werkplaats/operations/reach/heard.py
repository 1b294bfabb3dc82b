"""What a program says where others choose how much that is: a server that it logs in to, or a host on the way.

It goes to files and not to pipes: a shared connection holds a pipe open for as long as it lives, and so does one that
is dead. Whoever fills them is ended, and of what is read only so much comes into memory.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO

MOST = 2**20  # bytes that a login says besides what is asked for
MOST_ANSWERED = 64 * 2**20  # bytes of an answer
LAST = 4096  # bytes of a failure that are looked at
LOOK_SECONDS = 0.2
ENDED = -9
"""The exit code of a program that was ended here, which says why as its errors."""


class Limit:
    """Has `end` end the process that writes to these files, where one grows beyond `most` before this is closed."""

    def __init__(self, files: Iterable[IO[bytes]], end: Callable[[], object], most: int = MOST) -> None:
        self.passed = False
        self._files, self._end, self._most = list(files), end, most
        self._over = threading.Event()
        self._looks = threading.Thread(target=self._look, daemon=True)
        self._looks.start()

    @property
    def sentence(self) -> str:
        """What is said of whoever passed it."""
        return f"it says more than {self._most // 2**20} MiB"

    def close(self) -> None:
        """Look no more: the files may be closed then."""
        self._over.set()
        self._looks.join()

    def _look(self) -> None:
        while not self.passed and not self._over.wait(LOOK_SECONDS):
            self.passed = any(os.fstat(file.fileno()).st_size > self._most for file in self._files)
        if self.passed:
            self._end()


def last(file: IO[bytes], most: int = LAST) -> bytes:
    """The end of what was written to a file, whoever writes at the same time."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), most, max(0, size - most))


def run(
    command: Sequence[str],
    seconds: float,
    *,
    given: bytes | IO[bytes] = b"",
    environment: Mapping[str, str] | None = None,
    most: int = MOST_ANSWERED,
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with its output: of one that is late or says too much it is said, as that of its errors."""
    with contextlib.ExitStack() as stack:
        stdout, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        if isinstance(given, bytes):
            whole, given = given, stack.enter_context(tempfile.TemporaryFile())
            given.write(whole)
            given.seek(0)
        process = subprocess.Popen(command, stdin=given, stdout=stdout, stderr=stderr, env=environment)
        limit = Limit((stdout, stderr), process.kill, most)
        late = ""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            late = f"no answer within {seconds:.0f} s"
        finally:
            process.kill()  # whatever interrupts
            process.wait()
            limit.close()
        said, errors = (last(file, most).decode(errors="replace") for file in (stdout, stderr))
        why = late or (limit.sentence if limit.passed else "")
        code = ENDED if why else process.returncode
    return subprocess.CompletedProcess(command, code, said, f"{errors}\n{why}".strip() if why else errors)
