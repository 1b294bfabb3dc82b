"""Shares of 625 contributors at one computing party: parsed, checked and summed, in one process of its own.

As the agent does on arrival (the check of a deposit) and then the session's process (numbers, matrix, sum), one after
the other; without the network in between. The memory is the most that this process ever held, body included. The floor
is the same sum over numbers that are there as halves in machine words already, nothing read or checked.
"""

from __future__ import annotations

import json
import resource
import secrets
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from station_image.runtime.data import shares

RUNS = 3
CONTRIBUTORS, NUMBERS = 625, 4000


def measure() -> list[dict[str, Any]]:
    """Seconds and peak memory, medians of three."""
    command = [sys.executable, "-m", "tests.benchmarks.intake"]
    root = Path(__file__).resolve().parents[2]
    runs = [json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout) for _ in range(RUNS)]
    seconds = [sum(run["phases"].values()) for run in runs]
    typical = runs[seconds.index(statistics.median(seconds))]
    return [
        {
            "name": f"intake: {CONTRIBUTORS} x {NUMBERS} shares parsed, checked and summed",
            "organisations": CONTRIBUTORS,
            "value": round(sum(typical["phases"].values()), 3),
            "unit": "s",
            "floor": round(statistics.median(run["floor"] for run in runs), 4),
            "phases": {name: round(value, 3) for name, value in typical["phases"].items()},
        },
        {
            "name": f"intake: {CONTRIBUTORS} x {NUMBERS} shares, peak memory",
            "organisations": CONTRIBUTORS,
            "value": round(statistics.median(run["peak"] for run in runs)),
            "unit": "MB",
            "floor": round(CONTRIBUTORS * NUMBERS * shares.WIDTH / 1e6),
            "phases": {"before": round(typical["before"])},
        },
    ]


def once() -> dict[str, Any]:
    """One run in this process. Raises AssertionError where the sum is not that of the numbers sent."""
    import numpy as np

    from station_image.runtime.mpc import session

    rows = [[secrets.randbelow(shares.FIELD) for _ in range(NUMBERS)] for _ in range(2)]
    packed = [shares.pack(row) for row in rows]
    names = [f"n.{number:03}" for number in range(CONTRIBUTORS)]
    deposits = {name: packed[number % 2] for number, name in enumerate(names)}
    before = _peak()
    times = [time.perf_counter()]
    for body in deposits.values():
        shares.check(body, NUMBERS)
    times.append(time.perf_counter())
    plan, held = {"length": NUMBERS, "session": ""}, {name: ("", body) for name, body in deposits.items()}
    session.read(plan, held)
    times.append(time.perf_counter())
    summed = session.rows_of(plan, held, names).sum()
    times.append(time.perf_counter())
    even = CONTRIBUTORS - CONTRIBUTORS // 2
    wanted = [(even * one + (CONTRIBUTORS - even) * other) % shares.FIELD for one, other in zip(*rows, strict=True)]
    if not np.array_equal(summed, np.array(wanted, dtype=object)):
        raise AssertionError("a wrong sum measures nothing")
    phases = zip(("check", "parse", "sum"), times, times[1:], strict=False)
    told = {"phases": {name: end - start for name, start, end in phases}, "before": before, "peak": _peak()}
    return told | {"floor": _floor()}


def _floor() -> float:
    import numpy as np

    halves = np.ones((CONTRIBUTORS, 2 * NUMBERS), dtype=np.uint64)
    before = time.perf_counter()
    halves.sum(axis=0)
    return time.perf_counter() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    print(json.dumps(once()))
