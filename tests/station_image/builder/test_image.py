"""The station image itself: built, taken apart, loaded, started."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from station_image.builder import images, making, packages, sbom

ROOT = images.PACKAGE.parent
LARGEST = 64_000_000
MOST_FILES = 450
ISOLATED = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=5001:5000")
IMPORT_ALL = """
import importlib, pkgutil, sys
import mpyc, numpy, gmpy2, station_image.runtime
for package in (mpyc, station_image.runtime):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
key = Ed25519PrivateKey.generate()
key.public_key().verify(key.sign(b"x"), b"x")
assert numpy.linalg.inv(numpy.eye(2) * 2)[0, 0] == 0.5
assert gmpy2.invert(3, 7) == 5
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def image() -> images.StationImage:
    return images.ensure(print)


@pytest.fixture(scope="module")
def blobs(image: images.StationImage) -> dict[str, bytes]:
    with tarfile.open(image.archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


def members(blobs: dict[str, bytes]) -> list[tarfile.TarInfo]:
    """Every entry of every layer."""
    found: list[tarfile.TarInfo] = []
    for name in json.loads(blobs["manifest.json"])[0]["Layers"]:
        with tarfile.open(fileobj=io.BytesIO(blobs[name])) as layer:
            found += layer.getmembers()
    return found


def build_elsewhere(folder: Path, cache: Path, change: str = "", umask: int = 0o022) -> dict[str, str]:
    """Build from a copy of the sources in `folder` with a cache of its own; returns its release.json."""
    for package in ("base", "station_image"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    if change:
        with (folder / "station_image" / "runtime" / "__init__.py").open("a") as file:
            file.write(change)
    code = "from station_image.builder import images; print(images.ensure(lambda text: None).folder)"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "XDG_CACHE_HOME": str(cache),
        "PYTHONHASHSEED": str(len(str(folder))),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    release: dict[str, str] = json.loads((Path(done.stdout.strip()) / "release.json").read_text())
    return release


def packages_already_fetched(cache: Path) -> None:
    """Spare the mirror: the pinned files are the same for everybody, and are checked wherever they lie."""
    store = cache / "werkplaats" / "station" / "packages"
    shutil.copytree(images._cache_folder() / "packages", store)


def test_the_same_inputs_give_the_same_bytes_in_another_folder_under_another_umask(
    image: images.StationImage, tmp_path: Path
) -> None:
    packages_already_fetched(tmp_path / "cache")
    again = build_elsewhere(tmp_path / "a-folder-with-a-longer-name", tmp_path / "cache", umask=0o077)
    assert again == image.release


def test_a_changed_runtime_changes_only_the_upper_layer(image: images.StationImage, tmp_path: Path) -> None:
    cache = images._cache_folder().parent.parent
    other = build_elsewhere(tmp_path / "copy", cache, change="\nCHANGED = True\n")
    folder = tmp_path / "copy" / "build" / "station" / other["image_id"].removeprefix("sha256:")

    def layers(archive: Path) -> list[str]:
        with tarfile.open(archive) as tar:
            listed = tar.extractfile("manifest.json")
            assert listed is not None
            found: list[str] = json.loads(listed.read())[0]["Layers"]
            return found

    (mine_low, mine_high), (other_low, other_high) = layers(image.archive), layers(folder / "image.tar")
    assert mine_low == other_low
    assert mine_high != other_high
    assert other["image_id"] != image.image_id


def test_nothing_is_done_when_nothing_changed(image: images.StationImage) -> None:
    lines: list[str] = []
    assert images.ensure(lines.append) == image
    assert images.current() == image
    assert lines == []


def test_an_archive_that_is_gone_is_made_again(image: images.StationImage, tmp_path: Path) -> None:
    copy = tmp_path / "station"
    shutil.copytree(images.BUILD, copy)
    (copy / image.folder.name / "image.tar").unlink()
    (copy / ".new-by-one-that-was-killed").mkdir()
    assert images.current(copy) is None
    assert images.ensure(print, copy).release == image.release
    assert not list(copy.glob(".new-*"))


def test_the_image_is_small(image: images.StationImage, blobs: dict[str, bytes]) -> None:
    files = [member for member in members(blobs) if member.isfile()]
    assert image.archive.stat().st_size <= LARGEST
    assert len(files) <= MOST_FILES


def test_the_only_programs_are_python_and_its_loader(blobs: dict[str, bytes]) -> None:
    programs = {
        member.name
        for member in members(blobs)
        if member.isfile() and member.mode & 0o111 and not re.search(r"\.so(\.\d+)*$", member.name)
    }
    assert programs == {"usr/bin/python3.13"}


def test_nothing_in_the_image_belongs_to_anybody_or_runs_as_root_by_itself(blobs: dict[str, bytes]) -> None:
    for member in members(blobs):
        assert (member.uid, member.gid, member.mtime) == (0, 0, 0), member.name
        assert not member.mode & 0o6000, member.name
        assert not member.mode & 0o022 or member.issym() or member.name == "tmp", member.name


def test_every_blob_bears_its_own_digest_and_the_release_names_the_top_ones(
    image: images.StationImage, blobs: dict[str, bytes]
) -> None:
    for name, content in blobs.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    index = json.loads(blobs["index.json"])
    assert [entry["digest"] for entry in index["manifests"]] == [image.manifest_digest]
    manifest = json.loads(blobs["blobs/" + image.manifest_digest.replace(":", "/")])
    assert manifest["config"]["digest"] == image.image_id
    config = json.loads(blobs["blobs/" + image.image_id.replace(":", "/")])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert image.release["archive"] == f"sha256:{hashlib.sha256(image.archive.read_bytes()).hexdigest()}"
    assert image.release["protocols"] == [2, 3]


def test_the_parts_list_has_every_pinned_package_with_its_hash(image: images.StationImage) -> None:
    document = json.loads((image.folder / "sbom.cdx.json").read_text())
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    listed = {part["purl"]: part["hashes"] for part in document["components"]}
    for package in packages.read():
        assert listed[package.purl] == [{"alg": "SHA-256", "content": package.sha256}]
    assert len(listed) == len(packages.read()) + 1
    references = [document["metadata"]["component"]["bom-ref"], *(part["bom-ref"] for part in document["components"])]
    assert len(references) == len(set(references))
    assert set(document["dependencies"][0]["dependsOn"]) == set(references[1:])


def test_a_package_url_is_one_also_with_an_epoch_and_a_plus() -> None:
    package = packages.Package("deb", "libstdc++6", "1:2.0+ds-1", "0" * 64, "x.deb")
    assert package.purl == "pkg:deb/debian/libstdc%2B%2B6@1%3A2.0%2Bds-1?arch=amd64&distro=trixie"
    assert sbom.component(package)["version"] == "1:2.0+ds-1"


@pytest.mark.servers
def test_an_engine_knows_the_loaded_image_by_the_digest_that_was_foretold(image: images.StationImage) -> None:
    subprocess.run(["docker", "load", "--quiet", "--input", str(image.archive)], check=True, capture_output=True)
    known = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", making.tag("dev")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert known.stdout.strip() in (image.image_id, image.manifest_digest)


@pytest.mark.servers
def test_without_network_rights_or_a_disk_to_write_on_everything_imports(image: images.StationImage) -> None:
    subprocess.run(["docker", "load", "--quiet", "--input", str(image.archive)], check=True, capture_output=True)
    done = subprocess.run(
        ["docker", "run", "--rm", *ISOLATED, image.image_id, "python3", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.servers
def test_plain_docker_ps_shows_the_release_beside_the_digest(image: images.StationImage) -> None:
    """A tag is whoever moves it; what starts the container lies in the image of the digest that is pinned."""
    subprocess.run(["docker", "load", "--quiet", "--input", str(image.archive)], check=True, capture_output=True)
    long = ["python3", "-c", "import signal; signal.pause()"]
    started = subprocess.run(
        ["docker", "run", "--rm", "--detach", "--init", *ISOLATED, image.image_id, *long],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    try:
        [line] = subprocess.run(
            ["docker", "ps", "--filter", f"id={started}"], check=True, capture_output=True, text=True
        ).stdout.splitlines()[1:]
        command = subprocess.run(["docker", "top", started], check=True, capture_output=True, text=True)
    finally:
        subprocess.run(["docker", "rm", "--force", started], check=True, capture_output=True)
    assert re.match(
        rf'{started[:12]} +{image.image_id.removeprefix("sha256:")[:12]} +"{making.started_as("dev")} ', line
    ), line
    assert "python3 -c import signal" in command.stdout, "it became what it was to start"


def test_there_is_no_shell_to_start(image: images.StationImage) -> None:
    subprocess.run(["docker", "load", "--quiet", "--input", str(image.archive)], check=True, capture_output=True)
    done = subprocess.run(
        ["docker", "run", "--rm", *ISOLATED, image.image_id, "/bin/sh", "-c", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 127
    assert "no such file" in done.stderr
