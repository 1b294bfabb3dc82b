"""Processor seconds that the command takes before it does anything: what everybody waits for, at each use.

The floor is what Python takes to start and end, measured in between. `most` is what a row may take at all.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network_topology import load

RUNS = 5
MOST = 0.3
GERDA = load.path_of("gerda", Path(load.__file__).with_name("networks"))
COMMANDS = (("--help",), ("check", "gerda"), ("check", str(GERDA)))


def measure() -> list[dict[str, Any]]:
    """Seconds of the processor, the median of five runs of each command; runs of Python alone lie between them."""
    taken: dict[tuple[str, ...], list[float]] = {command: [] for command in COMMANDS}
    nothing = []
    for _ in range(RUNS):
        for command, seconds in taken.items():
            seconds.append(once(("-m", "werkplaats", *command)))
            nothing.append(once(("-c", "")))
    floor = round(statistics.median(nothing), 3)
    return [
        {
            "name": f"command: werkplaats {' '.join('FILE' if '/' in word else word for word in command)}",
            "value": round(statistics.median(seconds), 3),
            "unit": "s of cpu",
            "floor": floor,
            "most": MOST,
            "phases": {},
        }
        for command, seconds in taken.items()
    ]


def once(words: Sequence[str]) -> float:
    """User and system seconds of one run of Python, as the kernel counts them. Raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
