"""How Pulumi is started by hand."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from stacks import by_hand


def test_the_command_runs_with_the_variables_and_what_is_given_to_it(tmp_path: Path) -> None:
    value, programs = "a b; 'c' $HOME", tmp_path / "two words"
    line = 'printf "%s\\n" "$A" "[$EMPTY]" "$PATH" "$@"'
    by_hand.write(tmp_path / "pulumi", {"A": value, "EMPTY": ""}, [programs], "sh", "-uc", line, "sh", "--cwd", "a b")
    told = subprocess.run(
        [tmp_path / "pulumi", "up", "x y"], env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [value, "[]", f"{programs}:/usr/bin", "--cwd", "a b", "up", "x y"]


@pytest.mark.parametrize("dead", ["cut short", "no such process", "another program", "just killed", "elsewhere"])
def test_a_lock_of_nobody_who_works_by_hand_is_held_by_nobody(tmp_path: Path, dead: str) -> None:
    lock = {"pid": os.getpid(), "username": "beheer", "hostname": platform.node(), "timestamp": "2026-01-02T03:04:05Z"}
    if dead == "no such process":
        lock["pid"] = 2**22 + 1  # more than any kernel gives (proc(5), pid_max)
    elif dead == "elsewhere":
        lock["hostname"] = "station.gelre.example"
    path = tmp_path / ".pulumi" / "locks" / "organization" / "p" / "network" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(lock)[: -9 if dead == "cut short" else None])
    ended = [os.getpid()] if dead == "just killed" else []
    assert by_hand.holder(tmp_path, ended) == ""


@pytest.mark.parametrize("odd", ["{}", "[]", "null", '"a"', "3"])
def test_a_lock_that_is_none_is_held_by_nobody(tmp_path: Path, odd: str) -> None:
    path = tmp_path / ".pulumi" / "locks" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text(odd)
    assert by_hand.holder(tmp_path, []) == ""


def test_a_lock_of_a_living_pulumi_is_held_by_it(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    shutil.copy2(str(shutil.which("sleep")), program)
    path = tmp_path / ".pulumi" / "locks" / "a.json"
    path.parent.mkdir(parents=True)
    with subprocess.Popen([program, "60"]) as process:
        lock = {"pid": process.pid, "username": "beheer", "hostname": platform.node(), "timestamp": "2026-01-02"}
        path.write_text(json.dumps(lock))
        try:
            assert by_hand.holder(tmp_path, []).startswith(f"process {process.pid} of beheer, since 2026-01-02")
        finally:
            process.kill()


def test_a_process_that_may_not_be_looked_at_counts_as_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> Path:
        raise PermissionError

    monkeypatch.setattr(Path, "readlink", refused)
    assert by_hand._is_engine(1)
