"""A publication as people carry it: on sticks and shares, and in git."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publication import publication, verified
from tests.publication import publications
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import publish as publishing

Publish = Callable[[], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "publications" / "proeftuin"


@pytest.fixture
def publish(coordinator: Any, folder: Path) -> Publish:
    folder.parent.mkdir()
    return lambda: publishing.publish(folder, coordinator.definition, RELEASES, coordinator.authority)


def opened(folder: Path) -> verified.Verified:
    return publication.read(folder, "proeftuin")


CARRIED = {
    "macOS": (".DS_Store", "targets/identities/._ggd.json", ".Spotlight-V100/Store-V2/x"),
    "Windows": (
        "desktop.ini",
        "targets/identities/Thumbs.db",
        "System Volume Information/IndexerVolumeGuid",
        "$RECYCLE.BIN/x",
    ),
    "Linux": (".Trash-1000/files/x", ".directory", "lost+found/x"),
    "letters of another case": ("THUMBS.DB", "Desktop.ini", "$Recycle.Bin/x"),
    "programs that copy": (
        ".sync_1a2b.db",
        ".stfolder/x",
        "@eaDir/x",
        "targets/ca.pem~",
        "metadata/.timestamp.json.swp",
    ),
}


@pytest.mark.parametrize("names", CARRIED.values(), ids=CARRIED)
def test_what_a_stick_or_a_share_adds_is_passed_over(publish: Publish, folder: Path, names: tuple[str, ...]) -> None:
    publish()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0x")
    assert opened(folder).definition


def test_whatever_else_lies_there_is_not_read(publish: Publish, folder: Path) -> None:
    publish()
    (folder / "notes.txt").write_text("x")
    (folder / "targets" / "identities").mkdir(exist_ok=True)
    (folder / "targets" / "identities" / "other.json").write_text("x")
    assert opened(folder).identities == {}


@pytest.mark.parametrize("line_ends", ["false", "true"])
def test_a_publication_is_taken_as_git_brings_it_also_with_other_line_ends(
    publish: Publish, folder: Path, tmp_path: Path, line_ends: str
) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@x.example", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, *words], check=True, capture_output=True)

    publish()
    kept, brought = tmp_path / "kept", tmp_path / "brought"
    shutil.copytree(folder, kept)
    git("-C", str(kept), "init")
    git("-C", str(kept), "add", ".")
    git("-C", str(kept), "commit", "-m", "publication")
    git("clone", "-c", f"core.autocrlf={line_ends}", str(kept), str(brought))
    carried = publications.target(brought, "ca.pem").read_bytes()
    assert (b"\r\n" in carried) == (line_ends == "true")
    assert opened(brought).definition
