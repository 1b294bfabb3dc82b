"""The coordinator's records in its inventory: reviewable text in git, no secrets.

    requests/<organisation>.json     a request as it came, waiting or approved
    identities/<organisation>.json   what was approved
    authorities.txt serials.txt crl-numbers.txt publications.txt revoked.txt    a line per event, only ever appended
    rolls.txt                        the steps in which a CA took the place of the one before it, both trusted meanwhile
    keys.txt revoked-keys.txt        what was certified, and which of it never is again, for nobody
    statements.txt                   under which number a statement key signed the gateway key of a certificate
    lifetimes.txt                    how long certificates and lists last here, where that is shorter than usual
    packages.txt                     the number of each archive for servers without a way out, and what was in it

Whoever changes them holds the coordinator's lock (`vault.coordinating`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors, files, values

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "authorities": ("generation", "key", "founded"),
    "rolls": ("generation", "step", "at"),
    "serials": ("serial", "name", "not_before", "not_after", "issuer"),
    "crl-numbers": ("number", "this_update", "next_update", "revoked"),
    "publications": ("number", "published", "definition"),
    "revoked": ("serial", "name", "at", "reason"),
    "keys": ("serial", "gateway_key", "statement_key"),
    "revoked-keys": ("key", "serial"),
    "statements": ("statement_key", "number", "serial"),
    "lifetimes": ("what", "number", "unit"),
    "packages": ("number", "content"),
}

LARGEST_DOCUMENT = 64 * 1024


class Records:
    """The records of one network in one folder, which is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> list[dict[str, str]]:
        """The lines of `<name>.txt` as columns → words, oldest first; raises RefusedError at a line of another form."""
        path = self.folder / f"{name}.txt"
        found: list[dict[str, str]] = []
        for number, line in enumerate(path.read_text().splitlines() if path.exists() else (), 1):
            if line.startswith("#"):
                continue
            words = line.split(" ")
            if len(words) != len(COLUMNS[name]):
                raise errors.RefusedError(
                    f"{path}:{number} has {len(words)} words, not {' '.join(COLUMNS[name])}",
                    "restore the line from git",
                )
            found.append(dict(zip(COLUMNS[name], words, strict=True)))
        return found

    def highest(self, name: str) -> int:
        """The highest number that a line of `<name>.txt` has; 0 where it has none."""
        return max((int(row["number"]) for row in self.rows(name)), default=0)

    def append(self, name: str, /, **words: str | int) -> None:
        """Add a line and bring it to the disk, before what it records is given to anybody."""
        self.append_all(name, [words])

    def append_all(self, name: str, rows: Iterable[Mapping[str, str | int]]) -> None:
        """Add lines, as `append` does: all of them, or none where the process is killed."""
        lines = "".join(f"{_line(name, words)}\n" for words in rows)
        if not lines:
            return
        path = self.folder / f"{name}.txt"
        self.folder.mkdir(parents=True, exist_ok=True)
        head = b"" if path.exists() else f"# {' '.join(COLUMNS[name])}\n".encode()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, head + lines.encode())  # one write: a killed process leaves no half line
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, folder: str, organisation: str) -> Any | None:
        """The document `<folder>/<organisation>.json`; None when there is none."""
        path = self.place(folder, organisation)
        if not path.exists():
            return None
        try:
            if path.stat().st_size > LARGEST_DOCUMENT:
                raise errors.RefusedError(f"{path} is larger than {LARGEST_DOCUMENT} bytes", "ask for it anew")
            return values.parsed(path.read_bytes())
        except ValueError as error:
            raise errors.RefusedError(
                f"{path} is not JSON: {error}", "restore it from git, or ask for it anew"
            ) from error

    def write(self, folder: str, organisation: str, document: Mapping[str, Any]) -> None:
        """Write the document `<folder>/<organisation>.json` as a whole or not at all."""
        path = self.place(folder, organisation)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, canonical.pretty(document), mode=0o644)

    def place(self, folder: str, organisation: str) -> Path:
        """Where the document `<folder>/<organisation>.json` lies."""
        return self.folder / folder / f"{organisation}.json"


def _line(name: str, words: Mapping[str, str | int]) -> str:
    if words.keys() != set(COLUMNS[name]):
        raise TypeError(f"{name} has the columns {COLUMNS[name]}")
    line = " ".join(str(words[column]) for column in COLUMNS[name])
    if line.count(" ") != len(words) - 1 or not line.isprintable():
        raise ValueError(f"a word of {line!r} has a blank")
    return line
