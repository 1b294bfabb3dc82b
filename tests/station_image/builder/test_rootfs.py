"""Files are unpacked with the same modes by every Python that the project runs with."""

from __future__ import annotations

import inspect
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from station_image.builder import rootfs

NAME = "usr/lib/python3.13/os.py"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one file that everybody may write."""
    folder = tmp_path / "content"
    file = folder / NAME
    file.parent.mkdir(parents=True)
    file.write_text("pass\n")
    file.chmod(0o777)
    (folder / "DEBIAN").mkdir()
    fields = {"Package": "proef", "Version": "1", "Architecture": "all", "Maintainer": "proef <proef@proef.example>"}
    control = "".join(f"{name}: {value}\n" for name, value in (fields | {"Description": "proef"}).items())
    (folder / "DEBIAN" / "control").write_text(control)
    path = tmp_path / "proef.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", folder, path], check=True, capture_output=True)
    return path


def test_a_file_that_everybody_may_write_is_nobody_else_s_in_the_image(package: Path, tmp_path: Path) -> None:
    rootfs._unpack_deb(package, tmp_path / "root")
    assert (tmp_path / "root" / NAME).stat().st_mode & 0o7777 == 0o755


def test_packages_are_unpacked_by_a_python_that_knows_no_filters(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = tarfile.TarFile.extract

    def of_debian_12(self: tarfile.TarFile, member: Any, path: Any = "", set_attrs: bool = True) -> None:
        extract(self, member, path, set_attrs=set_attrs)

    assert "filter" not in inspect.signature(of_debian_12).parameters
    monkeypatch.setattr(tarfile.TarFile, "extract", of_debian_12)
    rootfs._unpack_deb(package, tmp_path / "root")
    assert (tmp_path / "root" / NAME).exists()
