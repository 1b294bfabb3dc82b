"""Documents as bytes: canonical where a digest is taken of them, indented where people read them; moments as text."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from typing import Any

STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
"""What `stamp` writes."""


def dump(document: Any) -> bytes:
    """JSON in one way only: sorted keys, no blanks, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def pretty(document: Any) -> bytes:
    """JSON that a person can review: sorted keys, a line per value."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def digest(document: Any) -> str:
    """The SHA-256 of a document in its canonical form, as "sha256:…"."""
    return f"sha256:{hashlib.sha256(dump(document)).hexdigest()}"


def now() -> datetime.datetime:
    """This moment, UTC, to the second: certificates know no smaller part."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def stamp(moment: datetime.datetime) -> str:
    """A moment in UTC as ISO 8601 to the second."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime.datetime:
    """The moment of which this is the stamp; raises ValueError for any other text, and for a day that no year has."""
    if not re.fullmatch(STAMP, text):
        raise ValueError(f"{text!r} is no moment as in 2026-01-31T12:00:00Z")
    return datetime.datetime.fromisoformat(text)
