"""What a station must not forget is on the disk before it goes on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted.statement import StatementKey
from station_image.runtime.base import files
from station_image.runtime.consent.opened import Opened
from station_image.runtime.consent.plan import Plan
from station_image.runtime.consent.register import Register
from station_image.runtime.consent.seen import Seen
from station_image.runtime.data import editions

PLAN = dataclasses.replace(
    Plan(**dict.fromkeys(Plan.__dataclass_fields__)),  # type: ignore[arg-type]
    analysis="acceptance_sum/1",
    parameters={"rounds": 1},
)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went to the disk, in order: "sync <name>" of a file or folder, "<name> → <name>" of a renaming."""
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        sync(descriptor)
        done.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")

    def renamed(path: Path, target: Any) -> Path:
        done.append(f"{path.name} → {Path(target).name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    return done


def replaced(name: str, folder: str = "state") -> list[str]:
    return [f"sync {name}.new", f"{name}.new → {name}", f"sync {folder}"]


def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_anything_else(
    tmp_path: Path, steps: list[str]
) -> None:
    path = tmp_path / "state.json"
    path.write_text("before")
    files.replace(path, "now")
    assert steps == replaced("state.json", tmp_path.name)
    assert path.read_text() == "now"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    path.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace(path, "now")
    assert path.read_text() == "before"


def test_a_file_has_the_rights_that_it_was_given_from_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.replace(path, b"\x00secret", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == b"\x00secret"


def test_the_name_of_a_file_that_grows_is_made_sure_of_once(tmp_path: Path, steps: list[str]) -> None:
    path = tmp_path / "lines"
    files.append(path, "one")
    files.append(path, "two")
    assert steps == ["sync lines", f"sync {tmp_path.name}", "sync lines"]
    assert path.read_text() == "one\ntwo\n"


def test_a_new_folder_is_on_the_disk(tmp_path: Path, steps: list[str]) -> None:
    files.make_folder(tmp_path / "session", 0o750)
    assert steps == [f"sync {tmp_path.name}"]
    with pytest.raises(FileExistsError):
        files.make_folder(tmp_path / "session", 0o750)


def see(root: Path) -> None:
    assert Seen(root / "state" / "seen.json", 100).add("x")


def remember(root: Path) -> None:
    Opened(root / "state" / "runs.json").add(PLAN, {})


def mark(root: Path) -> None:
    editions.of([1], [], [], "asked", root / "state")


def enter(root: Path) -> None:
    Register(root / "register", root / "state", StatementKey(Ed25519PrivateKey.generate())).add("answer")


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (see, replaced("seen.json")),
        (remember, replaced("runs.json")),
        (mark, replaced("edition.key")),
        (enter, [*replaced("register.json"), "sync register.jsonl", "sync register"]),
    ],
)
def test_whatever_guards_privacy_outlives_the_power(
    tmp_path: Path, steps: list[str], work: Callable[[Path], None], expected: list[str]
) -> None:
    for name in ("state", "register"):
        (tmp_path / name).mkdir()
    work(tmp_path)
    assert steps == expected


def test_a_link_is_neither_read_nor_written_nor_cut(tmp_path: Path) -> None:
    """Who may write in a folder of ours, and not where the link leads, would have us destroy what lies there."""
    (other := tmp_path / "other").write_text("another's\n")
    (link := tmp_path / "link").symlink_to(other)
    for attack in (lambda: files.append(link, "x"), lambda: files.cut(link, 0), lambda: files.reading(link)):
        with pytest.raises(OSError, match="symbolic"):
            attack()
    assert other.read_text() == "another's\n"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(OSError, match="no file"):
        files.reading(pipe)
    (tmp_path / "plain").write_bytes(b"1")
    with files.reading(tmp_path / "plain") as stream:
        assert stream.read() == b"1"
