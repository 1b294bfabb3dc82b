"""What a backup takes of a station, and in which order: never a set of files that knows less than its own register.

The agent writes each file whole, one after another. It remembers that a result is opened before it enters the run, and
enters that an allowance was taken back after the file is gone. So the register comes first, as a pair with its head,
and everything after it: what is taken later may know more than the register says, which only closes more. That an
upgrade makes files of another format meanwhile shows in the list of formats, and all of it is taken again.

What ends in a backup is older than what others know in any case: who puts one back says so (`on_server.backup.place`).
"""

from __future__ import annotations

import grp
import itertools
import json
import os
import pwd
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from on_server.backup import place

HEAD, REGISTER, FORMATS = f"{place.VAR}/state/register.json", place.REGISTER, f"{place.VAR}/state/formats.json"
PASSING = (".new", ".part")
LARGEST = 60 * 2**20
"""Bytes: what one answer of a server brings to its operator."""
ROW, MOST_ENTRIES = 2048, 2**53
"""Bytes that a file or folder takes beside its content; more entries than any register has."""
TRIES, PAUSE = 50, 0.1


class TakeError(Exception):
    """A sentence: what could not be taken, and what to do."""


class Row(NamedTuple):
    """One file or folder: `name` from the root on, without a slash before it; `content` is None for a folder."""

    name: str
    mode: int
    owner: str
    group: str
    content: bytes | None


def rows(root: Path, *, data: bool) -> list[Row]:
    """All that a backup takes. Raises TakeError, OSError."""
    for _ in range(TRIES):
        before = [_content(root, name) for name in (HEAD, FORMATS)]
        register = [row for row in [_file(root, REGISTER)] if row]
        if _content(root, HEAD) == before[0]:
            names = [*place.FOLDERS, *(place.DATA if data else ())]
            head = [Row(*row[:-1], before[0]) for row in [_file(root, HEAD)] if row]
            others = (row for name in names for row in _below(root, name) if row.name not in (REGISTER, HEAD))
            found = _fitting(itertools.chain(register, head, others))
            if _content(root, FORMATS) == before[1]:
                return found
        time.sleep(PAUSE)
    raise TakeError(f"the register was written {TRIES} times in a row while it was read; it is tried again later")


def entries(found: list[Row]) -> int:
    """How many entries the register has that was taken. Raises TakeError for a head that does not say it."""
    head = next((row.content for row in found if row.name == HEAD), None)
    try:
        number = json.loads(head)["entries"] if head else 0
    except (ValueError, KeyError, TypeError, RecursionError):
        number = None
    if type(number) is int and 0 <= number < MOST_ENTRIES:
        return number
    raise TakeError(f"{HEAD} does not say how many entries the register has")


def _fitting(found: Iterable[Row]) -> list[Row]:
    """All of it, of which no more is read than a backup holds. Raises TakeError."""
    rows, size = list[Row](), 0
    for row in found:
        size += ROW + len(row.content or b"")
        if size > LARGEST:
            raise TakeError(
                f"there is more than the {LARGEST // 2**20} MB that a backup holds, as far as {row.name}; leave the "
                "data out (`data: false`) and have your own backup take them"
            )
        rows.append(row)
    return rows


def _below(root: Path, name: str) -> Iterator[Row]:
    """A folder and all in it; what is no file and no folder is left out, and no link is followed anywhere."""
    if not (root / name).is_dir() or (root / name).is_symlink():
        return
    for folder, folders, files, handle in os.fwalk(root / name, follow_symlinks=False):
        folders.sort()
        here = Path(folder).relative_to(root).as_posix()
        yield _row(here, os.fstat(handle), None)
        for one in sorted(files):
            name = f"{here}/{one}"
            if not one.endswith(PASSING) and name != place.MARK and (row := _read(name, one, handle)):
                yield row


def _file(root: Path, name: str) -> Row | None:
    try:
        handle = os.open((root / name).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return _read(name, Path(name).name, handle)
    finally:
        os.close(handle)


def _read(name: str, one: str, folder: int) -> Row | None:
    """A file of a folder that is open; None for what is gone, and for what is none."""
    try:
        handle = os.open(one, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:  # it went, or it is a link, which leads elsewhere
        return None
    with os.fdopen(handle, "rb") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return None
        content = stream.read(LARGEST + 1)
        return _row(name, about, content)


def _content(root: Path, name: str) -> bytes | None:
    row = _file(root, name)
    return row.content if row else None


def _row(name: str, about: os.stat_result, content: bytes | None) -> Row:
    """With names of accounts: their numbers are others on another server. Raises TakeError."""
    if not place.belongs(name):
        raise TakeError(f"{name!r}: no backup holds a name with such characters; rename it, or remove it")
    try:
        owner, group = pwd.getpwuid(about.st_uid).pw_name, grp.getgrgid(about.st_gid).gr_name
    except KeyError as error:
        raise TakeError(f"/{name} belongs to an account that is none: {error}; give it to the one it is of") from error
    return Row(name, stat.S_IMODE(about.st_mode), owner, group, content)
