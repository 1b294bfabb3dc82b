"""Files are whole whenever somebody reads them: writers are killed at any moment, and others wait their turn."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from base import files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


WRITER = """
import itertools, pathlib, sys
from base import files
path = pathlib.Path(sys.argv[1])
for turn in itertools.count():
    files.write_atomically(path, b"%d\\n" % turn * 100_000, mode=0o600)
    print("written", flush=True)
"""


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path, chance = tmp_path / "file", random.Random(20260301)  # noqa: S311 - seeded moments, not secrets
    files.write_atomically(path, b"0\n" * 100_000, mode=0o600)
    left_behind = 0
    for _ in range(12):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
        assert writer.stdout
        assert writer.stdout.readline() == b"written\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(chance.uniform(0, 0.03))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        lines = path.read_bytes().splitlines()
        assert len(lines) == 100_000
        assert len(set(lines)) == 1
        assert mode(path) == 0o600
        left_behind += len(list(tmp_path.glob(".file.*.part")))
    assert left_behind, "no write was ever interrupted: this test has shown nothing"
    files.write_atomically(path, b"last", mode=0o600)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_part_that_a_living_writer_is_busy_with_is_left_alone(tmp_path: Path) -> None:
    busy = tmp_path / f".file.abcd1234.{os.getpid()}.part"
    busy.write_bytes(b"half")
    files.write_atomically(tmp_path / "file", b"whole", mode=0o644)
    assert busy.exists()
    assert mode(tmp_path / "file") == 0o644


def test_a_file_that_must_not_be_there_is_left_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "file", b"first", mode=0o600)
    with pytest.raises(FileExistsError):
        files.write_atomically(tmp_path / "file", b"second", mode=0o600, replace=False)
    assert (tmp_path / "file").read_bytes() == b"first"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is brought to the disk and of what is renamed, in order, by the file system's own names."""
    found: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.split(".part")[0].split(".")[-1])
        sync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        found.append(f"{self.name} becomes {target.name}" if "part" not in self.name else "rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    return found


def test_content_is_on_the_disk_before_it_has_its_name_and_the_name_afterwards(
    tmp_path: Path, synced: list[str]
) -> None:
    files.write_atomically(tmp_path / "file", b"content", mode=0o600)
    assert synced == [str(os.getpid()), "rename", tmp_path.name]


def test_a_folder_takes_its_place_with_all_that_is_in_it_on_the_disk(tmp_path: Path, synced: list[str]) -> None:
    made = tmp_path / "made"
    (made / "inner").mkdir(parents=True)
    (made / "inner" / "content").write_bytes(b"content")
    (made / "link").symlink_to("/dev/null")
    files.put_in_place(made, tmp_path / "place")
    assert set(synced[:3]) == {"made", "inner", "content"}
    assert synced[3:] == ["made becomes place", tmp_path.name]
    assert (tmp_path / "place" / "inner" / "content").read_bytes() == b"content"


HOLDER = """
import pathlib, sys
from base import files
with files.only_one(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_waits_says_so_and_goes_on_when_the_first_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command, root = [sys.executable, "-c", HOLDER, str(lock)], Path(__file__).parents[2]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    said = []

    def waits() -> None:
        said.append("waits")
        holder.kill()
        holder.communicate()

    with files.only_one(lock, waits):
        assert said == ["waits"]
    with files.only_one(lock, waits):
        assert said == ["waits"]


@pytest.mark.parametrize("there", [False, True])
def test_no_other_account_can_hold_the_lock_of_whoever_waits_without_end(tmp_path: Path, there: bool) -> None:
    """A file that they may read they may lock."""
    lock = tmp_path / "lock"
    if there:
        lock.touch(mode=0o644)
    with files.only_one(lock):
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_named_and_nothing_of_it_stays(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from base import files; files.write_atomically(pathlib.Path('file'), b'12', mode=0o600)"
    )
    limited = f"ulimit -f 0; exec '{sys.executable}' -c \"$1\""
    environment = os.environ | {"PYTHONPATH": str(Path(files.__file__).parents[1])}
    done = subprocess.run(
        ["sh", "-c", limited, "sh", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr.endswith("OSError: [Errno 27] File too large: 'file'\n")
    assert not list(tmp_path.iterdir())
