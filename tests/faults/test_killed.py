"""`up` killed with SIGKILL at a seeded point of each phase: the next `up` goes on, and one ends verified.

Once per phase in `make test`, in one run after another on one network; `make soak` does it on a new network for each
phase, and at random seconds on networks of 25 organisations.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from station_image.builder import images
from tests.harness import chance, sandboxes, servers, sized, stations

pytestmark = pytest.mark.servers
LINE = re.compile(r"^\[ *[0-9.]+ s\] (\w+) ")
# Phase → most lines of it to wait for before the kill; a run that makes all servers says at least so many.
PHASES = {"servers": 4, "configure": 30, "stations": 6, "acceptance": 2}
# The same for a run that makes one server anew.
ONE_SERVER = {"configure": 8, "stations": 2, "acceptance": 2}
KILLS, LARGE = 10, 25
ENDED_SECONDS = 10.0


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[sandboxes.Sandbox]:
    """A network of which nothing exists yet."""
    phase = getattr(request.node, "callspec", None)
    name = f"dood-{phase.params['phase']}" if phase else "dood"
    made = sandboxes.sandbox(tmp_path_factory.mktemp(name), name)
    yield made
    made.run("destroy", "--yes", expect=None)


@pytest.fixture
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network of 25 organisations of which nothing exists yet."""
    made = sized.sandbox(tmp_path_factory.mktemp("dood-groot"), "dood-groot", LARGE)
    yield made
    made.run("destroy", "--yes", expect=None)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that a first `up` on 25 organisations takes on this machine: a kill must come within them."""
    made = sized.sandbox(tmp_path_factory.mktemp("heel-groot"), "heel-groot", LARGE)
    began = time.monotonic()
    try:
        made.up()
        return time.monotonic() - began
    finally:
        made.run("destroy", "--yes", expect=None)


def playbooks(network: sandboxes.Sandbox) -> list[str]:
    """What still configures its servers, Ansible's workers too."""
    return [command for command in sandboxes.of_run(network.vault).values() if "ansible-playbook" in command]


def kill_in(network: sandboxes.Sandbox, phase: str, most: int) -> str:
    """Run `up` and kill it when it has said a seeded number of lines of a phase; returns the last line."""
    after = chance.of(phase).randint(1, most)
    process = network.start("up", network.name, "--yes", "--all-steps")
    seen = 0
    assert process.stderr is not None
    for line in process.stderr:
        found = LINE.match(line)
        seen += bool(found and found[1] == phase)
        if seen == after:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            stations.wait_until(lambda: not playbooks(network), "the playbook to end with it", ENDED_SECONDS)
            return line.strip()
    pytest.fail(f"`up` ended before it said {after} lines of {phase}: {process.communicate()}")


def kill_after(network: sandboxes.Sandbox, seconds: float) -> str:
    """Run `up` and kill it after so many seconds; returns the last line, which says the phase."""
    process = network.start("up", network.name, "--yes", "--all-steps")
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as early:
        # What was said so far; to read on would be to wait for the end of children that have the same pipe.
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        said = (early.stderr or b"it had said nothing").decode().splitlines()
        return said[-1].strip()
    pytest.skip(f"`up` had ended before the {seconds:.0f} s after which it was to be killed")


def kill_while_the_image_is_made(network: sandboxes.Sandbox) -> str:
    """Have `up` make the station image again and kill it in the middle; returns what to tell of the place."""
    for pointer in (images.BUILD / "inputs").iterdir():
        pointer.unlink()
    process = network.start("up", network.name, "--yes", "--all-steps")
    while not (begun := list(images.BUILD.glob(".new-*"))):
        assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert begun[0].exists(), "the kill came too late: the image was made"
    return "image: begun, not made"


def verified_after_a_kill(network: sandboxes.Sandbox, killed_at: str) -> str:
    """Bring the network up; returns what to tell of it."""
    told = network.up()
    assert told["verified"], (killed_at, told)
    return f"killed (seed {chance.SEED}) at `{killed_at}`: the next `up` ended verified after {told['seconds']} s"


def test_after_a_kill_in_one_phase_after_another_the_next_up_ends_verified(
    fresh: sandboxes.Sandbox, note: Callable[[str], None]
) -> None:
    """One run after another goes on with what those before it left, and gets one phase further."""
    killed = [kill_in(fresh, "servers", PHASES["servers"]), kill_while_the_image_is_made(fresh)]
    killed += [kill_in(fresh, phase, ONE_SERVER[phase]) for phase in ONE_SERVER]
    note(verified_after_a_kill(fresh, "`, `".join(killed)))
    # A server whose disk is gone, but not that of its engine, gives every phase its work again.
    servers.docker("rm", "--force", "--volumes", fresh.container("huisartsen"))
    note(verified_after_a_kill(fresh, kill_in(fresh, "configure", ONE_SERVER["configure"])))
    assert fresh.up()["changes"] == {"servers": [], "configured": {}, "stations": []}


@pytest.mark.soak
@pytest.mark.parametrize("phase", PHASES)
def test_after_a_kill_in_this_phase_of_a_new_network_the_next_up_ends_verified(
    fresh: sandboxes.Sandbox, phase: str, note: Callable[[str], None]
) -> None:
    note(verified_after_a_kill(fresh, kill_in(fresh, phase, PHASES[phase])))
    assert fresh.up()["changes"] == {"servers": [], "configured": {}, "stations": []}


@pytest.mark.soak
@pytest.mark.parametrize("number", range(KILLS))
def test_after_a_kill_at_a_random_second_of_a_large_network_the_next_up_ends_verified(
    large: sandboxes.Sandbox, usual: float, number: int, note: Callable[[str], None]
) -> None:
    seconds = chance.of(f"kill {number}").uniform(0, usual)
    note(f"{LARGE} organisations, kill {number}: " + verified_after_a_kill(large, kill_after(large, seconds)))
    assert large.up()["changes"] == {"servers": [], "configured": {}, "stations": []}
