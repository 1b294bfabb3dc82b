"""Regions that federate: from nothing to a first joint result, against the same regions apart, and while they run.

The regions are those of the example `nederland`, the first few of them; apart and together are measured in one run. The
Pulumi engine and both images are there already.
"""

from __future__ import annotations

import contextlib
import datetime
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from network_topology import context, names
from network_topology.federations import country
from tests.benchmarks import machine, network
from tests.harness import going, sandboxes

SIZES = {"6": (2, 3), "75": (3, 25)}
"""Regions, and organisations of each."""
RATIO_AT_MOST = 1.2
FOLDER = network.FOLDER / "federatie"
Row = dict[str, Any]


def measure(size: str, said: network.Said) -> Iterator[Row]:
    """One size: apart, then together from nothing, then federated while they run."""
    network.prepare(said)
    many, each = SIZES[size]
    with _country(many, each, said) as (federation, regions):
        apart = [_up(one, said) for one in regions]
        yield _row(many, each, "regions apart, one after the other, from nothing to verified", sum(apart))
        yield _row(many, each, "federated while they run and one computes", *_federated(federation, regions, said))
        again = _up(federation, said)
        yield _row(many, each, "up again with nothing changed", again)
    with _country(many, each, said) as (federation, _):
        before = machine.available()
        together = _up(federation, said)
        yield _row(many, each, "from nothing to a first joint result of all regions", together)
        yield _row(many, each, "memory per server", (before - machine.available()) / many / each / 1e6, "MB")
    ratio = _row(many, each, "together over apart", together / sum(apart), "of the regions apart")
    yield ratio | ({"most": RATIO_AT_MOST} if size == "6" else {})


def _federated(
    federation: sandboxes.Sandbox, regions: list[sandboxes.Sandbox], said: network.Said
) -> tuple[float, str, dict[str, Any]]:
    there = {one.name: _organisations(one) for one in regions}
    before = {one.name: going.started(one, there[one.name]) for one in regions}
    with going.Sessions(regions[0], there[regions[0].name][1]) as sessions:
        took = _up(federation, said)
    anew = [name for one in regions if going.started(one, there[name := one.name]) != before[name]]
    if anew or sessions.failed:
        raise AssertionError(f"started anew: {anew}; failed: {sessions.failed}")
    return took, "s", {"sessions meanwhile": sessions.good, "failed": 0, "started anew": 0}


def _organisations(region: sandboxes.Sandbox) -> list[str]:
    return sorted(path.name for path in (region.vault / "seeds").iterdir())


def _up(one: sandboxes.Sandbox, said: network.Said) -> float:
    said(f"up of {one.name}")
    began = time.perf_counter()
    one.up()
    return time.perf_counter() - began


def _row(many: int, each: int, step: str, value: float, unit: str = "s", more: dict[str, Any] | None = None) -> Row:
    return {
        "name": f"federation of {many} regions of {each}: {step}",
        "organisations": many * each,
        "runs": 1,
        "value": round(value, 2),
        "unit": unit,
        "floor": None,
        "phases": {},
        **(more or {}),
    }


@contextlib.contextmanager
def _country(many: int, each: int, said: network.Said) -> Iterator[tuple[sandboxes.Sandbox, list[sandboxes.Sandbox]]]:
    """A federation and its regions, of which nothing exists yet, and nothing is left afterwards."""
    chosen = dict(sorted(context.shipped(datetime.date.today()).regions.items())[:many])
    country.write(country.files(chosen, organisations=each), FOLDER / "home" / "networks")
    federation, *regions = (
        sandboxes.Sandbox(names.twin(name), FOLDER / "home", FOLDER / "state") for name in (country.NAME, *chosen)
    )
    try:
        yield federation, regions
    finally:
        remove_left_behind(said)


def remove_left_behind(said: network.Said) -> None:
    """Remove the federation and the regions of a run, also of one that was killed; with the first go all others."""
    home: Path = FOLDER / "home"
    for path in sorted((home / "networks").glob("*"), key=lambda path: path.name != country.NAME):
        one = sandboxes.Sandbox(names.twin(path.name), home, FOLDER / "state")
        if one.vault.exists():
            said(f"destroy {one.name}")
            one.run("destroy", "--yes")
    shutil.rmtree(FOLDER, ignore_errors=True)
