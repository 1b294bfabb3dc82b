"""Journal lines: one event per line, names and reasons, never values, shares or counts of people."""

from __future__ import annotations

import sys
import unicodedata

LONGEST = 300


def plain(text: object, longest: int = LONGEST) -> str:
    """`text` as one printable line: what a peer wrote must not forge journal lines or move a terminal's cursor."""
    words = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in str(text)[: longest * 2])
    return words[:longest]


def note(event: str, **facts: object) -> None:
    """Print `event key=value …` to standard output, from where the engine brings it to the host's journal."""
    line = " ".join([event, *(f"{key}={plain(value)}" for key, value in facts.items() if value is not None)])
    print(line, file=sys.stdout, flush=True)
