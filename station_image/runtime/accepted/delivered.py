"""Questions as they were delivered: one that is not as questions are is left out by its name, and no other with it.

Who wrote the file is held to its size alone, so that each field is looked at before anything here counts on it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _named(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _number(value: Any) -> bool:
    return type(value) is int


def _day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False


def _agreements(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, dict) and (one.get("until") is None or _day(one["until"])) for one in value.values()
    )


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("network", "question", "purpose", "analysis", "at_most"), (_is(str), "no text")),
    "parameters": (_is(dict), "no mapping"),
    **dict.fromkeys(("fields", "operators", "statement_keys"), (_named, "no texts by name")),
    **dict.fromkeys(("contributors", "results", "computing"), (_texts, "no list of texts")),
    **dict.fromkeys(("threshold", "minimum_cell", "minimum_contributors"), (_number, "no number")),
    "agreements": (_agreements, "no agreements by station"),
    "until": (_day, "no day"),
}
MAY_BE: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "computing_alternates": (lambda value: isinstance(value, list) and all(map(_texts, value)), "no list of sets"),
    "dpia_annex": (lambda value: value is None or _day(value), "no day"),
}
"""Of the fields of a question, what each is; those that may be missing."""


def wrong(document: Document) -> str:
    """What of a question is not as it must be; "" where all is."""
    for field, (holds, what) in (*FIELDS.items(), *MAY_BE.items()):
        if field not in document:
            if field in FIELDS:
                return f"it has no {field}"
        elif not holds(document[field]):
            return f"its {field} is {what}"
    return ""
