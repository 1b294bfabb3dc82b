"""Every incident that can be caused here is: found by diagnosis, shown without a change, mended, and taken back.

The runbook is killed in the middle first: WERKPLAATS_KILL_SEED chooses when, and the same command goes on.

The quick rows are in `make test`, on the network that it has anyway; all others are `make soak`'s, on one of three.
What came of each row is written to the folder `build`, as JSON and as a table.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults import incidents
from tests.faults.incidents import Row
from tests.faults.told import results
from tests.harness import chance, sandboxes
from tests.harness.stations import wait_until

pytestmark = pytest.mark.servers
FOUND_SECONDS = 120.0
REASON = "--reason=a test causes what it mends"
STEP = re.compile(r"\b(\d+)/(\d+) ")


@pytest.fixture(scope="module")
def table() -> Iterator[list[dict[str, Any]]]:
    """A row for each incident that was caused; written at the end, beside what other runs wrote of other rows."""
    rows: list[dict[str, Any]] = []
    yield rows
    results.add(rows)


@pytest.fixture(scope="module")
def storing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """One network of three servers for all rows; each is well again when its row is over."""
    made = incidents.three(tmp_path_factory.mktemp("storing"), "storing")
    made.up()
    yield made
    made.run("destroy", "--yes", expect=None)


def diagnosed(network: sandboxes.Sandbox) -> list[dict[str, Any]]:
    done = network.run("incident diagnose", "--json", expect=None)
    assert done.returncode in (0, 1), done
    found: list[dict[str, Any]] = json.loads(done.stdout)["found"]
    assert bool(found) == bool(done.returncode)
    return found


def is_found(network: sandboxes.Sandbox, row: Row) -> dict[str, Any] | None:
    found = diagnosed(network)
    subject = row.target.replace(":", " → ") or network.name
    first = found[0] if found else {}
    return first if (first.get("incident"), first.get("subject")) == (row.incident, subject) else None


def well(network: sandboxes.Sandbox) -> None:
    found: list[dict[str, Any]] = []

    def nothing() -> bool:
        found[:] = diagnosed(network)
        return not found

    try:
        wait_until(nothing, "diagnosis to find nothing", FOUND_SECONDS)
    except AssertionError as late:
        raise AssertionError(f"still found: {found}") from late


def killed(network: sandboxes.Sandbox, row: Row) -> None:
    """Take the steps, and end in the middle of one of them, all at once: as a machine does that loses its power."""
    chosen = chance.of(row.id)
    process = network.start("incident", "run", network.name, *row.words, "--execute", REASON)
    assert process.stderr is not None
    for line in process.stderr:
        place = STEP.search(line)
        if place and int(place[1]) >= chosen.randint(1, int(place[2])):
            time.sleep(chosen.uniform(0, 1))
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def caused_and_mended(network: sandboxes.Sandbox, row: Row, table: list[dict[str, Any]]) -> None:
    well(network)
    row.causes(network)
    try:
        began = time.monotonic()
        first = wait_until(lambda: is_found(network, row), f"diagnosis to name {row.id}", FOUND_SECONDS)
        seconds = time.monotonic() - began
        assert first["evidence"]
        before = incidents.snapshot(network)
        shown = network.run("incident run", *row.words).stdout
        assert "nothing was changed" in shown
        assert incidents.differs(network, before) == [], "a dry run changed something"

        began = time.monotonic()
        killed(network, row)
        if row.by_people:
            waits = network.run("incident run", *row.words, "--execute", REASON, expect=5)
            assert "ring" in waits.stderr
            row.by_people(network)
        network.run("incident run", *row.words, "--execute", REASON)
        recovered = time.monotonic() - began
        well(network)
        row.holds(network)
        network.works_again()
        if row.back:
            network.run("incident run", *row.words, "--rollback", "--execute", REASON)
            wait_until(lambda: is_found(network, row), f"{row.id} to be back", FOUND_SECONDS)
            network.run("incident run", *row.words, "--execute", REASON)
    finally:
        row.undo(network)
    recorded = json.loads(network.run("incident report", "--json").stdout)
    mine = [one for one in recorded if one["incident"] == row.incident]
    assert mine[-1]["state"] == "healed"
    assert "ended: healed" in network.run("incident report", mine[-1]["id"]).stdout
    told = (
        row.incident,
        row.how,
        "incident diagnose",
        round(seconds, 1),
        first["incident"],
        round(recovered, 1),
        row.lost,
    )
    table.append(dict(zip(results.HEAD, told, strict=True)))


@pytest.mark.parametrize("row", incidents.QUICK, ids=lambda row: row.id)
def test_a_quick_incident_is_found_and_mended(
    toets: sandboxes.Sandbox, row: Row, table: list[dict[str, Any]], note: Callable[[str], None]
) -> None:
    caused_and_mended(toets, row, table)
    note(f"{row.id}: found in {table[-1]['seconds']} s, mended in {table[-1]['recovered in seconds']} s")


@pytest.mark.soak
@pytest.mark.parametrize("row", incidents.SLOW, ids=lambda row: row.id)
def test_an_incident_is_found_and_mended(
    storing: sandboxes.Sandbox, row: Row, table: list[dict[str, Any]], note: Callable[[str], None]
) -> None:
    caused_and_mended(storing, row, table)
    note(f"{row.id}: found in {table[-1]['seconds']} s, mended in {table[-1]['recovered in seconds']} s")
