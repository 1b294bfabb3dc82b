"""The register of a station: every proposal, answer, run and receipt, one line each, never changed afterwards.

Each entry holds the digest of the one before it and is signed with the statement key. How many there are, and the
last digest, also lie in `state/`, and go out with every answer to a proposal. The others enter them in theirs, and ask
for them again with their next proposal: who writes the whole register anew, with the key, is found by the others.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..accepted import statement
from ..accepted.statement import StatementError, StatementKey
from ..base import files
from ..base.journal import note

ENTRY = "entry of a register"
START = "0" * 64


class RegisterError(Exception):
    """The register is not as this station wrote it; the text says from which entry on."""


class Register:
    """Appends to, and looks at, one file."""

    def __init__(self, folder: Path, state: Path, key: StatementKey) -> None:
        self._path = folder / "register.jsonl"
        self._head = state / "register.json"
        self._key = key
        self.problem = ""
        try:
            self._count, self._last = self._completed(*self._look())
        except RegisterError as error:
            self.problem, self._count, self._last = str(error), 0, START
            note("register-unsound", why=error)

    @property
    def head(self) -> dict[str, Any]:
        """How many entries there are, and the digest of the last."""
        return {"entries": self._count, "digest": self._last}

    def add(self, kind: str, **facts: Any) -> None:
        """Append one entry. One that cannot be written makes the register unsound: no data session goes on then."""
        if self.problem:
            return
        entry = {"number": self._count + 1, "at": int(time.time()), "kind": kind, **facts, "before": self._last}
        digest = statement.digest(entry)
        line = json.dumps({**entry, "digest": digest, "signature": self._key.sign(ENTRY, entry)}, ensure_ascii=False)
        try:
            # The head first: a crash between the two leaves an entry missing that the head counts, which start-up
            # completes; the other way round an entry could be cut off unseen.
            files.replace(self._head, json.dumps({"entries": entry["number"], "digest": digest, "line": line}))
            files.append(self._path, line, 0o640)
        except OSError as error:
            self.problem = f"the register cannot be written ({error.strerror})"
            note("register-unwritable", why=error)
            return
        self._count, self._last = entry["number"], digest

    def digest_at(self, number: object) -> str:
        """The digest of an entry, "" where there is none."""
        return "" if self.problem else next((e["digest"] for e in self._entries() if e["number"] == number), "")

    def heard(self, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Of each station under its statement key: the furthest head of its register that an entry here holds."""
        found: dict[str, dict[str, Any]] = {}
        for entry in () if self.problem else self._entries():
            for name, head in entry.get("registers", {}).items():
                if head.get("key") == keys.get(name) and head["entries"] > found.get(name, {"entries": 0})["entries"]:
                    found[name] = {"entries": head["entries"], "digest": head["digest"]}
        return found

    def last(self, number: int) -> list[dict[str, Any]]:
        """The newest entries, oldest first."""
        return list(self._entries())[-number:] if number > 0 else []

    def verify(self) -> None:
        """Look at every digest, signature and the head. Raises RegisterError."""
        if self.problem:
            raise RegisterError(self.problem)
        count, last = self._look(signatures=True)
        if (count, last) != (self._count, self._last):
            raise RegisterError(f"the register has {count} entries where {self._count} were written")

    def _look(self, *, signatures: bool = False) -> tuple[int, str]:
        count, last = 0, START
        for entry in self._entries():
            inner = {name: value for name, value in entry.items() if name not in ("digest", "signature")}
            sound = inner.get("number") == count + 1 and inner.get("before") == last
            if not sound or statement.digest(inner) != entry.get("digest"):
                raise RegisterError(f"entry {count + 1} is not as it was written")
            if signatures:
                try:
                    statement.verify(self._key.public, ENTRY, inner, entry.get("signature"))
                except StatementError as error:
                    raise RegisterError(f"entry {count + 1} is not signed by this station") from error
            count, last = count + 1, str(entry["digest"])
        return count, last

    def _completed(self, count: int, last: str) -> tuple[int, str]:
        """Compare with the head; the one entry that a crash kept from being appended is appended now."""
        try:
            head = json.loads(self._head.read_text())
            known, digest, line = int(head["entries"]), str(head["digest"]), str(head["line"])
            before = json.loads(line)["before"]
        except FileNotFoundError:
            known, digest, line, before = 0, START, "", ""
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise RegisterError(f"{self._head} cannot be read") from error
        if known == count + 1 and before == last:
            files.append(self._path, line, 0o640)
            return known, digest
        if (known, digest) != (count, last):
            raise RegisterError(f"the register has {count} entries where {known} were written")
        return count, last

    def _entries(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open() as stream:
                for number, line in enumerate(stream, 1):
                    try:
                        entry = json.loads(line)
                        entry["digest"]
                    except (ValueError, TypeError, KeyError) as error:
                        raise RegisterError(f"line {number} is not as it was written") from error
                    yield entry
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise RegisterError(f"{self._path} cannot be read") from error
