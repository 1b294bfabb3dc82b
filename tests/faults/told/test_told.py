"""Incidents that people tell of are caused on real servers, and their runbooks walked there by their words alone.

The network is no sandbox: its operator accepts, its root holders sign, and its coordinator approves by a fingerprint.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runbooks.framework import found
from tests.faults import incidents
from tests.faults.incidents import Row
from tests.faults.test_incidents import FOUND_SECONDS, is_found, well
from tests.faults.told import results, rows, walk
from tests.faults.told.rows import Told
from tests.faults.told.walk import Typed, Walk
from tests.harness import sandboxes
from tests.harness.stations import wait_until


@pytest.mark.parametrize("row", rows.EVERY, ids=lambda row: row.id)
def test_each_command_that_a_runbook_shows_is_typed_or_it_is_said_why_not(row: Told) -> None:
    assert walk.shown(found.find(row.incident)) == {*row.commands}


@pytest.fixture(scope="module")
def verteld(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """One network of three servers for all rows; each is well again when its row is over."""
    maker = incidents.three(tmp_path_factory.mktemp("verteld"), "verteld")
    network = sandboxes.known_by_inventory(maker, "verteld")
    try:
        assert sandboxes.up_step_by_step(network)["verified"]
        shutil.copytree(maker.vault / "people", network.vault / "people")
        yield network
    finally:
        maker.run("destroy", "--yes")


@pytest.mark.servers
@pytest.mark.soak
@pytest.mark.parametrize("row", rows.EVERY, ids=lambda row: row.id)
def test_who_does_what_its_runbook_says_ends_it(
    verteld: sandboxes.Sandbox, row: Told, tmp_path: Path, note: Callable[[str], None]
) -> None:
    told = walked(verteld, row, tmp_path)
    results.add([told])
    note(f"{row.id}: the runbook was walked in {told['recovered in seconds']} s")


def walked(network: sandboxes.Sandbox, row: Told, folder: Path) -> dict[str, Any]:
    """Cause it, walk through its runbook, and look; returns its row of the table."""
    well(network)
    walks = Walk(network, row.incident, row.target, row.commands, folder, rung=row.rung)
    row.causes(walks)
    try:
        seconds = named(network, row) if row.found else ""
        began = time.monotonic()
        for command in row.before:
            walks.type(command)
        walks.run()
        row.then(walks)
        for command in row.back:
            walks.type(command)
        recovered = time.monotonic() - began
        network.works_again()
        row.holds(walks)
    finally:
        row.undo(walks)
    well(network)
    wanted = {command for command, how in row.commands.items() if isinstance(how, Typed)}
    assert wanted == {*walks.typed}, f"nothing asked for {wanted - {*walks.typed}}"
    recorded = json.loads(network.run("incident report", "--json").stdout)
    assert [one["state"] for one in recorded if one["incident"] == row.incident][-1] == "healed"
    by, diagnosed = ("incident diagnose", row.incident) if row.found else (results.PEOPLE, "")
    figures = (row.incident, row.how, by, seconds, diagnosed, round(recovered, 1), row.lost)
    return dict(zip(results.HEAD, figures, strict=True))


def named(network: sandboxes.Sandbox, row: Told) -> float:
    """Seconds until diagnosis names it first."""
    began = time.monotonic()
    same = Row(row.incident, row.target, row.how, incidents.nothing)
    wait_until(lambda: is_found(network, same), f"diagnosis to name {row.id}", FOUND_SECONDS)
    return round(time.monotonic() - began, 1)
