"""Documents as bytes: canonical where a digest is taken of them, indented where people read them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def dump(document: Any) -> bytes:
    """JSON in one way only: sorted keys, no blanks, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def pretty(document: Any) -> bytes:
    """JSON that a person can review: sorted keys, a line per value."""
    return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def digest(document: Any) -> str:
    """The SHA-256 of a document in its canonical form, as "sha256:…"."""
    return f"sha256:{hashlib.sha256(dump(document)).hexdigest()}"
