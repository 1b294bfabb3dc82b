"""The bytes of a folder: no link followed, nothing waited for, no more than a file may have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from base import errors
from publication import folder as folders
from publication import reading


def test_what_is_no_plain_file_is_not_followed_nor_waited_for(tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "inner").mkdir(parents=True)
    (place / "inner" / "plain").write_bytes(b"plain")
    (tmp_path / "outside").write_bytes(b"outside")
    (place / "link").symlink_to("inner/plain")
    (place / "out").symlink_to("../outside")
    (place / "other").symlink_to("inner")
    os.mkfifo(place / "pipe")
    content = folders.source(place)
    assert content("inner/plain") == b"plain"
    for name in ("link", "out", "other/plain", "../outside", "pipe", "inner", "none", str(tmp_path / "outside")):
        assert content(name) is None, name


def test_a_folder_may_be_a_link_and_stays_the_one_it_led_to(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "link").symlink_to("one")
    content = folders.source(tmp_path / "link")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("two")
    assert content("file") == b"one"


def test_a_file_that_is_too_large_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "largest").write_bytes(bytes(reading.LARGEST_FILE))
    (tmp_path / "larger").write_bytes(bytes(reading.LARGEST_FILE + 1))
    content = folders.source(tmp_path)
    assert len(content("largest") or b"") == reading.LARGEST_FILE
    with pytest.raises(errors.PublicationError, match="/larger is larger than 4194304 bytes; fetch the publication"):
        content("larger")


def test_line_ends_are_those_of_where_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb\r\n")
    assert folders.source(tmp_path)("file") == b"a\nb\n"
