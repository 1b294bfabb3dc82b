"""The guide to adding an analysis: its lists are those of the code, and its example runs as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from station_image.runtime.analyses import Analysis
from station_image.runtime.mpc.run import Run
from tests.docs import documents

GUIDE = documents.ROOT / "docs" / "analyses.md"


def names(table: list[list[str]]) -> list[str]:
    return [row[0].strip("`") for row in table]


# The runtime, its tests, and what the gateways of their stations are made with.
PROJECT = (
    "base",
    "network_topology",
    "on_server",
    "plugins",
    "publication",
    "roles",
    "stacks",
    "station_image",
    "tests",
)


def public(kind: type) -> list[str]:
    """Annotations and methods of a class, in the order in which they stand there."""
    return [name for name in (*kind.__annotations__, *vars(kind)) if not name.startswith("_")]


def test_the_interface_in_the_guide_is_the_one_in_the_code() -> None:
    listed = names(documents.table(GUIDE, "The interface"))
    interface, offered = public(Analysis), public(Run)
    assert listed == [*interface, *offered]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is after somebody added what the guide shows."""
    folder = tmp_path_factory.mktemp("project")
    for name in PROJECT:
        shutil.copytree(documents.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(documents.ROOT / "pyproject.toml", folder)
    module, test = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (folder / "station_image/runtime/analyses/yes_no.py").write_text(module)
    (folder / "tests/station_image/runtime/analyses/test_yes_no.py").write_text(test)
    return folder


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_passes_its_own_test(copy: Path) -> None:
    done = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/station_image/runtime/analyses/test_yes_no.py")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_example_is_written_as_the_project_is(copy: Path) -> None:
    done = run(copy, "ruff", "check", "--no-cache", *(str(path) for path in copy.rglob("*yes_no.py")))
    assert done.returncode == 0, done.stdout
    done = run(copy, "ruff", "format", "--no-cache", "--check", *(str(path) for path in copy.rglob("*yes_no.py")))
    assert done.returncode == 0, done.stderr + done.stdout
