"""The verb `release`: described, built, pinned, compared and built again, as a release manager does it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from base import canonical, errors
from station_image.builder import images
from tests.station_image.builder import releases
from tests.station_image.builder.releases import CONTRACT, NEWER, OLDER
from werkplaats import cli

pytestmark = pytest.mark.slow
NOTES = f"""\
# The third one.
release: "1.2.0"
may_upgrade_from: ["{NEWER}"]
"""


class Manager:
    """Who makes releases: a home with those that there are, and a folder where images lie."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.build, self._capsys = folder / "home", folder / "images", capsys
        releases.describe(self.home)
        monkeypatch.setattr(images, "BUILD", self.build)

    def run(self, *words: str, expect: int = errors.DONE) -> str:
        code = cli.main(["--home", str(self.home), "release", *words])
        told = self._capsys.readouterr()
        assert code == expect, (words, told)
        return told.out + told.err

    def file(self, version: str) -> Path:
        return self.home / "releases" / f"{version}.yml"

    def describe(self) -> Path:
        self.file("1.2.0").write_text(NOTES)
        return self.file("1.2.0")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Manager:
    return Manager(tmp_path, monkeypatch, capsys)


def source(version: str) -> tuple[str, str]:
    return "--source", str(releases.source(version))


def spoilt(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-600] + bytes([content[-600] ^ 1]) + content[-599:])


def test_a_release_is_described_built_pinned_and_built_again_to_the_same_bytes(manager: Manager) -> None:
    path = manager.describe()
    assert "is not built on this machine" in manager.run("show", "1.2.0", expect=errors.WRONG_USE)
    told = manager.run("build", "1.2.0", "--pin")
    assert f"{path} says now what release 1.2.0 is" in told
    assert path.read_text().startswith(NOTES)
    pinned = path.read_text()
    assert "says now" not in manager.run("build", "1.2.0", "--pin")
    assert path.read_text() == pinned
    document = json.loads(manager.run("show", "1.2.0", "--json"))
    image = images.built(document["image_id"], manager.build)
    assert image is not None
    assert image.release == document
    assert "is, byte for byte, what" in manager.run("verify", "1.2.0")


def test_what_waits_for_holders_or_is_published_is_verified_by_its_file(manager: Manager, tmp_path: Path) -> None:
    """Without the image that the coordinator has: who trusts nobody has a checkout and that file."""
    path = tmp_path / "waiting" / f"{OLDER}.json"
    path.parent.mkdir()
    path.write_bytes(canonical.pretty(releases.older().release))
    assert "is, byte for byte, what" in manager.run("verify", str(path), *source(OLDER))
    path.write_bytes(canonical.pretty({**releases.older().release, "archive": releases.newer().release["archive"]}))
    told = json.loads(
        manager.run("verify", str(path), *source(OLDER), "--json", expect=errors.FOUND).partition("making")[0]
    )
    assert [one.partition(":")[0] for one in told["differs"]] == [
        f"release {OLDER} is described otherwise in releases/{OLDER}.yml than in {path}",
        "the file that is loaded (archive)",
    ]


def test_another_source_is_told_by_the_parts_that_differ(manager: Manager) -> None:
    releases.place(releases.older(), manager.build)
    told = manager.run("verify", OLDER, *source(NEWER), expect=errors.FOUND)
    assert "what it is built from: the sources of the runtime, or the lock of its packages (source): " in told
    assert re.search(
        r"the formats of what stations keep \(formats\): .*runs.json\": 3.*built here is .*runs.json\": 4", told
    )
    assert f"in the image: opt/{CONTRACT} differs" in told
    assert "in the image: usr/lib" not in told, "what lies below is the same"
    assert "sign and accept nothing of it" in told


@pytest.mark.parametrize("name", ["image.tar", "sbom.cdx.json"])
def test_a_tampered_image_is_told_and_is_not_taken_for_the_release(manager: Manager, name: str) -> None:
    image = releases.place(releases.older(), manager.build)
    shutil.copytree(image.folder, manager.build / "copy")  # what is placed may be linked with what others use
    shutil.rmtree(image.folder)
    (manager.build / "copy").rename(image.folder)
    spoilt(image.folder / name)
    changed = f"{image.folder / name} was changed after it was built"
    assert changed in manager.run("show", OLDER)
    assert changed in manager.run("verify", OLDER, *source(OLDER), expect=errors.FOUND)
    told = manager.run("build", OLDER, *source(OLDER), expect=errors.REFUSED)
    assert changed in told
    assert f"remove {image.folder}, then werkplaats release build {OLDER}" in told


