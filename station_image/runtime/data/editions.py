"""Editions: keyed digests of what an organisation brought, by which computing parties see whether its data changed.

An edition has two marks: of the numbers that one question asks for, and of the rows of the files, whatever is asked of
them. Two editions with a mark in common are of the same data. So rows that no cell of a question counts change nothing
for that question, and data that two questions count differently are still known to be the same. Nobody else can make
a mark, and it tells nothing but whether it is another.
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
from . import records

LENGTH = 16
LONGEST_TAG = 80
AT_ONCE = 10_000
_making = threading.Lock()  # the data of two questions are read in two threads, and the key is one


def of(inputs: Sequence[int], rows: Iterable[tuple[int, ...]], asked: object, state: Path) -> str:
    """Marks of sixteen hexadecimal digits; the key is made at the first use and stays in the agent's state."""
    path = state / "edition.key"
    with _making:
        if not path.exists():
            files.replace(path, secrets.token_bytes(32), 0o600)
    key = path.read_bytes()
    return ".".join((_mark(key, ["asked", asked, *inputs]), _mark_rows(key, rows)))


def same(one: str | None, other: str | None) -> bool:
    """Whether two editions are of the same data; None is of nobody's."""
    return (
        one is not None and other is not None and (one == other or not set(one.split(".")).isdisjoint(other.split(".")))
    )


def _mark(key: bytes, content: list[Any]) -> str:
    return hmac.new(key, canonical(content), hashlib.sha256).hexdigest()[:LENGTH]


def _mark_rows(key: bytes, rows: Iterable[tuple[int, ...]]) -> str:
    """The mark of ["rows", …] with every row as often as it is there, in order, without a list of them."""
    mark = hmac.new(key, b'["rows"', hashlib.sha256)
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
