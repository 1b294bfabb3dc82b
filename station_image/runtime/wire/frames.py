"""Frames: eight bytes of lengths, a JSON object, a body. The same between agents and between agent and computer.

The JSON is a strict subset, so that canonical text is unique and safe to sign: objects, lists, strings, integers,
booleans and null; no floating point numbers, no repeated keys, bounded depth.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from ..base import documents

PREFIX = struct.Struct("!II")
MAX_DEPTH = 12
MOST_VALUES = 50_000
"""Values in one header: a question about all areas of the country with their inhabitants has some 10,000."""
OBJECTS = 8
"""A header is so many times as large once it is read: text of four bytes a character beside it, and objects."""
JSON = dict[str, Any]


class FrameError(ValueError):
    """What came is not a frame, or larger than allowed here."""


def encode(header: Mapping[str, Any], body_length: int = 0) -> bytes:
    """Prefix and header of a frame; `body_length` bytes of body follow."""
    text = documents.canonical(header)
    return PREFIX.pack(len(text), body_length) + text


def lengths(prefix: bytes, header_limit: int, body_limit: int | None) -> tuple[int, int]:
    """Lengths of header and body; None: whoever reads the body looks. Raises FrameError when one is over its limit."""
    header, body = PREFIX.unpack(prefix)
    if not 2 <= header <= header_limit:
        raise FrameError(f"a header of {header} bytes; at most {header_limit} are read here")
    if body_limit is not None:
        limit_body(body, body_limit)
    return header, body


def limit_body(length: int, limit: int) -> None:
    """Raise FrameError unless a body of `length` bytes is read here."""
    if length > limit:
        raise FrameError(f"a body of {length} bytes; at most {limit} are read here")


def parse(text: bytes | bytearray) -> JSON:
    """The JSON object in `text`. Raises FrameError on anything outside the subset."""
    # Before they are made: a list of empty lists takes thirty times as much as its text.
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise FrameError(f"a header of more than {MOST_VALUES} values")
    try:
        content = json.loads(text.decode(), object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
    except FrameError:
        raise
    except (ValueError, RecursionError) as error:
        raise FrameError("a header that is not JSON") from error
    if not isinstance(content, dict):
        raise FrameError("a header that is not an object")
    _bounded(content, MAX_DEPTH)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> JSON:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise FrameError("a header that repeats a key")
    return content


def _no_float(_: str) -> Any:
    raise FrameError("a header with a number that is not an integer")


def _bounded(content: object, depth: int) -> None:
    if depth < 0:
        raise FrameError("a header that is nested too deeply")
    if isinstance(content, dict):
        for key, value in content.items():
            _encodable(key)
            _bounded(value, depth - 1)
    elif isinstance(content, list):
        for value in content:
            _bounded(value, depth - 1)
    elif isinstance(content, str):
        _encodable(content)


def _encodable(text: str) -> None:
    # "\ud800" is JSON but not UTF-8: it would break the canonical text that signatures are taken over.
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise FrameError("a header with half a character")