def test_a_release_that_this_checkout_cannot_build_is_used_where_its_folder_is(manager: Manager) -> None:
    told = manager.run("build", OLDER, expect=errors.REFUSED)
    assert f"{manager.file(OLDER)}: release {OLDER} was built from source sha256:" in told
    assert f"bring the folder of its image to build/station/{releases.older().folder.name}" in told
    assert not list(manager.build.glob("*/release.json")), "nothing was built under its name"
    releases.place(releases.older(), manager.build)
    assert releases.older().image_id in manager.run("build", OLDER)


def test_a_name_is_taken_once_for_ever(manager: Manager) -> None:
    path = manager.describe()
    manager.run("build", "1.2.0", "--pin", *source(NEWER))
    shutil.rmtree(manager.build)
    told = manager.run("build", "1.2.0", *source(OLDER), expect=errors.REFUSED)
    assert "For what you have now write another version" in told
    manager.run("build", "1.2.0", *source(NEWER))
    pinned = path.read_text()
    for here, other, field in (
        ("protocols: [2, 3]", "protocols: [2, 9]", "protocols"),
        (NEWER, OLDER, "may_upgrade_from"),
    ):
        path.write_text(pinned.replace(here, other))
        told = manager.run("build", "1.2.0", *source(NEWER), expect=errors.REFUSED)
        assert f"release 1.2.0 is taken by other contents: {field} differ from what is in" in told


def test_the_difference_between_two_releases_is_told(manager: Manager) -> None:
    for image in (releases.older(), releases.newer()):
        releases.place(image, manager.build)
    told = manager.run("diff", OLDER, NEWER)
    assert f"a station may go from {OLDER} to {NEWER}, and back" in told
    assert "state/runs.json is written anew on the way, and again on the way back: format 4 instead of 3" in told
    assert "packages:\n  the same, in the same versions" in told
    document = json.loads(manager.run("diff", str(releases.older().folder), str(releases.newer().folder), "--json"))
    assert document["formats"]["changed"] == {"state/runs.json": [3, 4]}
    assert document["packages"] == {"added": {}, "removed": {}, "changed": {}}


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0-rc1", "../1.0.0", "v1.0.0", "1.0.0\n"])
@pytest.mark.parametrize("action", ["build", "show", "verify"])
def test_what_is_no_version_is_refused(manager: Manager, action: str, version: str) -> None:
    told = manager.run(action, version, expect=errors.WRONG_USE)
    assert "is no version of a release; write it as in 1.0.0" in told or "cannot be read" in told


def test_a_version_that_nobody_described_is_named_with_its_file(manager: Manager) -> None:
    told = manager.run("build", "9.9.9", expect=errors.WRONG_USE)
    assert f"there is no {manager.file('9.9.9')}; write it, with a line `release: 9.9.9`" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no release: Expecting value"),
        (b"[]", "is no release: it is no JSON object"),
        (b"{}", "is no release: release: Field required"),
        (canonical.pretty({"release": "1.0.0", "more": 1}), "is no release"),
    ],
)
def test_a_file_that_is_no_release_is_told(manager: Manager, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "release.json").write_bytes(content)
    assert told in manager.run("show", str(tmp_path / "release.json"), expect=errors.WRONG_USE)
    assert "cannot be read: No such file" in manager.run("show", str(tmp_path / "none.json"), expect=errors.WRONG_USE)


def test_what_nobody_sees_in_a_release_that_was_given_is_not_shown(manager: Manager, tmp_path: Path) -> None:
    document: dict[str, Any] = {**releases.older().release, "security_fixes": ["none \u202e"]}
    (tmp_path / "release.json").write_bytes(canonical.pretty(document))
    told = manager.run("show", str(tmp_path), expect=errors.REFUSED)
    assert "holds the character U+202E" in told


def test_a_file_to_which_nothing_can_be_added_stays_as_it_is(manager: Manager) -> None:
    path = manager.file("1.2.0")
    path.write_text('{release: "1.2.0"}\n')
    told = manager.run("build", "1.2.0", "--pin", expect=errors.REFUSED)
    assert f"{path}: what was built cannot be written below what is there; write it as lines" in told
    assert path.read_text() == '{release: "1.2.0"}\n'
