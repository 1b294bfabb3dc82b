"""From a definition to a verified network of four organisations, again with nothing changed, and one session.

The Pulumi engine and both images are there already; servers, certificates and stations are not. Each figure is the
median of three runs, with the phases of the run that gave it (they overlap).
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import sandboxes
from tests.benchmarks import topology

RUNS = 3
ORGANISATIONS = 4


def measure() -> list[dict[str, Any]]:
    """Seconds of wall clock, medians of three."""
    first, again, sessions = [], [], []
    for number in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            network = sandboxes.sandbox(Path(folder), f"meting-{number}")
            try:
                first.append(_verified(network.up()))
                again.append(_verified(network.up()))
                sessions.append(_session(network))
            finally:
                network.run("destroy", "--yes")
    return [
        _row("network: definition to verified", first),
        _row("network: up again with nothing changed", again),
        _row("network: one acceptance session", sessions),
    ]


def _verified(told: dict[str, Any]) -> dict[str, Any]:
    if not told["verified"]:
        raise AssertionError(f"a run that did not verify measures nothing: {told['found']}")
    return told


def _session(network: sandboxes.Sandbox) -> dict[str, Any]:
    began = time.perf_counter()
    told = json.loads(network.run("session", "--json").stdout)
    if not told["good"]:
        raise AssertionError(f"a session that failed measures nothing: {told['reason']}")
    return {"seconds": time.perf_counter() - began, "phases": {}}


def _row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [run["seconds"] for run in runs]
    typical = runs[seconds.index(statistics.median(seconds))]
    return {
        "name": name,
        "organisations": ORGANISATIONS,
        "value": round(typical["seconds"], 2),
        "unit": "s",
        "floor": None,
        "phases": {phase: round(value, 2) for phase, value in typical["phases"].items()},
        "environment": topology.environment(),
    }
