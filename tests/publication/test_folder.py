"""The bytes of a folder: no more than a publication may have, no link followed, nothing waited for."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from base import errors
from publication import folder as folders


def test_a_folder_that_is_not_there_or_is_empty_has_no_files(tmp_path: Path) -> None:
    assert folders.read(tmp_path / "none").contents == {}
    found = folders.read(tmp_path)
    assert (found.place, found.contents, found.unread) == (PurePath(tmp_path), {}, {})


def test_what_is_no_plain_file_is_named_and_not_followed_nor_waited_for(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "plain").write_bytes(b"plain")
    (tmp_path / "link").symlink_to("inner/plain")
    (tmp_path / "other").symlink_to("inner")
    os.mkfifo(tmp_path / "pipe")
    found = folders.read(tmp_path)
    assert found.contents == {"inner/plain": b"plain"}
    assert found.unread == dict.fromkeys(("link", "other", "pipe"), "is missing")


def test_a_file_that_is_too_large_is_named_and_the_others_are_taken(tmp_path: Path) -> None:
    (tmp_path / "largest").write_bytes(bytes(folders.LARGEST_FILE))
    (tmp_path / "larger").write_bytes(bytes(folders.LARGEST_FILE + 1))
    found = folders.read(tmp_path)
    assert found.contents.keys() == {"largest"}
    assert found.unread == {"larger": "is larger than 4194304 bytes"}


def test_a_folder_that_is_too_large_as_a_whole_is_refused(tmp_path: Path) -> None:
    for number in range(folders.LARGEST_WHOLE // folders.LARGEST_FILE):
        with (tmp_path / f"{number}").open("wb") as file:
            file.truncate(folders.LARGEST_FILE)
    assert len(folders.read(tmp_path).contents) == 16
    (tmp_path / "one more").write_bytes(b"x")
    with pytest.raises(errors.PublicationError, match="is larger than 67108864 bytes; fetch the publication anew"):
        folders.read(tmp_path)


def test_a_folder_of_too_many_is_refused_folders_counted_as_well(tmp_path: Path) -> None:
    for number in range(folders.MOST_FILES // 2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "file").touch()
    assert len(folders.read(tmp_path).contents) == 1000
    (tmp_path / "one more").mkdir()
    with pytest.raises(errors.PublicationError, match="has more than 2000 files"):
        folders.read(tmp_path)


def test_a_folder_in_which_something_is_replaced_all_the_time_is_refused_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, content = tmp_path / "index.json", folders._content
    index.write_bytes(b"{}")

    def replaced(path: Path) -> bytes | None:
        found = content(path)
        index.unlink()
        index.write_bytes(bytes(len(found or b"") + 1))
        return found

    monkeypatch.setattr(folders, "_content", replaced)
    monkeypatch.setattr(folders, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(errors.PublicationError, match="is being replaced again and again"):
        folders.read(tmp_path)
