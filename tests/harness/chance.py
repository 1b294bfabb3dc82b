"""Chance by seed: WERKPLAATS_KILL_SEED chooses what is broken and when, and the same seed chooses the same again."""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("WERKPLAATS_KILL_SEED", "20261123"))


def of(what: str) -> random.Random:
    """The choices about one thing; they do not depend on those about another."""
    return random.Random(f"{SEED} {what}")  # noqa: S311 - a place, not a secret
