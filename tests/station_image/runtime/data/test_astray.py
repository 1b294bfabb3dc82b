"""A file in the folder of a network is read by no session: its scientist hears of it, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from station_image.runtime.data import astray


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in" / "n" / "griep"
    found.mkdir(parents=True)
    return found


@pytest.mark.parametrize("name", ["n/a.csv", "a.csv", "griep/a.csv", "n/a.xlsx"])
def test_a_file_beside_the_folder_of_its_question_is_said_with_the_remedy(folder: Path, name: str) -> None:
    path = folder.parent.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    to = f"n/griep/{path.name}"
    assert astray.sentences(folder) == [
        f"{name}: no session reads it there; `rename {name} {to}` in sftp, or remove it"
    ]


def test_what_belongs_to_others_or_is_no_file_is_not_said(folder: Path) -> None:
    for other in ("n/other/a.csv", "m/griep/a.csv", "m/a.csv", "other/a.csv", "n/griep/a.csv", "n/.a.part"):
        (folder.parent.parent / other).parent.mkdir(parents=True, exist_ok=True)
        (folder.parent.parent / other).write_text("x")
    (folder.parent / "link.csv").symlink_to(folder / "a.csv")
    assert astray.sentences(folder) == []
    assert astray.sentences(folder.parent.parent.parent / "away" / "n" / "griep") == []


def test_a_name_cannot_forge_a_line_and_many_are_not_all_said(folder: Path) -> None:
    for number in range(astray.MOST + 5):
        (folder.parent / f"{number}\n\x1b[2J").write_text("x")
    found = astray.sentences(folder)
    assert len(found) == astray.MOST
    assert all(sentence.isprintable() for sentence in found)
