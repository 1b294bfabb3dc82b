"""The table of what came of each incident, in the folder `build`: as JSON and as lines of a guide.

Several modules and runs write it: each puts its rows beside what others wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.faults import incidents, not_here
from tests.faults.told import rows

HEAD = ("incident", "caused how", "detected by", "seconds", "diagnosed as", "recovered in seconds", "lost")
NO_FIGURES = ("",) * 4
PEOPLE = "people"
"""Who detects what diagnosis never names."""


def every() -> Iterator[tuple[str, str]]:
    """Incident and how it is caused, of each that a test causes, in order."""
    for row in (*incidents.EVERY, *rows.EVERY):
        yield row.incident, row.how


def add(found: Sequence[dict[str, Any]]) -> None:
    """Write rows, in the place of those of the same incident and cause that were there."""
    incidents.BUILD.mkdir(exist_ok=True)
    kept = incidents.BUILD / "incidents.json"
    before = json.loads(kept.read_text()) if kept.exists() else []
    told = {(row["incident"], row["caused how"]): row for row in (*before, *found)}
    kept.write_text(json.dumps([*told.values()], indent=1) + "\n")
    lines = [HEAD, ("---",) * len(HEAD)]
    for key in every():
        lines.append(
            tuple(str(told[key][name]) for name in HEAD) if key in told else (*key, incidents.NOT_RUN, *NO_FIGURES)
        )
    lines += [(name, how, f"not caused here: {why}", *NO_FIGURES) for name, how, why in not_here.NOT_HERE]
    (incidents.BUILD / "incidents.md").write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))
