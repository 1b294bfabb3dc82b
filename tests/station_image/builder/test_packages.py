"""Pinned packages: what is refused, and what is said about it."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

import pytest

from station_image.builder import debian, images, packages, rootfs


def said(_text: str) -> None:
    """Nobody listens."""


def test_every_package_that_is_named_is_pinned_once() -> None:
    names = [package.name for package in packages.read()]
    assert sorted(names) == sorted([*packages.DEBIAN, *(wheel.partition("==")[0] for wheel in packages.WHEELS)])


def test_a_broken_line_is_named_with_its_number(tmp_path: Path) -> None:
    lock = tmp_path / "packages.lock"
    lock.write_text("# head\ndeb libc6 2.41 abc libc6.deb\n")
    with pytest.raises(packages.PackageError, match=r"packages\.lock:2: .*python -m station_image\.builder\.packages"):
        packages.read(lock)


def test_a_stored_file_that_was_altered_is_not_used(tmp_path: Path) -> None:
    (package,) = [package for package in packages.read() if package.kind == "wheel"]
    good = packages.fetch([package], tmp_path, said)[package].read_bytes()
    (tmp_path / package.sha256).write_bytes(good + b"x")
    assert packages.fetch([package], tmp_path, said)[package].read_bytes() == good


def test_what_is_downloaded_must_be_what_was_pinned(tmp_path: Path) -> None:
    (package,) = [package for package in packages.read() if package.kind == "wheel"]
    other = dataclasses.replace(package, sha256="0" * 64)
    with pytest.raises(packages.PackageError, match=r"mpyc 0\.11: what the mirror gave is not what was pinned"):
        packages.fetch([other], tmp_path, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_version_that_the_mirror_no_longer_has_is_named_with_the_remedy(tmp_path: Path) -> None:
    (package,) = [package for package in packages.read() if package.name == "zlib1g"]
    gone = dataclasses.replace(package, version="1:0.9-1", sha256="0" * 64)
    with pytest.raises(
        packages.PackageError, match=r"no longer has zlib1g=1:0\.9-1 .*python -m station_image\.builder\.packages"
    ):
        packages.fetch([gone], tmp_path, said)


@pytest.mark.slow
def test_a_library_that_nobody_brought_is_named_before_anything_runs(tmp_path: Path) -> None:
    store = packages.fetch(packages.read(), images._cache_folder() / "packages", said)
    without = {package: path for package, path in store.items() if package.name != "libmpfr6"}
    with pytest.raises(rootfs.RootError, match=r"gmpy2.* needs .*libmpfr\.so\.6"):
        rootfs.make(without, tmp_path)


def test_without_the_keys_of_the_suite_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "KEYRINGS", tmp_path)
    with pytest.raises(debian.DebianError, match="apt-get install debian-archive-keyring"):
        debian.mirror()


def test_without_mmdebstrap_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(debian.DebianError, match="apt-get install mmdebstrap"):
        debian.need_mmdebstrap()


def test_a_named_mirror_goes_before_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(debian.MIRROR_VARIABLE, "http://mirror.example/debian")
    assert debian.mirror().sources[0] == "deb http://mirror.example/debian trixie main"


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="not a Debian machine")
def test_this_machines_own_mirror_is_used_with_the_suite_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(debian.MIRROR_VARIABLE, raising=False)
    for line in debian.mirror().sources:
        kind, _address, suite, component = line.split()
        assert (kind, component) == ("deb", "main")
        assert suite.partition("-")[0] == debian.SUITE


def test_another_architecture_is_refused_with_the_way_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(images.ImageError, match="this machine is riscv64; build the image on an x86_64 machine"):
        images.ensure(said, tmp_path)
