"""The station image: small, from pinned packages, the same digest from the same inputs wherever it is built.

Two layers: Python with its libraries, kept in the user's cache folder by the digest of the lock, and our runtime.
A changed runtime makes one small layer anew, and an engine that has the other one already skips it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from base import errors, files, values
from station_image.builder import debian, making, packages, rootfs
from station_image.builder.making import ARCHIVE, DEVELOPMENT, RELEASE, SBOM, Progress, Wanted
from station_image.builder.source import Source, SourceError

PACKAGE = Path(__file__).parents[1]
BUILD = PACKAGE.parent / "build" / "station"
"""Where images lie: a folder for each, by its image id."""
SOURCE = PACKAGE.parent
NO_NOTES: Mapping[str, Any] = MappingProxyType({})


class ImageError(errors.UnmetError):
    """The station image cannot be made here; the text says why and what to do."""


@dataclass(frozen=True)
class StationImage:
    """A built image: `folder` holds `image.tar`, `sbom.cdx.json` and `release.json`, whose content is `release`."""

    folder: Path
    release: dict[str, Any]

    @property
    def archive(self) -> Path:
        """What `docker load` takes."""
        return self.folder / ARCHIVE

    @property
    def sbom(self) -> Path:
        """Its parts list."""
        return self.folder / SBOM

    @property
    def image_id(self) -> str:
        """`sha256:…` by which the classic store of an engine knows the image: the digest of its configuration."""
        return str(self.release["image_id"])

    @property
    def manifest_digest(self) -> str:
        """`sha256:…` by which the containerd store knows it."""
        return str(self.release["manifest_digest"])

    def altered(self, release: Mapping[str, Any] | None = None) -> str:
        """Which of its files is another than `release` says, or its own, in words; "" where none is. Reads all of them.

        The release that was accepted says so for who brings the image to a server: its own lies where the image does.
        """
        said = self.release if release is None else release
        for path, name in ((self.archive, "archive"), (self.sbom, "sbom")):
            pinned = said.get(name)
            if pinned is not None and (there := making.digest(path)) != pinned:
                return f"{path} was changed after it was built: it is {there}, and its release says {pinned}"
        return ""


def current(
    build: Path = BUILD, *, release: str = DEVELOPMENT, source: Path = SOURCE, notes: Mapping[str, Any] = NO_NOTES
) -> StationImage | None:
    """Return the image of the present inputs if it was built before; builds nothing. Inputs are as for `ensure`."""
    return _current(build, Wanted(release, Source(source), notes))


def _current(build: Path, wanted: Wanted) -> StationImage | None:
    try:
        return lying_in(build / (build / "inputs" / wanted.inputs).read_text())
    except OSError:
        return None


def built(image_id: str, build: Path = BUILD) -> StationImage | None:
    """Return the image of this id, of whatever release, if it was built here or its folder was brought; else None."""
    match = re.fullmatch(r"sha256:([0-9a-f]{64})", image_id)
    found = lying_in(build / match[1]) if match else None
    return found if found and found.release.get("image_id") == image_id else None


def lying_in(folder: Path) -> StationImage | None:
    """Return the image in a folder; None where nobody can read it, or somebody removed a part of it."""
    try:
        image = StationImage(folder, values.mapping((folder / RELEASE).read_bytes()))
    except (OSError, ValueError):
        return None
    return image if image.archive.is_file() and image.sbom.is_file() else None


def ensure(
    progress: Progress,
    build: Path = BUILD,
    cache: Path | None = None,
    *,
    release: str = DEVELOPMENT,
    source: Path = SOURCE,
    notes: Mapping[str, Any] = NO_NOTES,
) -> StationImage:
    """Return the station image of the present inputs, built where it is not there. Safe when two run at once.

    It is that of `release`, from the folder `source` with `station_image/`; `notes` is what people wrote of the
    release (`network_topology.model.Notes`, as plain values). Raises ImageError.
    """
    wanted = Wanted(release, Source(source), notes)
    if (found := _current(build, wanted)) is not None:
        return found
    if platform.machine() != "x86_64":
        raise ImageError(
            f"{packages.LOCK}: packages are pinned for x86_64 and this machine is {platform.machine()}; build the "
            "image on an x86_64 machine and copy its folder under build/station here"
        )
    cache = cache or _cache_folder()
    for folder in (build, cache):
        folder.mkdir(parents=True, exist_ok=True)
    with files.only_one(build / "lock", lambda: progress(making.WAITING)):
        if (found := _current(build, wanted)) is not None:
            return found
        try:
            return _make(wanted, build, cache, progress)
        except (debian.DebianError, packages.PackageError, rootfs.RootError, SourceError) as error:
            raise ImageError(str(error)) from error


def _make(wanted: Wanted, build: Path, cache: Path, progress: Progress) -> StationImage:
    started = time.monotonic()
    for left in build.glob(".new-*"):  # by a process that was killed: whoever makes one holds the lock
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=build) as name:
        work = Path(name) / "image"
        work.mkdir()
        made = StationImage(work, making.make(wanted, cache, work, progress))
        folder = build / made.image_id.removeprefix("sha256:")
        there = lying_in(folder)  # one that is in use is not replaced by its equal
        if there is None or there.release != made.release:
            shutil.rmtree(folder, ignore_errors=True)
            files.put_in_place(work, folder)
    pointer = build / "inputs" / wanted.inputs
    pointer.parent.mkdir(exist_ok=True)
    files.write_atomically(pointer, folder.name.encode(), mode=0o644)
    size = (folder / ARCHIVE).stat().st_size / 1e6
    progress(f"made the station image {made.image_id[:19]}, {size:.0f} MB, in {time.monotonic() - started:.1f} s")
    return StationImage(folder, made.release)


def bring(folder: Path, build: Path = BUILD) -> StationImage:
    """Put the image of a folder where images lie, if it is not there; raises ImageError where it was changed.

    That of a working tree is used here where it is of the code that is here.
    """
    image = lying_in(folder)
    wrong = image.altered() if image else "it is not whole"
    if image is None or wrong:
        raise ImageError(f"{folder} is no image of a station: {wrong}; have it brought anew")
    place = build / image.image_id.removeprefix("sha256:")
    build.mkdir(parents=True, exist_ok=True)
    with files.only_one(build / "lock"):
        there = lying_in(place)
        if there is None or there.release != image.release:
            shutil.rmtree(place, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=build) as name:
                shutil.copytree(folder, Path(name) / "image")
                files.put_in_place(Path(name) / "image", place)
        if image.release["release"] == DEVELOPMENT and image.release.get("source") == Source(SOURCE).digest:
            pointer = build / "inputs" / Wanted(DEVELOPMENT, Source(SOURCE)).inputs
            pointer.parent.mkdir(exist_ok=True)
            files.write_atomically(pointer, place.name.encode(), mode=0o644)
    return StationImage(place, image.release)


def packages_folder() -> Path:
    """Where this user's fetched packages lie."""
    return _cache_folder() / "packages"


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "werkplaats" / "station"
