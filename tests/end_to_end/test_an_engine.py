"""One server whose engine does not do what Pulumi asks, and one whose login prints: the others' stations are made.

It comes before all else at `los`, whose servers stay as they are.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.test_another_address import MOVED, STAYS, up, without_container
from tests.harness import sandboxes

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.soak]
LOGIN = "beheer"
SAYS = "echo Welkom op deze server"
# `up` as it was: Docker's client has ssh run its program, and takes what comes first for an answer.
# And the login is in the group of the engine's socket, as it was then: ssh by itself has nothing root's.
BY_SSH_ITSELF = """
import os, sys
from stacks import drive
from werkplaats import cli
drive._path = lambda: os.environ["PATH"]
sys.exit(cli.main(sys.argv[1:]))
"""


# Root's programs as before, but for those of who uses the engine.
REFUSED = f"{LOGIN} ALL=(ALL:ALL) NOPASSWD: ALL, !/usr/bin/env --unset\\=DOCKER_HOST *\n"
SUDOERS = "/etc/sudoers.d/zz-engine"


@pytest.fixture
def los(los: sandboxes.Sandbox) -> Iterator[sandboxes.Sandbox]:
    """The network, whose login may ask two of the engines by itself too: an owner may have it so."""
    for word in ("--add", "--delete"):
        for one in (STAYS, MOVED):
            assert los.on(one, "gpasswd", word, LOGIN, "docker").returncode == 0
            # A connection that is open keeps the groups of its login.
            config = str(los.vault / "run" / "ssh_config")
            subprocess.run(["ssh", "-F", config, "-O", "exit", f"{one}.engine"], capture_output=True, check=False)
        if word == "--add":
            yield los


@pytest.fixture
def talkative(los: sandboxes.Sandbox) -> Iterator[sandboxes.Sandbox]:
    """A server of it whose login prints a line, also where nobody sits at it."""
    assert los.on(MOVED, "sed", "-i.before", f"1i {SAYS}", "/home/beheer/.bashrc").returncode == 0
    assert los.on(MOVED, "true").stdout.startswith("Welkom")
    yield los
    assert los.on(MOVED, "mv", "/home/beheer/.bashrc.before", "/home/beheer/.bashrc").returncode == 0


def by_ssh_itself(network: sandboxes.Sandbox) -> dict[str, Any]:
    command = [sys.executable, "-c", BY_SSH_ITSELF, "up", network.name, "--yes", "--json"]
    done = subprocess.run(
        command, cwd=sandboxes.ROOT, env=network.environment, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def changed(told: dict[str, Any]) -> set[tuple[str, str]]:
    return {(change["operation"], change["name"]) for change in told["changes"]["stations"]}


def test_a_station_that_was_made_without_it_stays_as_it_is(los: sandboxes.Sandbox) -> None:
    """How Docker is reached stands in no input of Pulumi's: nothing is replaced for it."""
    without_container(los, STAYS)
    assert changed(by_ssh_itself(los)) == {("create", f"{STAYS}-computer")}
    (los.vault / "stacks" / "stations" / "settled.json").unlink()
    assert changed(up(los)) == set()


def test_a_login_that_prints_is_passed_over_and_by_ssh_itself_only_its_own_server_is_left_out(
    talkative: sandboxes.Sandbox,
) -> None:
    """The defence off: the line spoils the engine's answers, and `up` of all servers failed."""
    without_container(talkative, STAYS, MOVED)
    told = by_ssh_itself(talkative)
    assert set(told["left_out"]) == {MOVED}
    assert "malformed HTTP" in told["left_out"][MOVED]
    assert (
        f"see whether `ssh -F {talkative.vault}/run/ssh_config {MOVED}.engine sudo docker version`"
        in told["left_out"][MOVED]
    )
    assert changed(told) == {("create", f"{STAYS}-computer")}
    told = up(talkative)
    assert told["verified"]
    assert changed(told) == {("create", f"{MOVED}-computer")}


def test_an_engine_that_lets_the_login_in_no_more_is_one_server_s_trouble(los: sandboxes.Sandbox) -> None:
    """As where an owner's hardening takes that one program from what sudo lets the login run."""
    write = ("install", "-m", "0440", "/dev/stdin", SUDOERS)
    assert los.on(MOVED, "sh", "-c", f"printf %s {shlex.quote(REFUSED)} | {shlex.join(write)}").returncode == 0
    try:
        without_container(los, STAYS, MOVED)
        told = up(los, expect=5)
        assert set(told["left_out"]) == {MOVED}
        assert re.search("a password is required|is not allowed", told["left_out"][MOVED])
        assert changed(told) == {("create", f"{STAYS}-computer")}
        assert los.on(STAYS, "docker", "inspect", "station-computer").returncode == 0
    finally:
        assert los.on(MOVED, "rm", SUDOERS).returncode == 0
    told = up(los)
    assert told["verified"]
    assert changed(told) == {("create", f"{MOVED}-computer")}
