"""A network moves to another release while sessions go on, and back: how long, over the start-ups of its stations.

Both releases are built from the tree; servers, certificates and stations on the older one are there already. What is
compared is measured in one run. A session that fails ends the benchmark.
"""

from __future__ import annotations

import collections
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from network_topology import names
from tests.benchmarks import network
from tests.harness import going, sandboxes, sized
from tests.station_image.builder import releases
from tests.station_image.builder.releases import NEWER, OLDER

RATIO_AT_MOST, BACK_AT_MOST = 1.5, 1.0
NOTHING_AT_MOST = 10.0
LARGE = 25
"""From so many on several move at once. Of a few each is a wave, with a drain and a session of its own."""
Row = dict[str, Any]
UNTIL = datetime.date(2099, 12, 31)


def measure(size: int, said: network.Said) -> Iterator[Row]:
    """One size: each station started anew, one of them there and back, then all."""
    network.prepare(said)
    for version in (OLDER, NEWER):
        releases.place(releases.built(version))
    with network.made(f"meting-hoger-{size}", size, said) as made:
        _prepare(made, size, said)
        said("every station started anew, one after another")
        starts = _starts(made)
        floor = sum(starts.values())
        yield _row(size, "its stations started anew, one after another", floor, phases=starts)
        yield _one(made, size, said)
        said("all of them, under sessions")
        moved, there = _under_sessions(made, size, "start", "--to", NEWER)
        yield _row(size, "moved to a newer release under sessions", moved, floor=floor, **there)
        ratio = _row(size, "moved, over the starts", moved / floor, "of the starts")
        yield ratio | ({"most": RATIO_AT_MOST} if size >= LARGE else {})
        seconds, _ = _timed(made, "start", "--to", NEWER)
        yield _row(size, "where nothing is to be moved", seconds, most=NOTHING_AT_MOST)
        said("and back, under sessions")
        back, there = _under_sessions(made, size, "rollback")
        yield _row(size, "moved back under sessions", back, floor=floor, **there)


def _prepare(made: sandboxes.Sandbox, size: int, said: network.Said) -> None:
    """Have all run the older release, and be allowed to move to the newer one."""
    defined = sized.definition(names.defined(made.name), size)
    releases.describe(made.home)
    said(f"up of {size} organisations, not measured")
    sized.write(made, defined | {"release": OLDER})
    made.up(expect=None)  # many stations begin on one machine: a computer of the first session may be too slow
    made.up()
    sized.write(made, defined | {"release": NEWER, "upgrading_from": OLDER, "upgrading_until": UNTIL})
    made.up()


def _starts(made: sandboxes.Sandbox) -> dict[str, float]:
    """Part → seconds of all stations together."""
    command = [sys.executable, "-m", "tests.benchmarks.upgrades.starts", made.name]
    done = subprocess.run(
        command, cwd=sandboxes.ROOT, env=made.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    made.works_again()
    found = collections.Counter[str]()
    for parts in json.loads(done.stdout).values():
        found.update(parts)
    return dict(found)


def _one(made: sandboxes.Sandbox, size: int, said: network.Said) -> Row:
    """One station there and back; its image has to come, and goes again, so that it comes with all others."""
    (one,) = sized.definition("", size)["organisations"].keys() - sized.definition("", size - 1)["organisations"].keys()
    said(f"{one} alone, and back")
    there, _ = _timed(made, "start", "--to", NEWER, "--only", one)
    back, _ = _timed(made, "rollback")
    made.on(one, "docker", "image", "rm", "--force", releases.built(NEWER).image_id)
    phases = {"there": there, "back": back}
    return _row(size, "one moved back, over its move", back / there, "of its move", phases=phases, most=BACK_AT_MOST)


def _under_sessions(made: sandboxes.Sandbox, size: int, *words: str) -> tuple[float, dict[str, Any]]:
    with going.Sessions(made, list(sized.definition("", size)["organisations"])[1]) as sessions:
        sessions.until(1)
        seconds, told = _timed(made, *words)
        sessions.until(sessions.good + 1)
    if sessions.failed or sessions.left_out:
        raise AssertionError(f"failed: {sessions.failed}; left out: {sessions.left_out}")
    moving = sum(at["seconds"] for at in told["upgrade"]["stations"].values())
    phases = {"moving": moving, "looking and trying": seconds - moving}
    more = {"waves": len(told["upgrade"]["waves"]), "sessions meanwhile": sessions.good, "failed": 0}
    return seconds, {"phases": phases, **more}


def _timed(made: sandboxes.Sandbox, step: str, *words: str) -> tuple[float, dict[str, Any]]:
    """Seconds of a step of `upgrade` that ends well, which its exit code says, and what it told."""
    began = time.perf_counter()
    told: dict[str, Any] = json.loads(made.run(f"upgrade {step}", *words, "--yes", "--json").stdout)
    return time.perf_counter() - began, told


def _row(
    size: int, step: str, value: float, unit: str = "s", *, floor: float | None = None,
    phases: dict[str, float] | None = None, **more: Any,
) -> Row:  # fmt: skip
    return {
        "name": f"upgrade of {size}: {step}",
        "organisations": size,
        "runs": 1,
        "value": round(value, 2),
        "unit": unit,
        "floor": None if floor is None else round(floor, 2),
        "phases": {phase: round(seconds, 2) for phase, seconds in (phases or {}).items()},
        **more,
    }
