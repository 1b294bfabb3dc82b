"""Files that are whole whenever somebody reads them, whatever ends the process or the machine that writes them.

Content goes to the disk under a name of its own first, then takes its place by a rename, then the folder goes to the
disk: after a power cut the old or the new is there, never a part and never nothing (rename(2), fsync(2)).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int, replace: bool = True) -> None:
    """Write a file so that, whatever happens, the old content or the new is there, never a part.

    The temporary file carries the process id; what a killed process left behind is removed by the next writer.
    Raises FileExistsError when the file exists and `replace` is false; whatever OSError it is, it names the file.
    """
    for left in path.parent.glob(f".{path.name}.*.part"):
        if not is_alive(int(left.suffixes[-2][1:])):
            left.unlink(missing_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.{os.getpid()}.part"
    try:
        write_new(temporary, data, mode=mode)
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)  # unlike a rename, this fails when the name is taken
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names none, else it is our own
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file of which nobody knows the name yet, and bring it to the disk; raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # the umask may have taken bits away
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(made: Path, place: Path) -> None:
    """Give a file or folder that was made under a name of its own its place, all of it on the disk before.

    A file takes the place of another; a folder only that of an empty one (OSError).
    """
    for path in (made, *(made.rglob("*") if made.is_dir() else ())):
        if path.is_file() and not path.is_symlink():
            _sync(path, os.O_RDONLY)
        elif path.is_dir() and not path.is_symlink():
            sync_folder(path)
    made.replace(place)
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk: a rename survives a power cut only after this (fsync(2))."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Whether a process of this number exists on this machine, of whatever user (kill(2) with signal 0)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def only_one(path: Path, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock `path`, after waiting for whoever has it; `waits` is called when there is somebody.

    The system releases it when the holder dies, in whatever way. Nobody else may open the file: whoever can read it can
    hold it, and would have this wait for ever (flock(2)).
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(handle).st_uid == os.geteuid():
            os.fchmod(handle, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
