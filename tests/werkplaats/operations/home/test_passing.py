from __future__ import annotations

import subprocess
from pathlib import Path

from werkplaats.operations.home import passing


def test_two_have_a_folder_each_and_both_are_gone_afterwards(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with passing.folder(run) as one, passing.folder(run) as other:
        assert one != other
        assert one.is_dir()
        assert other.is_dir()
    assert list(run.iterdir()) == []


def test_what_a_killed_process_left_behind_goes_and_other_files_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"passing-{ended.pid}-x"
    left.mkdir()
    (tmp_path / "ssh_config").touch()
    with passing.folder(tmp_path):
        assert not left.exists()
    assert (tmp_path / "ssh_config").exists()
