"""A play as it is given its servers, and followed by its events."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stacks import drive
from tests.harness import sandboxes
from tests.harness.stations import wait_until
from werkplaats.operations.bring_up import configure

EVENTS = (
    {"status": "start"},
    {"host": "een", "role": "baseline", "task": "Accounts", "status": "changed", "changed": True},
    {"host": "een", "role": "baseline", "task": "Confirm", "status": "ok"},
    {"host": "twee", "role": "baseline", "task": "Accounts", "status": "failed", "message": "no clock"},
)
# Tells events as the callback does, and leaves a process behind as ssh does that keeps a connection open.
PLAY = """
import os, subprocess, sys
subprocess.Popen(["sleep", sys.argv[2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
with open(os.environ["WERKPLAATS_EVENTS"], "a", buffering=1) as events:
    events.write(sys.argv[1])
print("seen by people")
sys.exit(2)
"""
LEFT_BEHIND = "5.25"
# Ansible as `up` runs it, with a task that lasts: its own workers, Mitogen's process for connections, two "servers".
LASTING = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.file: {path: "{{ begun }}.{{ inventory_hostname }}", state: touch}
    - ansible.builtin.wait_for: {path: "{{ begun }}.never", timeout: 600}
"""
FOLLOWER = """
import io, os, sys
from werkplaats.operations.bring_up import configure
with open(os.devnull, "wb") as output:
    configure._follow(sys.argv[1:], os.environ, output, io.StringIO(), print)
"""
SECONDS = 30.0  # after which nothing of a killed run is left, on a busy machine


def plays(folder: Path, ansible: str) -> list[int]:
    """Processes of Ansible's own in a run."""
    return [pid for pid, command in sandboxes.of_run(folder).items() if command.split()[1:2] == [ansible]]


@pytest.fixture
def follow(tmp_path: Path) -> Any:
    """Follow a Python program as if it were a playbook; returns exit code, result, what was said and was kept."""

    def run(program: str, *words: str) -> tuple[int, configure.Result, list[str], str]:
        said: list[str] = []
        kept = io.StringIO()
        with (tmp_path / "log").open("wb") as output:
            command = [sys.executable, "-c", program, *words]
            code, result = configure._follow(command, os.environ, output, kept, said.append)
        return code, result, said, kept.getvalue()

    return run


def test_events_are_followed_to_the_end_of_the_play_and_no_longer(follow: Any, tmp_path: Path) -> None:
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS)
    began = time.monotonic()
    code, result, said, kept = follow(PLAY, lines, LEFT_BEHIND)
    assert time.monotonic() - began < float(LEFT_BEHIND), "it waits for a process that outlives the play"
    assert (code, kept) == (2, lines)
    assert said == ["een: baseline", "twee: baseline", "twee: Accounts: no clock"]
    assert result.failed == {"twee": "baseline: Accounts: no clock"}
    assert (tmp_path / "log").read_text() == "seen by people\n"


def test_a_play_that_ends_before_it_told_anything_is_not_waited_for(follow: Any) -> None:
    assert follow("raise SystemExit(4)") == (4, configure.Result(), [], "")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["run", "ansible"])
def test_of_a_run_that_is_killed_nothing_is_left(tmp_path: Path, how: signal.Signals, whom: str) -> None:
    """Else the play goes on for as long as its tasks last, or waits for ever, and nobody holds the network's lock."""
    play, inventory, begun = tmp_path / "play.yml", tmp_path / "inventory.json", tmp_path / "begun"
    play.write_text(LASTING)
    server = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "begun": str(begun)}
    inventory.write_text(json.dumps({"all": {"hosts": {"een": server, "twee": server}}}))
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    mark = {"ANSIBLE_CONFIG": str(configure.ROOT / "ansible.cfg"), drive.RUN_MARK: str(tmp_path)}
    command = [sys.executable, "-c", FOLLOWER, ansible, "-i", str(inventory), str(play)]
    with subprocess.Popen(command, env=os.environ | mark, cwd=configure.ROOT) as run:
        wait_until(lambda: all(begun.with_suffix(f".{name}").exists() for name in ("een", "twee")), "the task", 60)
        # Ansible, Mitogen's process for connections, and a worker for each server.
        wait_until(lambda: len(plays(tmp_path, ansible)) == 4, "its workers", 60)
        os.kill(run.pid if whom == "run" else min(plays(tmp_path, ansible)), how)
        assert run.wait(60) == (-how if whom == "run" else 0)
    try:
        wait_until(lambda: not sandboxes.of_run(tmp_path), "all of it to end", SECONDS)
    finally:
        drive.end_children(tmp_path)


def test_what_changed_and_what_failed_is_told_by_organisation() -> None:
    result = configure.Result()
    for event in (
        {"status": "start"},
        {"host": "een", "role": "baseline", "task": "Accounts", "status": "changed", "changed": True},
        {"host": "een", "role": "tls_mesh", "task": "Gateway", "status": "ok", "changed": False},
        {"host": "twee", "role": "baseline", "task": "Accounts", "status": "failed", "message": "no clock"},
        {"host": "drie", "role": "", "task": "Facts", "status": "unreachable", "message": "is off"},
    ):
        result.note(event)
    assert result.changed == {"een": 1}
    assert result.tasks == ["een: baseline: Accounts"]
    assert result.failed == {"twee": "baseline: Accounts: no clock", "drie": "Facts: is off"}
