"""`up` killed with SIGKILL at a seeded point of each phase: the next `up` ends verified, every time."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Iterator

import pytest

from tests import sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.soak]
SEED = int(os.environ.get("WERKPLAATS_KILL_SEED", "20261123"))
LINE = re.compile(r"^\[ *[0-9.]+ s\] (\w+) ")
# Phase → most lines of it to wait for before the kill; a first run says at least so many.
PHASES = {"servers": 4, "configure": 30, "stations": 6, "acceptance": 2}


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[sandboxes.Sandbox]:
    """A network of which nothing exists yet."""
    name = f"dood-{request.node.callspec.params['phase']}"
    made = sandboxes.sandbox(tmp_path_factory.mktemp(name), name)
    yield made
    made.run("destroy", "--yes", expect=None)


def kill_in(network: sandboxes.Sandbox, phase: str, after: int) -> str:
    """Run `up` and kill it when it has said `after` lines of a phase; returns the last line."""
    process = network.start("up", network.name, "--yes", "--all-steps")
    seen = 0
    assert process.stderr is not None
    for line in process.stderr:
        found = LINE.match(line)
        seen += bool(found and found[1] == phase)
        if seen == after:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return line.strip()
    pytest.fail(f"`up` ended before it said {after} lines of {phase}: {process.communicate()}")


@pytest.mark.parametrize("phase", PHASES)
def test_after_a_kill_in_this_phase_the_next_up_ends_verified(fresh: sandboxes.Sandbox, phase: str) -> None:
    after = random.Random(f"{SEED} {phase}").randint(1, PHASES[phase])  # noqa: S311 - a place, not a secret
    killed_at = kill_in(fresh, phase, after)
    told = fresh.up()
    assert told["verified"], told
    assert fresh.up()["changes"] == {"servers": [], "configured": {}, "stations": []}
    print({"seed": SEED, "killed at": killed_at, "seconds of the next up": told["seconds"]})
