"""What the entries of a register say in all, kept in memory: some forty bytes an entry.

Where each begins, its digest, the furthest heads of others' registers; and of going back: what this station lost, said
and was agreed to, and what its steward agreed to of others.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import Any

DIGEST = 32
MENDED, LOST, WENT_BACK, GRANTED, AGREED, TOLD = "mended", "lost", "went-back", "granted", "agreed", "told"
Entry = Mapping[str, Any]


class Index:
    """Everything by the order of the entries: what a later one says holds."""

    def __init__(self) -> None:
        self.heads: dict[tuple[str, str], Mapping[str, Any]] = {}
        """Station and key → the furthest head that it told, as it signed it where it did."""
        self.mended = 0
        self.lost: Entry | None = None
        """A head of this station's own that it signed and does not have, since it last went back."""
        self.restored: set[str] = set()
        """Digests of the backups that were put back and are entered: each of them is, once."""
        self.back: Entry | None = None
        """When this station went back last."""
        self.granted: set[tuple[str, str]] = set()
        """Network and station: who agreed to that."""
        self.agreed: dict[str, int] = {}
        """Of others: the digest of a statement that the steward here agreed to → when."""
        self._backs: set[tuple[str, str]] = set()
        """Station and its last entry each time that it went back, whatever the network that it said so in."""
        self.told: set[str] = set()
        """Digests of statements of others that were entered."""
        self._places = array("Q")
        self._digests = bytearray()
        self._end = 0

    @property
    def moment(self) -> int:
        """When this station went back last, in seconds since 1970; -1 where it never did."""
        return int(self.back["moment"]) if self.back else -1

    def times(self, station: str) -> int:
        """How often it was agreed here that a station went back."""
        return sum(name == station for name, _ in self._backs)

    def add(self, entry: Entry, digest: str, length: int) -> None:
        """Enter the next one, whose line has `length` bytes."""
        self._places.append(self._end)
        self._digests += bytes.fromhex(digest)
        self._end += length
        if take := _TAKEN.get(entry["kind"]):
            take(self, entry)
        for name, head in entry.get("registers", {}).items():
            known = self.heads.get((name, head["key"]), {"entries": 0})
            if head["entries"] > known["entries"]:
                self.heads[name, head["key"]] = {part: value for part, value in head.items() if part != "key"}

    def digest(self, number: object) -> str:
        """The digest of entry `number`, "" where there is none."""
        if not isinstance(number, int) or not 1 <= number <= len(self._places):
            return ""
        return self._digests[DIGEST * (number - 1) : DIGEST * number].hex()

    def place(self, position: int) -> int:
        """The byte where the entry at `position`, counted from 0, begins."""
        return self._places[max(0, position)] if self._places else 0

    def _mended(self, _: Entry) -> None:
        self.mended = len(self._places)

    def _lost(self, entry: Entry) -> None:
        self.lost = entry
        self.restored.add(entry.get("backup", ""))

    def _back(self, entry: Entry) -> None:
        self.back, self.lost = entry, None
        self.granted.clear()

    def _granted(self, entry: Entry) -> None:
        self.granted.add((entry["network"], entry["by"]))

    def _agreed(self, entry: Entry) -> None:
        # What it told before, of entries that are gone, stays in the entries here; from now on this is asked for.
        self.heads[entry["station"], entry["key"]] = {"entries": entry["entries"], "digest": entry["last"]}
        self.agreed[entry["statement"]] = entry["at"]
        self._backs.add((entry["station"], entry["last"]))

    def _told(self, entry: Entry) -> None:
        self.told.add(entry["statement"])


_TAKEN: Mapping[str, Callable[[Index, Entry], None]] = {
    MENDED: Index._mended,
    LOST: Index._lost,
    WENT_BACK: Index._back,
    GRANTED: Index._granted,
    AGREED: Index._agreed,
    TOLD: Index._told,
}
