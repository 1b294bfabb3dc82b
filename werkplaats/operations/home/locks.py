"""Locks between processes: at most one changes a network, and whoever comes second is told who it is.

The lock is flock(2), so it is released by death however a process dies. The text in the file is for people only:
it is left behind by a process that died holding the lock, which is how a take-over is noticed and said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import getpass
import json
import os
import platform
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from base import errors, files, values

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NAMING_SECONDS = 1.0  # how long a lock may be held by nobody that is known, see Lock._take

_held: set[int] = set()


def _let_go_in_child() -> None:
    """A forked child shares its parent's flock and would keep it after the parent's death: close it there."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock. `since` is UTC, ISO 8601; `boot` is the kernel's boot id, new at each start of a machine."""

    pid: int
    user: str
    host: str
    boot: str
    since: str
    purpose: str

    @classmethod
    def this_process(cls, purpose: str) -> Holder:
        """The holder that this process would be, now."""
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return cls(os.getpid(), getpass.getuser(), platform.node(), BOOT_ID.read_text().strip(), since, purpose)

    @classmethod
    def parse(cls, text: bytes) -> Holder | None:
        """The holder that a lock file tells of; None when it is empty or not (yet) wholly written."""
        try:
            found = cls(**values.mapping(text))
        except (ValueError, TypeError):
            return None
        return found if type(found.pid) is int and 0 < found.pid < 2**31 else None

    @property
    def alive(self) -> bool:
        """Whether the process can still be running: same boot, and its number is in use."""
        return self.boot == BOOT_ID.read_text().strip() and files.is_alive(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since} ({self.purpose})"


class Lock:
    """A lock on `subject` (a network, a server), kept in a file. Use it in a `with`.

    It is waited for no longer than `patience` seconds; with none the second one is refused at once. `taken_over` is a
    sentence when the lock was left behind by a dead process, else "": say it.
    Entering raises LockedError, which names the holder and since when.
    """

    def __init__(self, path: Path, subject: str, purpose: str, patience: float = 0.0) -> None:
        self.path = path
        self.subject = subject
        self.purpose = purpose
        self.patience = patience
        self.taken_over = ""
        self._descriptor: int | None = None

    @property
    def holder(self) -> str:
        """Who holds it now, in words; "" where nobody is known to."""
        found = Holder.parse(self.path.read_bytes()) if self.path.exists() else None
        return str(found) if found and found.alive else ""

    @property
    def held_since(self) -> datetime.datetime | None:
        """Since when somebody holds it, to the second; None where nobody does, or its file does not say."""
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found = Holder.parse(file.read())
                with contextlib.suppress(ValueError, TypeError):
                    return datetime.datetime.fromisoformat(found.since) if found else None
        return None

    def __enter__(self) -> Self:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(descriptor)
        except errors.LockedError:
            os.close(descriptor)
            raise
        left_behind = Holder.parse(self.path.read_bytes())
        _write(descriptor, json.dumps(dataclasses.asdict(Holder.this_process(self.purpose))).encode() + b"\n")
        _held.add(descriptor)
        self._descriptor = descriptor
        self.taken_over = self._take_over(left_behind) if left_behind else ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor in _held and descriptor is not None:  # not so in a forked child: the lock is its parent's
            _held.discard(descriptor)
            with contextlib.closing(os.fdopen(descriptor, "rb+")) as file:
                file.truncate(0)

    def _take(self, descriptor: int) -> None:
        """Take the lock, or refuse as soon as a living holder is known and patience is over.

        There are two short moments without one: a holder has the lock and has not yet written its name, or it was
        killed and a child that it had just forked has not yet let go.
        """
        begun = time.monotonic()
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = Holder.parse(self.path.read_bytes())
                known = holder is not None and holder.alive
                if time.monotonic() - begun >= max(self.patience, 0.0 if known else NAMING_SECONDS):
                    raise self._refusal(str(holder) if known else "a process that has not said its name") from error
            time.sleep(0.01)

    def _refusal(self, who: str) -> errors.LockedError:
        return errors.LockedError(
            f"{self.subject} is locked by {who}", "wait until it has ended, or end it and run the same command again"
        )

    def _take_over(self, dead: Holder) -> str:
        here = dead.boot == BOOT_ID.read_text().strip()
        why = "that process is dead" if here else "the machine has started anew since"
        return f"the lock on {self.subject} was left behind by {dead}; {why}, so it is taken over"


def _write(descriptor: int, text: bytes) -> None:
    """Replace the text in place: a new file under the same name would be another lock."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)
