from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from base import errors, files
from werkplaats.operations.home import locks

HOLDER = """
import pathlib, signal, sys
from werkplaats.operations.home import locks
with locks.Lock(pathlib.Path(sys.argv[1]), "gerda", "werkplaats up gerda"):
    print("held", flush=True)
    sys.stdin.readline()
"""

FORKING_HOLDER = """
import os, pathlib, signal, sys
from werkplaats.operations.home import locks
with locks.Lock(pathlib.Path(sys.argv[1]), "gerda", "werkplaats up gerda"):
    if child := os.fork():
        print(child, flush=True)
    signal.pause()
"""

CONTENDER = """
import pathlib, sys
from base import errors, files
from werkplaats.operations.home import locks
sys.stdin.readline()
try:
    with locks.Lock(pathlib.Path(sys.argv[1]), "gerda", "contender"):
        print("held", flush=True)
        sys.stdin.readline()
except errors.LockedError as error:
    print(error, flush=True)
"""

SOME = {"pid": 1, "user": "a", "host": "b", "boot": "c", "since": "2026-03-01T12:00:00+00:00", "purpose": "up"}


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_second_one_is_refused_and_told_who_holds_the_lock_since_when(path: Path) -> None:
    holder = start(HOLDER, path)
    assert line(holder) == "held"
    with pytest.raises(errors.LockedError) as refused, locks.Lock(path, "gerda", "second"):
        pass
    since = json.loads(path.read_text())["since"]
    said = str(refused.value)
    assert f"gerda is locked by process {holder.pid} of " in said
    assert f"since {since} (werkplaats up gerda)" in said
    assert refused.value.exit_code == 3
    holder.communicate("go on\n")
    with locks.Lock(path, "gerda", "second") as lock:
        assert lock.taken_over == ""


def test_one_process_cannot_take_the_same_lock_twice(path: Path) -> None:
    with (
        locks.Lock(path, "gerda", "first"),
        pytest.raises(errors.LockedError, match=rf"process {os.getpid()} .*\(first\)"),
        locks.Lock(path, "gerda", "second"),
    ):
        pass


def test_the_lock_of_a_killed_process_is_taken_over_and_that_is_said(path: Path) -> None:
    holder = start(HOLDER, path)
    assert line(holder) == "held"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with locks.Lock(path, "gerda", "second") as lock:
        assert f"left behind by process {holder.pid} of " in lock.taken_over
        assert "that process is dead, so it is taken over" in lock.taken_over
    with locks.Lock(path, "gerda", "third") as lock:
        assert lock.taken_over == ""


def test_a_forked_child_does_not_keep_the_lock_of_its_killed_parent(path: Path) -> None:
    holder = start(FORKING_HOLDER, path)
    child = int(line(holder))
    try:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert files.is_alive(child)
        with locks.Lock(path, "gerda", "second") as lock:
            assert "is dead" in lock.taken_over
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_lock_from_before_a_restart_of_the_machine_is_taken_over(path: Path) -> None:
    before = {"pid": os.getpid(), "user": "a", "host": "h", "boot": "other", "since": "2026-01-01", "purpose": "up"}
    path.write_text(json.dumps(before))
    with locks.Lock(path, "gerda", "second") as lock:
        assert "the machine has started anew since" in lock.taken_over


def test_an_unreadable_holder_text_does_not_stop_anybody(path: Path) -> None:
    path.write_bytes(b'{"pid": \xff')
    with locks.Lock(path, "gerda", "second") as lock:
        assert lock.taken_over == ""


def test_the_lock_is_free_again_after_an_error(path: Path) -> None:
    with pytest.raises(RuntimeError), locks.Lock(path, "gerda", "first"):
        raise RuntimeError
    with locks.Lock(path, "gerda", "second") as lock:
        assert lock.taken_over == ""


def test_of_many_at_once_one_has_it_and_all_others_are_told_which(path: Path) -> None:
    contenders = [start(CONTENDER, path) for _ in range(6)]
    for contender in contenders:
        assert contender.stdin
        contender.stdin.write("\n")
        contender.stdin.flush()
    said = {contender.pid: line(contender) for contender in contenders}
    winners = [pid for pid, text in said.items() if text == "held"]
    assert len(winners) == 1
    assert all(f"process {winners[0]} " in text for pid, text in said.items() if pid != winners[0])
    for contender in contenders:
        contender.communicate("\n")


@pytest.mark.parametrize("pid", ["1", None, 0, -1, 2**40, True, []])
def test_a_process_that_none_can_be_holds_no_lock(pid: object) -> None:
    """Its number was a TypeError or an OverflowError of whoever took the lock next."""
    assert locks.Holder.parse(json.dumps(SOME | {"pid": pid}).encode()) is None
    assert locks.Holder.parse(json.dumps(SOME).encode()) is not None


@pytest.mark.parametrize("text", ["", "null", "[]", '{"pid": 1}', "[" * 100_000], ids=lambda text: text[:16])
def test_a_lock_file_of_another_content_tells_of_no_holder(text: str) -> None:
    assert locks.Holder.parse(text.encode()) is None
