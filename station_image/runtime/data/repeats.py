"""Rows that stand in two files of one folder: a session would count them twice, so people are asked.

People leave the old file beside the new one, a copy by another name, or a file of two months beside that of the first.
Rows alone say little: cases of one area are all alike. So files are held to repeat each other where one has exactly the
rows of the other, in whatever order; or where half of the runs of rows of the smaller one stand in the other too. A run
counts only when its rows differ enough that it does not come about by chance. What this does not notice: the same rows
in another order *and* with others among them, and most of the same rows where neighbours are alike, as in one sorted
column.

Of each file a count, a sum and its smallest runs by their hashes are kept (a bottom-k sketch, Cohen and Kaplan 2007): a
few thousand numbers for all files together, however large these are.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import files
from ..base.documents import canonical

RUN = 16
DIFFERENT = 6
"""So many of the rows of a run differ from each other."""
KEPT, KEPT_OF_ALL = 1024, 50_000
FEWEST = 8
"""Runs below which nothing is said about a share."""
SHARE = 0.5
MASK = 2**61 - 1
BASE = 0x1CE4E5B9BF58476D
_LEAVING = pow(BASE, RUN, MASK + 1)
Right = Callable[[str], bool]
"""Whether this organisation's people said that the repeats of this mark are right."""
_saying = threading.Lock()


def nobody_said(_: str) -> bool:
    """Of no repeats was it said that they are right."""
    return False


@dataclass(frozen=True)
class Print:
    """What is kept of a file: how many rows, what they add up to, and its runs below `limit`."""

    name: str
    rows: int
    total: int
    runs: frozenset[int]
    limit: int


class Taker:
    """Takes the print of one of `of` files, row by row."""

    def __init__(self, name: str, of: int) -> None:
        self._name = name
        self._most = max(2 * FEWEST, min(KEPT, KEPT_OF_ALL // of))
        self._rows = self._total = self._rolling = 0
        self._recent = deque([0] * RUN, RUN)
        self._runs: set[int] = set()
        self._largest: list[int] = []
        self._limit = MASK + 1

    def add(self, row: tuple[int, ...]) -> None:
        """The next row."""
        value, recent = hash(row) & MASK, self._recent
        self._rows += 1
        self._total = (self._total + value) & MASK
        self._rolling = run = (self._rolling * BASE + value - recent[0] * _LEAVING) & MASK
        recent.append(value)
        if run < self._limit and self._rows >= RUN and len(set(recent)) >= DIFFERENT and run not in self._runs:
            self._keep(run)

    def print(self) -> Print:
        """The print of the rows so far."""
        return Print(self._name, self._rows, self._total, frozenset(self._runs), self._limit)

    def _keep(self, run: int) -> None:
        self._runs.add(run)
        heapq.heappush(self._largest, -run)
        if len(self._largest) > self._most:
            self._limit = -heapq.heappop(self._largest)
            self._runs.remove(self._limit)


def sentences(prints: Sequence[Print]) -> list[tuple[str, str]]:
    """Name and what it repeats, of each file that has the rows of one before it."""
    first: dict[tuple[int, int], Print] = {}
    runs: dict[int, Print] = {}
    found = []
    for one in prints:
        same = first.setdefault((one.rows, one.total), one)
        if same is not one:
            if one.rows:
                found.append((one.name, f"the same {one.rows} row{'' if one.rows == 1 else 's'} as {same.name}"))
            continue
        others = {id(runs[run]): runs[run] for run in one.runs if run in runs}
        shares = sorted(((_share(one, other), other.name) for other in others.values()), reverse=True)
        if shares and shares[0][0] >= SHARE:
            share, name = shares[0]
            found.append((one.name, f"about {round(10 * share)} in 10 runs of rows are the same as in {name}"))
        for run in one.runs:
            runs.setdefault(run, one)
    return found


def mark(prints: Sequence[Print], found: Sequence[tuple[str, str]]) -> str:
    """What these repeats are known by: another one when any of the files has other rows."""
    facts = [[one.name, one.rows, one.total] for one in prints]
    return hashlib.sha256(canonical([facts, [list(one) for one in found]])).hexdigest()


def said(state: Path, network: str, question: str) -> Right:
    """What is asked of the repeats in a question's folder; `state` is the agent's."""
    return lambda found: _all(state).get(f"{network}/{question}") == found


def say(state: Path, network: str, question: str, found: str) -> None:
    """Keep that the repeats of this mark are right, until any of the files has other rows. Raises OSError."""
    with _saying:
        content = {**_all(state), f"{network}/{question}": found}
        files.replace(_path(state), json.dumps(content, indent=1, sort_keys=True), 0o600)


def _share(one: Print, other: Print) -> float:
    """Of the runs of the smaller file, how many of those that both would have kept are in the other; 0 of too few."""
    small, large = sorted((one, other), key=lambda each: each.rows)
    limit = min(small.limit, large.limit)
    mine = {run for run in small.runs if run < limit}
    return len(mine & large.runs) / len(mine) if len(mine) >= FEWEST else 0.0


def _path(state: Path) -> Path:
    return state / "repeated.json"


def _all(state: Path) -> Mapping[str, str]:
    """What was said; nothing where it cannot be read: then people are asked again."""
    try:
        content = json.loads(files.read(_path(state)))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
