"""Files that must hold after a crash, or after the power went: each is as it was before or as it was meant to be."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

READABLE = 0o666
"""Less what the umask takes away."""


def replace(path: Path, content: str | bytes, mode: int = READABLE) -> None:
    """Have exactly `content` in `path`, at once for whoever reads it, and on the disk when this returns.

    One at a time for one path. Raises OSError.
    """
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)  # of a process that was killed, or no file at all
    _write(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), content)
    fresh.replace(path)
    sync_folder(path.parent)


def append(path: Path, line: str, mode: int = READABLE) -> None:
    """Have `line` at the end of `path`, and on the disk when this returns. Raises OSError."""
    made = not path.exists()
    _write(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, mode), line + "\n")
    if made:
        sync_folder(path.parent)


def cut(path: Path, size: int) -> None:
    """Have the first `size` bytes of `path` and no more, on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reading(path: Path) -> IO[bytes]:
    """A file to be read: no link, which leads elsewhere, and nothing that would be waited for. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return os.fdopen(descriptor, "rb")


def read(path: Path, most: int = -1) -> bytes:
    """What is in a file, as `reading` opens it; of more than `most` bytes no more. Raises OSError."""
    with reading(path) as stream:
        return stream.read(most)


def make_folder(path: Path, mode: int) -> None:
    """Have a new folder on the disk. Raises FileExistsError, OSError."""
    path.mkdir(mode)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have what was made, renamed or removed in a folder on the disk: fsync(2) of a file says nothing of its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: str | bytes) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
