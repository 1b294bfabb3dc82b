"""Look again and again: what changed since the time before, and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from base import canonical

SECONDS, LEAST, LONGEST = 30, 5, 3600
"""Between two looks: where nothing is said, and what may be said."""
_PASSES = re.compile(r"\b[0-9]+ (?:s|seconds|minutes|hours) (?:ago|old)\b")
"""What is another at each look although nothing happened."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What one look found: the lines of each station, and those of none; `document` is for programs."""

    lines: Mapping[str, tuple[str, ...]]
    document: Any
    code: int


def changes(before: Mapping[str, tuple[str, ...]], now: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The lines of every place where something is another than before; what is not told of any more is said."""
    found = list[str]()
    for place in [*now, *(one for one in before if one not in now)]:
        lines = now.get(place, ())
        if [*map(_still, lines)] != [*map(_still, before.get(place, ()))]:
            found += lines or [f"{place or 'what was said of no station'}: nothing is told of it any more"]
    return found


def _still(line: str) -> str:
    return _PASSES.sub("", line)


def watch(
    look: Callable[[], Look],
    seconds: int,
    write: Callable[[str], None],
    *,
    programs: bool = False,
    wait: Callable[[float], None] | None = None,
) -> int:
    """Look until somebody interrupts; returns the exit code of the last look that was whole.

    Of the first all is written, then what changed, with the time; for `programs` each as one line of JSON.
    """
    before: Mapping[str, tuple[str, ...]] = {}
    code = 0
    try:
        for number in itertools.count():
            if number:
                (wait or time.sleep)(seconds)
            found = look()
            code, at = found.code, canonical.stamp(canonical.now())
            if programs:
                write(json.dumps({"at": at, "exit": code, "status": found.document}))
            else:
                for line in changes(before, found.lines):
                    write(f"{at} {line}")
            before = found.lines
    except KeyboardInterrupt:
        pass
    return code
