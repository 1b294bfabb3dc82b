"""What a follower tells: whether it ran lately, what it found, what waits, and who applied what was applied last."""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from on_server import disk, programs
from on_server.follow import places, told
from on_server.follow.places import Paths

TIMER, SERVICE = "werkplaats-follow.timer", "werkplaats-follow.service"
EVERY = "WERKPLAATS_FOLLOW_EVERY"
INTERVALS, LEAST = 3, 60.0
"""Of which none went by without a run, nor so many seconds: on a busy server one that reads takes some."""


def before(paths: Paths) -> dict[str, Any]:
    """What was told last, by network; nothing where that cannot be read."""
    try:
        found = places.document(paths.told.read_text())["networks"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    rows = found.items() if isinstance(found, Mapping) else ()
    return {name: told.row(row) for name, row in rows if isinstance(row, dict)}


def tell(paths: Paths, networks: Mapping[str, Any]) -> None:
    """Tell in place of what was told."""
    rows = {name: told.row(row) for name, row in networks.items()}
    disk.write(paths.told, json.dumps({"networks": rows}, indent=1, sort_keys=True).encode())


def document(paths: Paths) -> dict[str, Any]:
    """All of it: `every` and `ago` in seconds (None: never), `faults`, and a row a network."""
    every, ago = _every(), _ago(paths)
    networks = before(paths)
    found = stopped(paths) or faults(every, ago, active_for(), networks)
    return {"every": every, "ago": ago, "faults": found, "networks": networks}


def stopped(paths: Paths) -> list[str]:
    """A sentence where somebody stopped the follower."""
    if not paths.stopped.exists():
        return []
    try:
        said = places.document(paths.stopped.read_text())
    except (OSError, ValueError):
        said = {}
    since, why = told.text(said.get("at")) or "somebody said so", told.text(said.get("why")) or "no reason is told"
    what = f"the follower is stopped since {since} ({why}), so no revocation reaches this station by itself"
    return [f"{what}: werkplaats-follow --start"]


def now() -> str:
    """This moment in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def faults(every: int | None, ago: float | None, active: float | None, networks: Mapping[str, Any]) -> list[str]:
    """A sentence for everything that keeps a station from following its network; `active`: the timer, for seconds."""
    if active is None or every is None:
        return [f"{TIMER} does not run, so no revocation reaches this station by itself: systemctl start {TIMER}"]
    last = active if ago is None else min(active, ago)
    late = [f"the follower ended no run for {last:.0f} s, and it is to each {every} s: systemctl status {SERVICE}"] * (
        last > max(LEAST, INTERVALS * every)
    )
    return late + [f"{name}: {row['problem']}" for name, row in networks.items() if row.get("problem")]


def lines(row: Mapping[str, Any]) -> list[str]:
    """What is told to people of one network."""
    found, url = [], row.get("url") or {}

    def place(source: str) -> str:
        return url.get("url", source) if f"{places.FETCHED}/" in source else source

    if applied := row.get("applied"):
        source = place(applied["from"])
        found.append(
            f"publication {applied['number']} was applied by {applied['by']} at {applied['at']}, from {source}"
        )
    if url.get("why"):
        found.append(f"not fetched from {url['url']} since {url['since']}: {url['why']}")
    if row.get("refused"):
        found.append(f"not followed: {row['refused']}")
    if row.get("problem"):
        found.append(f"problem: {row['problem']}")
    found += [f"waits for the operator's `werkplaats accept`: {change}" for change in row.get("waits") or ()]
    return found + [f"{place(source)}: {why}" for source, why in (row.get("sources") or {}).items() if why]


def _every() -> int | None:
    said = programs.run("systemctl", "show", "--property=Environment", "--value", SERVICE)
    found = re.search(rf"\b{EVERY}=([0-9]+)\b", said)
    return int(found[1]) if found else None


def _ago(paths: Paths) -> float | None:
    return time.time() - paths.ran.stat().st_mtime if paths.ran.exists() else None


def active_for() -> float | None:
    """Seconds since the timer runs; None where it does not."""
    if not programs.active(TIMER):
        return None
    said = programs.run("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", TIMER)
    return time.clock_gettime(time.CLOCK_MONOTONIC) - int(said) / 1e6
