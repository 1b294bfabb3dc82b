"""Pulumi's state is gone, and what it knew of runs: `up` leaves that as it is, and says which runbook there is."""

from __future__ import annotations

import shutil

import pytest

from tests.faults import incidents
from tests.harness import sandboxes

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("stack", ["stations", "servers"])
def test_an_up_without_the_state_of_what_runs_is_refused_and_changes_nothing(
    toets: sandboxes.Sandbox, stack: str
) -> None:
    state = toets.vault / "stacks" / stack
    aside = state.with_name(f"{stack}.aside")
    before = incidents.made(toets), incidents.snapshot(toets)
    state.rename(aside)
    try:
        told = toets.run("up", "--yes", "--all-steps", expect=3)
    finally:
        shutil.rmtree(state, ignore_errors=True)
        aside.rename(state)
    assert f"Pulumi's state of the {stack} of {toets.name} is lost" in told.stderr
    assert "werkplaats incident show pulumi-state-lost" in told.stderr
    assert (incidents.made(toets), incidents.snapshot(toets)) == before
    assert toets.up()["changes"] == {"servers": [], "configured": {}, "stations": []}
