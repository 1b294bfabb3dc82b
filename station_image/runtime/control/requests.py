"""What the `station` program asks: one line of JSON, the fields that verbs take, each of its kind.

Only what is found wrong here, or names something that does not exist, is the asker's mistake.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.journal import plain

LONGEST_LINE = 64 * 1024
LINE_WITHIN = 10.0
INTAKE = 10
DEADLINE = 600


class WrongUseError(Exception):
    """The request cannot be read, or names something that does not exist."""


@dataclass(frozen=True)
class Request:
    """The fields of all verbs; one that was not given has its default. Times are seconds."""

    verb: str
    network: str = ""
    question: str = ""
    session: str = ""
    last: int = 20
    analysis: str = "acceptance_sum/1"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    intake: int = INTAKE
    deadline: int = DEADLINE
    both: bool = False
    station: str = ""
    computing: int = 0
    """Which set of computing parties, from 1 on; 0 is the first that is there."""
    seconds: int = 600
    end: bool = False


async def read(reader: asyncio.StreamReader, verbs: Collection[str]) -> Request:
    """The request on the next line. Raises WrongUseError."""
    try:
        line = await asyncio.wait_for(reader.readline(), LINE_WITHIN)
    except TimeoutError as error:
        raise WrongUseError(f"no request came in {LINE_WITHIN:g} s") from error
    except ValueError as error:
        raise WrongUseError(f"a request longer than {LONGEST_LINE} bytes") from error
    return parse(line, verbs)


def parse(line: bytes, verbs: Collection[str]) -> Request:
    """A request of one of `verbs`, its fields well-formed; others are left alone. Raises WrongUseError."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WrongUseError("a request that is not one line of JSON") from error
    if not isinstance(given, dict):
        raise WrongUseError("a request that is not a JSON object")
    found = {name: _KINDS[name](name, value) for name, value in given.items() if name in _KINDS and value is not None}
    if found.get("verb") not in verbs:
        raise unknown("verb", found.get("verb", ""), "", verbs)
    return Request(**found)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise WrongUseError(f"{name}: not a text")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WrongUseError(f"{name}: not a whole number")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongUseError(f"{name}: not true or false")
    return value


def _object(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongUseError(f"{name}: not an object")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise WrongUseError(f"{name}: not a list of texts")
    return tuple(value)


_KINDS: Mapping[str, Callable[[str, object], Any]] = {
    "verb": _text,
    "network": _text,
    "question": _text,
    "session": _text,
    "last": _whole,
    "analysis": _text,
    "parameters": _object,
    "results": _texts,
    "intake": _whole,
    "deadline": _whole,
    "both": _flag,
    "station": _text,
    "computing": _whole,
    "seconds": _whole,
    "end": _flag,
}


def unknown(kind: str, name: str, where: str, known: Collection[str]) -> WrongUseError:
    """That there is nothing of this name, and what there is."""
    return WrongUseError(f"no {kind} {plain(name, 60)!r}{where}; known are {', '.join(sorted(known)) or '(none)'}")
