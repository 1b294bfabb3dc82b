"""The record of an incident: who did what, when and why, as evidence that shows where it was altered.

One file for each incident, to which lines are added and never changed: JSON in its canonical form, each with the digest
of the line before it. A line is on the disk before the step begins that it announces. Whoever can write the file can
write it all anew: that it was not is told by a signature over its last digest, given to others in time.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from base import canonical, errors, files, values
from runbooks.framework import seen

FOLDER = "incidents"
ENDED = "ended"
SHORT, LONGEST = 300, 1000
"""Characters of a text: of any, and of one that somebody here wrote, said yes to, or is held to: those stand whole."""
OWN = frozenset({"question", "reason", "words"})
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z0-9-]+")


class AlteredError(errors.RefusedError):
    """A record that is not as it was written."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line: `kind` says what it is about, `told` the rest, in names, codes and words of ours."""

    number: int
    at: str
    kind: str
    told: dict[str, Any]
    previous: str
    digest: str


class Record:
    """A record in its file; `entries` are what it has."""

    def __init__(self, path: Path, entries: Iterable[Entry] = ()) -> None:
        self.path = path
        self.entries = list(entries)

    @property
    def id(self) -> str:
        """By which it is asked for."""
        return self.path.stem

    @property
    def head(self) -> str:
        """The digest of its last line, which stands for all of it."""
        return self.entries[-1].digest if self.entries else ""

    @property
    def is_open(self) -> bool:
        """Whether what it is about goes on."""
        return bool(self.entries) and self.entries[-1].kind != ENDED

    @property
    def begun(self) -> dict[str, Any]:
        """What its first line says: network, incident, subject."""
        return self.entries[0].told

    def add(self, kind: str, **told: Any) -> None:
        """Add a line, on the disk when this returns; for who holds the lock of its target. Raises UnmetError."""
        line = {
            "number": len(self.entries) + 1,
            "at": canonical.stamp(canonical.now()),
            "kind": kind,
            "told": {name: _plain(one, LONGEST if name in OWN else SHORT) for name, one in told.items()},
            "previous": self.head,
        }
        try:
            _append(self.path, canonical.dump(line) + b"\n")
        except OSError as error:
            raise errors.UnmetError(
                f"{self.path} cannot be written, and nothing is done that does not stand there: {error}",
                "make room for it",
            ) from error
        if not self.entries:
            files.sync_folder(self.path.parent)
        self.entries.append(_entry(line))

    def of_kind(self, *kinds: str) -> Iterator[Entry]:
        """Its lines of these kinds, in order."""
        return (one for one in self.entries if one.kind in kinds)


def _append(path: Path, line: bytes) -> None:
    """Add a line whole, or not at all; what a run that was ended left of one is taken off before."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        whole = path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(descriptor, whole)
        try:
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, whole)
            raise
    finally:
        os.close(descriptor)


def begin(folder: Path, network: str, incident: str, subject: str) -> Record:
    """A new record, with its first line."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = re.sub("[-:]", "", canonical.stamp(canonical.now()))
    record = Record(_free(folder, f"{stamp}-{_slug(incident, subject)}"))
    record.add("began", network=network, incident=incident, subject=subject, who=who())
    return record


def _slug(incident: str, subject: str) -> str:
    return re.sub("[^a-z0-9]+", "-", f"{incident}-{subject.replace(seen.ARROW, '-to-')}".lower()).strip("-")


def _free(folder: Path, name: str) -> Path:
    taken = [*folder.glob(f"{name}*.jsonl")]
    return folder / (f"{name}-{len(taken) + 1}.jsonl" if taken else f"{name}.jsonl")


def unfinished(folder: Path, incident: str, subject: str) -> Record | None:
    """The record of this incident that goes on. Raises AlteredError."""
    return next((one for one in reversed(_of(folder, incident, subject)) if one.is_open), None)


def latest(folder: Path, incident: str, subject: str) -> Record | None:
    """The last record of this incident, over or not. Raises AlteredError."""
    return next(reversed(_of(folder, incident, subject)), None)


def _of(folder: Path, incident: str, subject: str) -> list[Record]:
    """The records of one incident at one subject, oldest first; those of others are not even opened."""
    its = re.compile(rf"[^-]+-{re.escape(_slug(incident, subject))}(-[0-9]+)?")
    found = [read(path) for path in _paths(folder) if its.fullmatch(path.stem)]
    names = (incident, subject)
    return [one for one in found if one.entries and (one.begun["incident"], one.begun["subject"]) == names]


def every(folder: Path) -> list[Record]:
    """All that are as they were written, oldest first: what was done to others' is told by `altered`."""
    return [one for one in map(_tried, _paths(folder)) if isinstance(one, Record) and one.entries]


def altered(folder: Path) -> list[AlteredError]:
    """What is wrong with those that are not."""
    return [one for one in map(_tried, _paths(folder)) if isinstance(one, AlteredError)]


def _tried(path: Path) -> Record | AlteredError:
    try:
        return read(path)
    except AlteredError as error:
        return error


def _paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.jsonl")) if _NAME.fullmatch(path.stem)]


def read(path: Path) -> Record:
    """A record, each line held to the one before it. Raises AlteredError.

    A last line without its end is being written, or was when the machine went down, and does not count: what it
    announces was not begun. It is left as it is, since it may be another run's.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    entries: list[Entry] = []
    for number, text in enumerate(whole.splitlines() if whole else (), 1):
        entries.append(_read(path, number, text, entries[-1].digest if entries else ""))
    return Record(path, entries)


def _read(path: Path, number: int, text: bytes, previous: str) -> Entry:
    try:
        line = values.mapping(text)
        fits = canonical.dump(line) == text and line["number"] == number and line["previous"] == previous
        found = _entry(line)
    except (ValueError, KeyError, TypeError) as error:
        raise _altered(path, number) from error
    if not fits:
        raise _altered(path, number)
    return found


def _altered(path: Path, number: int) -> AlteredError:
    return AlteredError(
        f"{path}:{number}: this line is not as it was written, or one before it is gone",
        "look for the record in a backup, and ask who could write here; once that is known, move the file elsewhere",
    )


def _entry(line: dict[str, Any]) -> Entry:
    return Entry(
        int(line["number"]),
        str(line["at"]),
        str(line["kind"]),
        dict(line["told"]),
        str(line["previous"]),
        canonical.digest(line),
    )


def _plain(told: Any, longest: int) -> Any:
    """As it may stand in a record: printable and short."""
    match told:
        case dict():
            return {str(name): _plain(one, longest) for name, one in told.items()}
        case list() | tuple():
            return [_plain(one, longest) for one in told]
        case bool() | int() | None:
            return told
        case _:
            return seen.text(told, longest)


def who() -> str:
    """Who is at work here: account and machine."""
    return f"{getpass.getuser()} on {platform.node()}"
