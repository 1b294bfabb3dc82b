"""Sessions of others while one member floods with whatever its gateway lets through, also before any hello.

A question about 40 areas over real agents, computers and gateways, from the moment that a scientist proposes it until
the result is there. Runs without and with the flood alternate. All stations share the cores of this machine with
whoever floods, at the lowest priority; the ratio still holds what the gateways have to do for it.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from tests.harness.region import SEVEN, Region, whole
from tests.harness.stations import wait_until
from tests.station_image.runtime.agreed import MEMBERS, PLANTED_TOTALS, Agreed
from tests.station_image.runtime.wire.flooding import Flood, peak

RUNS = 5
PROMISED = 1.5
LIMIT_MB = 256
PAST = 400
THREE = SEVEN[:3]


def measure() -> Iterator[dict[str, Any]]:
    """Seconds without and with the flood, medians of five, their ratio, and what an agent held."""
    with whole() as running:
        yield from _measured(running)


def _measured(region: Region) -> Iterator[dict[str, Any]]:
    question = Agreed(region)
    question.everywhere()
    for member in MEMBERS:
        question.put(member, question.cases(member))
    seconds: dict[bool, list[float]] = {False: [], True: []}
    sent = 0
    for _ in range(RUNS):
        for floods in seconds:
            with Flood(region["yunio"], "drie") if floods else nullcontext() as flood:
                if flood is not None:
                    wait_until(functools.partial(_rises, flood), "the flood to rise", 60)
                began = time.monotonic()
                if question.opened(question.ask()) != PLANTED_TOTALS:
                    raise AssertionError("a session with a wrong result measures nothing")
                seconds[floods].append(time.monotonic() - began)
                sent += flood.sent.total() if flood is not None else 0
    alone, flooded = (statistics.median(seconds[floods]) for floods in (False, True))
    common: dict[str, Any] = {"organisations": len(MEMBERS), "phases": {"requests of the flood": sent}}
    yield _row("a session alone", alone, "s", None) | common
    yield _row("a session while one member floods", flooded, "s", round(alone, 2)) | common
    yield _row("with over without", flooded / alone, "times", 1.0) | common | {"most": PROMISED}
    held = max(peak(region[name]) for name in THREE) / 1024**2
    yield _row("most memory of a computing party's agent", held, "MB", None) | common | {"most": LIMIT_MB}


def _rises(flood: Flood) -> bool:
    """Whether it is past what it may send at once: from then on it is held to its rates."""
    return flood.sent.total() > PAST


def _row(name: str, value: float, unit: str, floor: float | None) -> dict[str, Any]:
    return {"name": f"flood: {name}", "value": round(value, 2), "unit": unit, "floor": floor}
