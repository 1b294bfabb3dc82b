"""Puts a text in the place of a file that is still what somebody looked at, while the follower places nothing.

    instead.py PATH LOCK     standard input is JSON: {"before", "text"}; `before` is null where there was no file

`werkplaats accept` and `up` send this program to a server: what was judged there is what is written over, and no later
publication that the follower took meanwhile. Exit codes: 0 it lies there, 3 something else lies there by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

OTHER = 3
SECONDS = 120.0
"""For which the lock is waited for: the follower holds it while it has a publication read, and the gateway reload."""


class OtherError(Exception):
    """A sentence: what lies there is not what was looked at."""


@contextlib.contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """As `disk.locked`, which no server has before it is configured; where the folder is not there no follower is."""
    if not path.parent.is_dir():
        yield
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _take(handle, time.monotonic() + seconds)
        yield
    finally:
        os.close(handle)


def _take(handle: int, end: float) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > end:
            raise TimeoutError("the follower is at work on it for too long: werkplaats-follow --tell says at what")
        time.sleep(0.1)


def put(path: Path, before: str | None, text: str) -> None:
    """Put it there, whole or not at all; raises OtherError where something else lies there than `before` or itself."""
    there = _read(path)
    if there == _line(text):
        return
    if there != (None if before is None else _line(before)):
        raise OtherError("what is accepted there is another by now than was looked at")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(text.encode())
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def _read(path: Path) -> str | None:
    """As whoever looked read it: over a connection, what is no text replaced."""
    try:
        return _line(path.read_bytes().decode(errors="replace"))
    except FileNotFoundError:
        return None


def _line(text: str) -> str:
    """Without the end of the last line, which was not kept of what was read."""
    return text.removesuffix("\n")


def main(words: Sequence[str]) -> int:
    """Run it with the words of the command line."""
    path, lock = map(Path, words)
    said = json.loads(sys.stdin.buffer.read())
    try:
        with locked(lock, SECONDS):
            put(path, said["before"], said["text"])
    except OtherError as error:
        print(error, file=sys.stderr)
        return OTHER
    except OSError as error:  # TimeoutError is one
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
