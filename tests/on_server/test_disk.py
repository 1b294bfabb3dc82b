"""A file on a server is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from on_server import disk, guard
from on_server.follow import places as follower
from on_server.gateway import places as gateway
from on_server.packages import main


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "settings"
    found.write_text("old")
    return found


def test_a_file_is_replaced_with_its_rights_and_nothing_is_left_beside_it(path: Path) -> None:
    before = path.stat().st_ino
    disk.write(path, b"new", 0o640, os.getgid())
    found = path.stat()
    assert (path.read_text(), found.st_mode & 0o777, found.st_gid) == ("new", 0o640, os.getgid())
    assert found.st_ino != before, "it was written over: a reader would have seen a part of it"
    assert names(path.parent) == {"settings"}


def test_what_cannot_be_written_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        disk.write(path, b"new")
    assert path.read_text() == "old"
    assert names(path.parent) == {"settings"}


def test_a_killed_program_of_the_same_number_is_not_in_the_way_nor_a_link_laid_there(path: Path) -> None:
    left = path.with_name(f".settings.{os.getpid()}")
    other = path.with_name("other")
    left.symlink_to(other)
    disk.write(path, b"new")
    assert (path.read_text(), names(path.parent)) == ("new", {"settings"})


LOCKS: dict[str, Callable[[Path], contextlib.AbstractContextManager[None]]] = {
    "packages": lambda _: main.alone(),
    "guard": lambda _: guard._way_back(),
    "follow": lambda root: follower.lock(follower.Paths(root)),
    "gateway": lambda root: gateway.lock(gateway.Paths(root)),
}


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("before", [False, True])
def test_no_other_account_can_hold_a_lock_of_a_program_of_root_s(
    name: str, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may read the file may hold it, and root would wait for ever; an earlier version left it open to all."""
    path = tmp_path / f"run/werkplaats/{name}.lock"
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(guard if name == "guard" else main, "LOCK", path)
    if before:
        path.touch(0o644)
    with LOCKS[name](tmp_path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_that_somebody_holds_is_waited_for_and_no_longer_than_it_may(tmp_path: Path) -> None:
    with disk.locked(tmp_path / "lock"), pytest.raises(TimeoutError), disk.locked(tmp_path / "lock", 0):
        pass
    with disk.locked(tmp_path / "lock", 0):
        pass
