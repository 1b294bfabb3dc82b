"""Files that are whole at any moment, also over a power cut, and locks that nobody else can hold."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o644, group: int = -1) -> None:
    """Write a file whole or not at all; `group` is a number, without it the group is what a new file gets there.

    That the name leads to it is only as durable as its folder: see `sync_folder`.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)  # left by a process of the same number that was killed
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(handle, -1, group)
            os.fchmod(handle, mode)
            os.fsync(handle)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Have what was made, replaced or removed in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path, seconds: float | None = None) -> Iterator[None]:
    """One at a time, released by death. Raises TimeoutError after `seconds`; None waits as long as it takes.

    Nobody else may open the file: whoever can read it can hold it (flock(2)).
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(handle, 0o600)
        _take(handle, seconds)
        yield
    finally:
        os.close(handle)


def _take(handle: int, seconds: float | None) -> None:
    if seconds is None:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > end:
            raise TimeoutError(f"not free within {seconds:.0f} s")
        time.sleep(0.2)
