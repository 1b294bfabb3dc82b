"""What was typed and printed on a walk, as another administrator would have it on the screen."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping

WIDTH, INDENT = 118, 11
PROMPT = re.compile(r"\[y/N\] |that is read to you: ")
# What differs from walk to walk, or from network to network.
_DIFFERENT = (
    (re.compile(r"(?i)\b(sha256):([0-9a-f]{64}|[A-Za-z0-9+/]{43})"), r"\1:…"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z"), "…"),
    (re.compile(r"\d+ of \d+ (?=checks|links|sessions)"), "… of … "),
    (re.compile(r"^(changed|time): .*"), r"\1: …"),
)


def echoed(printed: str, typed: str) -> str:
    """What was printed, with each answer behind its question: a terminal echoes it, and a pipe does not."""
    answers = iter(typed.splitlines())
    return PROMPT.sub(lambda found: f"{found[0]}{next(answers, '')}\n", printed)


def lines(command: str, printed: str, said: str) -> list[str]:
    """One command: `printed` on standard output, and what it `said` on standard error when it stopped."""
    told = [
        line.removeprefix("werkplaats join: ") for line in said.splitlines() if line.startswith("werkplaats join: ")
    ]
    return [f"$ werkplaats {command}", *printed.splitlines(), *(f"! {line}" for line in told), ""]


def readable(walk: Iterable[str], named: Mapping[str, str]) -> list[str]:
    """All of a walk; `named`: what stood there → what a reader is shown in its place."""
    found = []
    for line in walk:
        for there, shown in named.items():
            line = line.replace(there, shown)
        for different, shown in _DIFFERENT:
            line = different.sub(shown, line)
        found += textwrap.wrap(line, WIDTH, subsequent_indent=" " * INDENT, break_on_hyphens=False) or [""]
    return found
