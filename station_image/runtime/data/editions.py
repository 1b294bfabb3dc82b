"""Editions: keyed digests of what an organisation brought, by which computing parties see whether its data changed.

An edition has four marks: of the numbers that one question asks for; of the rows of the files, whatever is asked of
them; of the rows that some cell counts; and of how many those are. Two editions with one of the first three in common
are of the same data. So rows that no cell of a question counts change nothing for that question, and data that two
questions count differently are still known to be the same. Questions about other columns have no such mark in common:
of these, equally many rows are taken for the same data. Nobody else can make a mark, and it tells nothing but whether
it is another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..base import files
from ..base.documents import canonical
from ..base.refusal import RefusedError
from . import records

LENGTH = 16
KEY = 32
LONGEST_TAG = 100
AT_ONCE = 10_000
OF_DATA = 3
"""Marks of the data; behind them is that of their number."""
_making = threading.Lock()  # the data of two questions are read in two threads, and the key is one


def of(
    inputs: Sequence[int],
    rows: Iterable[tuple[int, ...]],
    counted: Iterable[tuple[int, ...]],
    asked: object,
    state: Path,
) -> str:
    """Marks of sixteen hexadecimal digits; the key is made at the first use and stays in the agent's state.

    Raises RefusedError where the key is damaged.
    """
    path = state / "edition.key"
    with _making:
        if not path.exists():
            files.replace(path, secrets.token_bytes(KEY), 0o600)
    key = files.read(path)
    if len(key) != KEY:
        # With one that anybody knows, whoever sees a mark could try what it is of.
        raise RefusedError(f"{path.name}: not the key that this station made; its operator puts it back from a backup")
    numbers, size = _mark(key, ["asked", asked, *inputs]), _mark(key, ["number", records.counted(counted).total()])
    return ".".join((numbers, _mark_rows(key, "rows", rows), _mark_rows(key, "counted", counted), size))


def same(one: str | None, other: str | None, alike: bool = True) -> bool:
    """Whether two editions are of the same data; None is of nobody's. `alike`: both are about the same columns."""
    if one is None or other is None:
        return False
    if one == other:
        return True
    ours, theirs = one.split("."), other.split(".")
    if not set(ours[:OF_DATA]).isdisjoint(theirs[:OF_DATA]):
        return True
    return not alike and ours[OF_DATA:] == theirs[OF_DATA:] != []


def _mark(key: bytes, content: list[Any]) -> str:
    return hmac.new(key, canonical(content), hashlib.sha256).hexdigest()[:LENGTH]


def _mark_rows(key: bytes, which: str, rows: Iterable[tuple[int, ...]]) -> str:
    """The mark of [which, …] with every row as often as it is there, in order, without a list of them."""
    mark = hmac.new(key, canonical([which])[:-1], hashlib.sha256)
    for row, times in sorted(records.counted(rows).items()):
        text = b"," + canonical(row)
        for left in range(times, 0, -AT_ONCE):
            mark.update(text * min(left, AT_ONCE))
    mark.update(b"]")
    return mark.hexdigest()[:LENGTH]


def tag(edition: str) -> str:
    """The tag of one submission: a random part, which tells submissions apart, and the edition."""
    return f"{secrets.token_hex(16)}.{edition}"


def in_tag(text: str) -> str:
    """The edition in a tag; "" where it has none."""
    return text.partition(".")[2]
