"""Releases with a number: from another source, with what it says of itself, and each byte the same wherever it is."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from base import canonical
from network_topology import model
from publication import verified
from station_image.builder import images, making, source
from tests.station_image.builder import releases
from tests.station_image.builder.releases import CONTRACT, NEWER, OLDER, copy

pytestmark = pytest.mark.slow


def configuration(image: images.StationImage) -> dict[str, Any]:
    with tarfile.open(image.archive) as tar:
        content = tar.extractfile("blobs/" + image.image_id.replace(":", "/"))
        assert content is not None
        found: dict[str, Any] = json.loads(content.read())["config"]
        return found


def test_two_releases_of_one_tree_are_two_images_each_of_which_says_what_it_is() -> None:
    older, newer = releases.older(), releases.newer()
    assert older.image_id != newer.image_id
    assert older.release["source"] != newer.release["source"]
    assert older.release["protocols"] == [2]
    assert newer.release["protocols"] == [2, 3]
    assert older.release["formats"]["state/runs.json"] < newer.release["formats"]["state/runs.json"]
    for version, image in ((OLDER, older), (NEWER, newer)):
        said = configuration(image)
        assert f"STATION_RELEASE={version}" in said["Env"]
        assert said["Labels"]["org.opencontainers.image.version"] == version
        assert said["Entrypoint"][0] == f"station-{version}"


def test_the_whole_document_lies_beside_the_image_in_the_form_that_is_published() -> None:
    content = (releases.newer().folder / "release.json").read_bytes()
    found = model.Release.model_validate_json(content)
    assert canonical.pretty(verified.document(found)) == content
    assert (found.release, found.may_upgrade_from) == (NEWER, (OLDER,))
    assert found.breaking[0].affects == "a program of yours reads state/runs.json"
    assert "hotspots/1" in found.analyses
    assert found.sbom == making.digest(releases.newer().sbom)
    assert found.source == source.Source(releases.source(NEWER)).digest


def test_a_release_is_the_same_to_the_byte_from_a_copy_elsewhere_under_another_umask(tmp_path: Path) -> None:
    again = copy(tmp_path / "somewhere-else-with-a-long-name", releases.CHANGES[OLDER])
    for path in again.rglob("*.py"):
        path.chmod(0o600)
    before = os.umask(0o077)
    try:
        found = images.ensure(print, tmp_path / "build", release=OLDER, source=again)
    finally:
        os.umask(before)
    older = releases.older()
    assert found.release == older.release
    for name in ("image.tar", "sbom.cdx.json", "release.json"):
        assert (found.folder / name).read_bytes() == (older.folder / name).read_bytes()


def test_an_image_is_found_by_its_id_whatever_its_release_and_wherever_its_folder_came_from(tmp_path: Path) -> None:
    older = releases.older()
    assert images.built(older.image_id, tmp_path) is None
    brought = releases.place(older, tmp_path)
    assert brought.release == older.release
    assert images.built(older.image_id, tmp_path) == brought
    assert images.current(tmp_path, release=OLDER) is None, "this checkout builds another one"
    (brought.folder / "sbom.cdx.json").unlink()
    assert images.built(older.image_id, tmp_path) is None


@pytest.mark.parametrize("named", ["", "sha256:", "sha256:../../etc", "dev", f"sha256:{'0' * 63}", f"{'0' * 64}"])
def test_what_is_no_image_id_finds_nothing(named: str) -> None:
    assert images.built(named) is None


def test_a_folder_under_the_id_of_another_image_is_not_that_image(tmp_path: Path) -> None:
    older, newer = releases.older(), releases.newer()
    folder = tmp_path / newer.folder.name
    shutil.copytree(older.folder, folder)
    assert images.built(newer.image_id, tmp_path) is None


def test_a_changed_byte_of_an_archive_or_a_parts_list_is_seen(tmp_path: Path) -> None:
    brought = tmp_path / "brought"
    shutil.copytree(releases.older().folder, brought)
    image = images.lying_in(brought)
    assert image is not None
    assert image.altered() == ""
    for path in (image.archive, image.sbom):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert f"{path} was changed after it was built: it is sha256:" in image.altered()
        path.write_bytes(content)


def test_another_note_is_another_document_of_the_same_image(tmp_path: Path) -> None:
    older = releases.older()
    found = images.ensure(
        print, tmp_path, release=OLDER, source=releases.source(OLDER), notes={"security_fixes": ["one"]}
    )
    assert found.image_id == older.image_id
    assert found.release == {**older.release, "security_fixes": ["one"]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((CONTRACT, r"(?m)^PROTOCOL_VERSIONS", "NO_VERSIONS"), "has no attribute 'PROTOCOL_VERSIONS'"),
        ((CONTRACT, r"(?m)^import enum$", "import enum, docker"), "No module named 'docker'"),
        (("station_image/runtime/analyses/hotspots.py", r"(?m)^VERSION = ", "NO_VERSION = "), "'VERSION'"),
    ],
)
def test_a_source_that_does_not_say_what_it_is_is_not_built(
    tmp_path: Path, change: tuple[str, str, str], told: str
) -> None:
    """It is asked by the Python of the image: what this machine has beside is not there."""
    broken = copy(tmp_path / "source", (change,))
    with pytest.raises(images.ImageError, match=rf"does not say which session protocols.*{told}"):
        images.ensure(print, tmp_path / "build", source=broken)
    assert not list((tmp_path / "build").glob("*/release.json"))


def test_a_folder_that_is_no_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match=r"has no station_image/ .*name the folder of a checkout"):
        images.ensure(print, tmp_path / "build", source=tmp_path)


def test_a_change_that_is_not_found_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is there 0 times"):
        copy(tmp_path / "source", ((CONTRACT, "NOTHING OF THE KIND", ""),))
