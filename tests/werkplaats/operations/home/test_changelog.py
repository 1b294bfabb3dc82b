"""The changelog as the command reads it, and as it lies here."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from base import errors
from werkplaats import VERSION
from werkplaats.operations.home import changelog

GOOD = """# Changelog

Words of any kind.

## 1.2.0.dev1 (not released yet)

- **Breaking:** `up` asks twice. This only affects you if a script runs `up`: add
  `--yes` to it.
- Something else,
  told on two lines.

## 1.1.0 (2027-02-01)

What it is about.

- **Breaking:** the folder moved. This only affects you if you back it up: take the new one.
- It affects you if you read.

## 1.0.0 (2027-01-01)

- The first.
"""


def written(folder: Path, text: str) -> Path:
    (folder / "CHANGELOG.md").write_text(text)
    return folder / "CHANGELOG.md"


def test_breaking_changes_are_found_with_who_they_affect_and_what_to_do(tmp_path: Path) -> None:
    found = changelog.read(written(tmp_path, GOOD))
    assert [*found] == ["1.2.0.dev1", "1.1.0", "1.0.0"]
    (one,) = found["1.2.0.dev1"]
    assert (one.what, one.who, one.todo) == ("`up` asks twice.", "a script runs `up`", "add `--yes` to it.")
    assert [one.version for one in changelog.between(found, "1.0.0", "1.2.0")] == ["1.1.0", "1.2.0.dev1"]
    assert changelog.between(found, "1.1.0", "1.1.0") == []
    assert changelog.between(found, "1.2.0.dev1", "1.2.0") == []


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("## 1.1.0 (2027-02-01)", "## 1.1 (2027-02-01)", 12),
        ("## 1.1.0 (2027-02-01)", "## 1.1.0", 12),
        ("## 1.1.0 (2027-02-01)", "## 1.3.0 (2027-02-01)", 12),
        (" This only affects you if a script", " It affects you if a script", 7),
        (": add\n  `--yes` to it.", ".", 7),
        ("**Breaking:** the folder", "**BREAKING** the folder", 16),
        ("  told on two lines.", "told on two lines.", 10),
    ],
)
def test_what_is_written_otherwise_is_refused_with_its_line(tmp_path: Path, before: str, after: str, line: int) -> None:
    assert before in GOOD
    with pytest.raises(errors.UsageError, match=rf"CHANGELOG\.md:{line}: "):
        changelog.read(written(tmp_path, GOOD.replace(before, after)))


def test_the_one_that_lies_here_is_read_and_begins_with_this_version() -> None:
    found = changelog.read(changelog.PATH)
    assert next(iter(found)) == VERSION
    assert all(changelog.order(one) > changelog.order(other) for one, other in itertools.pairwise(found))


def test_a_version_in_the_making_comes_before_itself_and_after_the_one_before() -> None:
    assert changelog.order("1.0.9") < changelog.order("1.1.0.dev0") < changelog.order("1.1.0.dev1")
    assert changelog.order("1.1.0.dev1") < changelog.order("1.1.0") < changelog.order("1.10.0")
    for text in ("1.1", "v1.1.0", "1.1.0rc1", "01.1.0"):
        with pytest.raises(errors.UsageError, match="is no version"):
            changelog.order(text)
