"""Folders stay small enough to be read at a glance, and a test lies where what it tests does."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 16
"""Python modules that a folder may have, its `__init__.py` not counted."""
NOT_OURS = {"build"}  # what commands make
# Folders of tests that are about the whole, and so about no folder.
ABOUT_THE_WHOLE = {"benchmarks", "docs", "end_to_end", "faults", "guests", "harness", "upgrades"}


def modules() -> list[Path]:
    tops = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in NOT_OURS]
    return [path.relative_to(ROOT) for top in tops for path in top.rglob("*.py")]


def test_no_folder_has_more_modules_than_can_be_seen_at_once() -> None:
    counts = Counter(str(path.parent) for path in modules() if path.name != "__init__.py")
    assert counts
    assert {folder: count for folder, count in counts.items() if count > MOST} == {}


def test_a_test_lies_in_the_folder_of_what_it_tests() -> None:
    tests = [path for path in modules() if path.parts[0] == "tests" and path.name.startswith("test_")]
    folders = {path.parent.relative_to("tests") for path in tests}
    mirrored = [folder for folder in folders if folder.parts and folder.parts[0] not in ABOUT_THE_WHOLE]
    assert mirrored
    assert [str(folder) for folder in mirrored if not (ROOT / folder).is_dir()] == []


def test_a_program_that_tests_of_servers_start_has_a_stderr_of_its_own() -> None:
    """Ssh makes the one that it has non-blocking, for all who share it; Ansible then refuses to run, tests later."""
    folders = [ROOT / "tests" / name for name in ("end_to_end", "faults", "guests", "harness", "roles", "upgrades")]
    started = {
        f"{path.relative_to(ROOT)}:{call.lineno}": {word.arg for word in call.keywords}
        for folder in folders
        for path in folder.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "subprocess.Popen"
    }
    assert started
    assert [place for place, words in started.items() if "stderr" not in words] == []
