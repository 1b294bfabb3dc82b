"""One row of what is told of a network: which fields it has, of which type, how large, and nothing that does not print.

Most of it is what the part that parses answered, whoever took that over: what is not as here is left out or cut, so
that neither the next run nor whoever reads it has to do with anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

LONGEST, MOST = 2000, 40
LONGEST_SOURCE, MOST_SOURCES = 300, 1002
"""A source for each peer, and two folders."""
_LAST = 2**31 - 1


def text(said: object, longest: int = LONGEST) -> str | None:
    """A sentence on one line."""
    if not isinstance(said, str):
        return None
    return "".join(char if char.isprintable() else "?" for char in said[:longest])


def _number(said: object) -> int | None:
    return said if type(said) is int and 0 <= said <= _LAST else None


def _texts(said: object) -> list[str]:
    found = map(text, said[:MOST]) if isinstance(said, list) else ()
    return [one for one in found if one is not None]


def _sources(said: object) -> dict[str, str]:
    rows = list(said.items())[:MOST_SOURCES] if isinstance(said, Mapping) else []
    return {text(name, LONGEST_SOURCE) or "?": text(why, LONGEST_SOURCE) or "" for name, why in rows}


def _applied(said: object) -> dict[str, Any] | None:
    fields = {name: take for name, take in _FIELDS.items() if name in ("at", "from", "number", "applies")}
    found = row(said, {**fields, "by": text}) if isinstance(said, Mapping) else {}
    return found if {"by", "at", "from", "number"} <= found.keys() else None


def _url(said: object) -> dict[str, Any]:
    return row(said, dict.fromkeys(("url", "why", "since"), text))


_FIELDS: Mapping[str, Callable[[object], Any]] = {
    **dict.fromkeys(("at", "from", "published", "ends", "refused", "problem", "state"), text),
    "number": _number,
    "url": _url,
    "sources": _sources,
    "applies": _texts,
    "waits": _texts,
    "applied": _applied,
}


def row(said: object, fields: Mapping[str, Callable[[object], Any]] = _FIELDS) -> dict[str, Any]:
    """A row of what somebody said; empty where that is none."""
    given = said if isinstance(said, Mapping) else {}
    return {name: take(given[name]) for name, take in fields.items() if name in given}
