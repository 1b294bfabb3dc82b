"""Editions: a keyed digest of an organisation's own inputs. Equal editions are equal inputs; nobody else can make one.

Computing parties see whether a contributor's data changed between two sessions, and nothing about them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

LENGTH = 16
LONGEST_TAG = 80


def of(inputs: Sequence[int], analysis: str, state: Path) -> str:
    """Sixteen hexadecimal digits; the key is made at the first use and stays in the agent's state."""
    path = state / "edition.key"
    if not path.exists():
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(32))
        fresh.replace(path)
    text = f"{analysis}|{','.join(map(str, inputs))}"
    return hmac.new(path.read_bytes(), text.encode(), hashlib.sha256).hexdigest()[:LENGTH]


def tag(edition: str) -> str:
    """The tag of one submission: a random part, which tells submissions apart, and the edition."""
    return f"{secrets.token_hex(16)}.{edition}"


def in_tag(text: str) -> str:
    """The edition in a tag; "" where it has none."""
    return text.partition(".")[2]
