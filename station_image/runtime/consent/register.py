"""The register of a station: proposals, answers, runs and receipts, one line each, never changed afterwards.

Each entry holds the digest of the one before it and is signed with the statement key. How many there are, and the
last digest, also lie in `state/`, and go out with every answer to a proposal. The others enter them in theirs, and ask
for them again with their next proposal: who writes the whole register anew, with the key, is found by the others.

The file is read whole when the station starts and when somebody has it verified; what is asked in between is answered
from an index in memory, of some forty bytes an entry. What others can have entered is bounded for each day (`daily`).
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..accepted import statement
from ..accepted.statement import StatementError, StatementKey
from ..base import contract, files
from ..base.journal import note
from .daily import Daily
from .index import LOST, MENDED, TOLD, Index

ENTRY = "entry of a register"
START = "0" * 64
SIGNED_HEAD = {"entries", "digest", "at", "signature"}
LONGEST_ABOUT = 200
MOST_REFUSALS = 20
"""Kinds of refusals of one proposer and question that are entered in a day: those of one hide none of another."""
MOST_ASKED = 200
"""Entries of one kind about acceptance, or accepted proposals of one proposer, in a day."""


class RegisterError(Exception):
    """The register is not as this station wrote it; the text says from which entry on."""


class Register:
    """Appends to, and looks at, one file."""

    def __init__(self, folder: Path, state: Path, key: StatementKey, daily: Daily | None = None) -> None:
        self._path = folder / "register.jsonl"
        self._head = state / "register.json"
        self._restored = state / Path(contract.RESTORED).name
        self._key = key
        self._keys = [key.public]
        self._daily = daily or Daily()
        self._index = Index()
        self._writing = threading.Lock()
        self.problem, self._count, self._last = "", 0, START
        try:
            self._begin()
            self._enter_restored()
        except RegisterError as error:
            self.problem = str(error)
            note("register-unsound", why=error)
        except OSError as error:
            self._unwritable(error)

    @property
    def head(self) -> dict[str, Any]:
        """How many entries there are, and the digest of the last."""
        return {"entries": self._count, "digest": self._last}

    @property
    def signed_head(self) -> dict[str, Any]:
        """The head as others are told it: with a moment and a signature, so that it can be shown to this station."""
        content = {**self.head, "at": int(time.time())}
        return {**content, "signature": self._key.sign(statement.REGISTER_HEAD, content)}

    @property
    def index(self) -> Index:
        """What the entries say in all."""
        return self._index

    @property
    def mended(self) -> int:
        """The number of the newest entry that says that something was cut off; 0 where there is none."""
        return self._index.mended

    def add(self, kind: str, **facts: Any) -> None:
        """Append one entry. One that cannot be written makes the register unsound: no data session goes on then."""
        self.settle()
        self._append(kind, facts)

    def add_asked(self, kind: str, asker: str, acceptance: bool, /, **facts: Any) -> None:
        """Append an entry that another station can bring about as often as it likes; beyond a day's worth, count it.

        Those about acceptance are bounded in all, answers about data for each asker. What was carried out with data is
        all entered: the steward allowed it, and how often.
        """
        self.settle()
        about = f"{kind} (acceptance)" if acceptance else f"{kind} {asker}"
        carried_out = not acceptance and kind not in ("answer", TOLD)
        if carried_out or self._daily.enters(about, MOST_ASKED):
            self._append(kind, facts)

    def add_refused(self, proposer: str, known: str, reason: str, /, **facts: Any) -> None:
        """Append a refused proposal: each reason once a day for a question, and so many of one proposer.

        `known` is a question that this station has, or "" for all others together.
        """
        self.settle()
        about = f"refused {proposer} {known or '(unknown)'}"
        kind = f"{about}: {reason.partition(':')[0]}"[:LONGEST_ABOUT]
        if self._daily.enters(about, MOST_REFUSALS, kind):
            told = {"proposer": proposer, "accepted": False, "reason": reason}
            self._append("answer", {**facts, **told})

    def settle(self, *, stopping: bool = False) -> None:
        """Enter what was only counted in a day that is over; when `stopping` also in the one that lasts."""
        day, counted = self._daily.past(stopping=stopping)
        if counted:
            self._append("counted", {"day": day, "counted": counted})

    @property
    def counted(self) -> dict[str, int]:
        """What of today is only counted, and in no entry yet."""
        return self._daily.counted

    def _append(self, kind: str, facts: Mapping[str, Any]) -> None:
        if self.problem:
            return
        entry = {"number": self._count + 1, "at": int(time.time()), "kind": kind, **facts, "before": self._last}
        digest = statement.digest(entry)
        line = json.dumps({**entry, "digest": digest, "signature": self._key.sign(ENTRY, entry)}, ensure_ascii=False)
        try:
            # The head first: a crash between the two leaves an entry missing that the head counts, which start-up
            # completes; the other way round an entry could be cut off unseen.
            with self._writing:
                keys = [one.hex() for one in self._keys]
                head = {"entries": entry["number"], "digest": digest, "line": line, "keys": keys}
                files.replace(self._head, json.dumps(head))
                files.append(self._path, line, 0o640)
                self._count, self._last = entry["number"], digest
                self._index.add(entry, digest, len(line.encode()) + 1)
        except OSError as error:
            self._unwritable(error)

    def _unwritable(self, error: OSError) -> None:
        self.problem = f"the register cannot be written ({error.strerror}); mend that, and start the station anew"
        note("register-unwritable", why=error)

    def weigh(self, head: object, by: str) -> None:
        """Somebody shows a head: one that this station signed itself and does not have says that it went back.

        What others only claim says nothing. What lies before the last time that its steward said so is known.
        """
        if self.problem or not isinstance(head, dict) or set(head) != SIGNED_HEAD:
            return
        content = {name: value for name, value in head.items() if name != "signature"}
        entries, digest, moment = content["entries"], content["digest"], content["at"]
        if not (type(entries) is int and isinstance(digest, str) and type(moment) is int):
            return
        lost, known = self._index.lost, self._index.digest(entries)
        if known == digest or moment <= self._index.moment or (lost and lost["entries"] >= entries):
            return
        if not _signed(self._key.public, content, head["signature"], statement.REGISTER_HEAD):
            return
        note("register-went-back", entry=entries, by=by)
        self.add(LOST, entries=entries, head=digest, head_at=moment, by=by)

    def whole(self) -> tuple[int, str]:
        """The entries that can be relied on, and the digest of the last: all, or in an unsound register the first ones.

        Reads the file. Raises RegisterError where it cannot be read.
        """
        if not self.problem:
            return self._count, self._last
        count, last, _ = self._sound_part()
        return count, last

    def begin_again(self, entries: int, digest: str) -> None:
        """Go on behind the first `entries` of an unsound register; the file as it was stays beside it.

        Raises RegisterError, OSError.
        """
        count, last, size = self._sound_part()
        if (count, last) != (entries, digest):
            raise RegisterError(f"{count} entries can be relied on now, not {entries}")
        if self._path.exists():
            aside = self._path.with_name(f"register.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.unsound.jsonl")
            with files.reading(self._path) as stream:
                whole = stream.read()
            files.replace(aside, whole, 0o640)
            files.replace(self._path, whole[:size], 0o640)
        self._index = Index()
        self.problem, self._count, self._last = "", *self._look(index=self._index)
        self._enter_restored()

    def _sound_part(self) -> tuple[int, str, int]:
        """Of the first entries that are as this station wrote them: number, last digest, bytes."""
        try:
            written = self._written_head().keys
        except RegisterError:
            written = ()
        keys = [*(one for one in written if one != self._key.public), self._key.public]
        count, last, size, index = 0, START, 0, Index()
        try:
            for entry, length in self._measured(index=index):
                inner = _inner(entry)
                if inner.get("number") != count + 1 or inner.get("before") != last:
                    break
                while keys and not _signed(keys[0], inner, entry.get("signature")):
                    keys.pop(0)
                if not keys or statement.digest(inner) != entry.get("digest"):
                    break
                count, last, size = count + 1, str(entry["digest"]), size + length
        except RegisterError as error:
            note("register-unsound-part", why=error)
        return count, last, size

    def digest_at(self, number: object) -> str:
        """The digest of an entry, "" where there is none."""
        return "" if self.problem else self._index.digest(number)

    def heard(self, keys: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Of each station under its statement key: the furthest head of its register that an entry here holds."""
        if self.problem:
            return {}
        found = {name: self._index.heads.get((name, key)) for name, key in keys.items()}
        return {name: dict(head) for name, head in found.items() if head}

    def last(self, number: int) -> list[dict[str, Any]]:
        """The newest entries, oldest first. Raises RegisterError."""
        if number <= 0:
            return []
        if self.problem:
            return list(deque(self._entries(), number))
        count, _, size = self._written()
        return list(self._entries(self._index.place(count - number), size))

    def verify(self) -> None:
        """Look at every digest, signature and the head. Raises RegisterError."""
        if self.problem:
            raise RegisterError(self.problem)
        known, digest, size = self._written()
        count, last = self._look(size, signatures=True)
        if (count, last) != (known, digest):
            raise RegisterError(f"the register has {count} entries where {known} were written")

    def _written(self) -> tuple[int, str, int]:
        """How many entries there are, the last digest, and the bytes of the file: never of half an entry.

        Who reads no further than these bytes, in a thread, finds what was written by then, whatever is appended.
        """
        with self._writing:
            try:
                size = self._path.stat().st_size
            except FileNotFoundError:
                size = 0
            except OSError as error:
                raise RegisterError(f"{self._path} cannot be read") from error
            return self._count, self._last, size

    def _look(
        self, size: int | None = None, *, signatures: bool = False, index: Index | None = None
    ) -> tuple[int, str]:
        count, last, keys = 0, START, list(self._keys)
        for entry in self._entries(size=size, index=index):
            inner = _inner(entry)
            sound = inner.get("number") == count + 1 and inner.get("before") == last
            if not sound or statement.digest(inner) != entry.get("digest"):
                raise RegisterError(f"entry {count + 1} is not as it was written")
            if signatures:
                # A station with a new statement key goes on with its register, and never back to an older key.
                while keys and not _signed(keys[0], inner, entry.get("signature")):
                    keys.pop(0)
                if not keys:
                    raise RegisterError(f"entry {count + 1} is not signed by this station")
            count, last = count + 1, str(entry["digest"])
        return count, last

    def _begin(self) -> None:
        """Take up what lies here; complete the one entry that a crash or a full disk kept from being appended whole.

        Only what the head proves is completed. Whatever else lies behind the last whole line is no entry, is cut off,
        and an entry says so. Raises RegisterError, OSError.
        """
        size, torn = self._torn()
        count, last = self._look(size, index=self._index)
        head = self._written_head()
        self._keys = [*(one for one in head.keys if one != self._key.public), self._key.public]
        missing = (head.entries, head.before) == (count + 1, last)
        if not missing and (head.entries, head.digest) != (count, last):
            raise RegisterError(f"the register has {count} entries where {head.entries} were written")
        whole = f"{head.line}\n".encode() if missing else b""
        lost = len(torn) - sum(itertools.takewhile(bool, map(int.__eq__, torn, whole)))
        if torn:
            note("register-torn", entry=count + 1, bytes=len(torn), completed=missing, cut=lost)
            files.cut(self._path, size)
        if missing:
            files.append(self._path, head.line, 0o640)
            self._index.add(json.loads(head.line), head.digest, len(whole))
        self._count, self._last = head.entries, head.digest
        if lost:
            self._append(MENDED, {"entry": count + 1, "cut": lost, "completed": missing})

    def _enter_restored(self) -> None:
        """Enter that a backup was put back here: nobody else needs to have heard of what was forgotten by that.

        A session that ended after the copy was made was perhaps answered before it, and what the steward takes back is
        told to nobody. Each backup is entered once in what it brought back, whatever clocks say: only that entry tells
        a mark that was not removed yet from a new one. What names no backup is new. In an unsound register it is
        entered where that begins again, which the steward says.
        """
        try:
            backup, at = _mark(files.read(self._restored))
        except FileNotFoundError:
            return
        if not backup or backup not in self._index.restored:
            note("register-restored", at=at, backup=backup)
            self._append(LOST, {"entries": 0, "head": "", "head_at": at, "by": "", "backup": backup})
        if not self.problem:
            self._restored.unlink()
            files.sync_folder(self._restored.parent)

    def _torn(self) -> tuple[int, bytes]:
        """The bytes of all whole lines, and what lies behind them: a line that does not end. Raises RegisterError."""
        try:
            with files.reading(self._path) as stream:
                size, torn = 0, b""
                for line in stream:
                    size, torn = (size + len(line), b"") if line.endswith(b"\n") else (size, line)
                return size, torn
        except FileNotFoundError:
            return 0, b""
        except OSError as error:
            raise RegisterError(f"{self._path} cannot be read") from error

    def _written_head(self) -> _Head:
        try:
            head = json.loads(files.read(self._head))
            line, digest = str(head["line"]), str(head["digest"])
            entry = json.loads(line)
            keys = tuple(bytes.fromhex(one) for one in head.get("keys", ()))
            found = _Head(int(head["entries"]), digest, line, entry["before"], keys)
            sound = "kind" in entry and statement.digest(_inner(entry)) == entry["digest"] == digest
        except FileNotFoundError:
            return _Head(0, START, "", "")
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise RegisterError(f"{self._head} cannot be read") from error
        if not sound:
            raise RegisterError(f"{self._head} has another entry than it counts")
        return found

    def _entries(self, place: int = 0, size: int | None = None, index: Index | None = None) -> Iterator[dict[str, Any]]:
        return (entry for entry, _ in self._measured(place, size, index))

    def _measured(
        self, place: int = 0, size: int | None = None, index: Index | None = None
    ) -> Iterator[tuple[dict[str, Any], int]]:
        """The entries from a byte of the file on with their lengths, those of its first `size` bytes; for `index`."""
        try:
            with files.reading(self._path) as stream:
                stream.seek(place)
                for number, whole in enumerate(stream, 1):
                    line = whole if size is None else whole[: size - place]
                    if not line:
                        return
                    place += len(line)
                    try:
                        entry = json.loads(line)
                        digest = entry["digest"]
                        if index is not None:
                            index.add(entry, digest, len(line))
                    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                        raise RegisterError(f"line {number} is not as it was written") from error
                    yield entry, len(line)
        except FileNotFoundError:
            return
        except OSError as error:
            raise RegisterError(f"{self._path} cannot be read") from error


class _Head(NamedTuple):
    """What lies in `state/` of the last entry: its number, its digest, its line, and the digest before it."""

    entries: int
    digest: str
    line: str
    before: object
    keys: tuple[bytes, ...] = ()
    """The public statement keys that signed here, one after the other."""


def _mark(content: bytes) -> tuple[str, int]:
    """Of what says that a backup was put back: its digest, "" where that is not said, and when; never in the future."""
    now = int(time.time())
    try:
        said = json.loads(content)
        backup, at = said.get("backup"), int(said["at"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "", now
    known = isinstance(backup, str) and bool(re.fullmatch("[0-9a-f]{64}", backup))
    return backup if known else "", max(0, min(at, now))


def _inner(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What digest and signature of an entry are about."""
    return {name: value for name, value in entry.items() if name not in ("digest", "signature")}


def _signed(key: bytes, content: Mapping[str, Any], signature: object, purpose: str = ENTRY) -> bool:
    try:
        statement.verify(key, purpose, content, signature)
    except StatementError:
        return False
    return True
