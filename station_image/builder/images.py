"""The station image: small, from pinned packages, the same digest from the same inputs wherever it is built.

Two layers: Python with its libraries, kept in the user's cache folder by the digest of the lock, and our runtime.
A changed runtime makes one small layer anew, and an engine that has the other one already skips it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import canonical, errors, files, values
from station_image.builder import archive, debian, packages, rootfs, sbom
from station_image.runtime.base import contract

PACKAGE = Path(__file__).parents[1]
BUILD = PACKAGE.parent / "build" / "station"
RELEASE = "dev"
TAG = f"werkplaats/station:{RELEASE}"
# By this name containers start, a link to Python: `docker ps` shows it. See `station_image/runtime/start.py`.
STARTED_AS, START = f"station-{RELEASE}", "opt/station_image/runtime/start.py"
# What decides about the bytes of the base layer, besides the lock.
BASE_CODE = ("archive.py", "packages.py", "rootfs.py")
SETTINGS: dict[str, Any] = {
    "User": "65534:65534",  # nobody, for whoever starts it without saying; the stations say 5001 and 5002
    "Env": [
        "PATH=/usr/bin",
        "LANG=C.UTF-8",
        "PYTHONHOME=/usr",
        "PYTHONPATH=/opt",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        # OpenSSL's provider of withdrawn algorithms is not in the image; cryptography refuses to start over that.
        "CRYPTOGRAPHY_OPENSSL_NO_LEGACY=1",
    ],
    "Entrypoint": [STARTED_AS, "-IS", f"/{START}"],
    "Cmd": ["python3"],
    "WorkingDir": "/",
    "Labels": {"org.opencontainers.image.title": "station", "org.opencontainers.image.version": RELEASE},
}
WAITING = "waiting for another process that is making the station image"

Progress = Callable[[str], None]


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
        return self.folder / "image.tar"

    @property
    def image_id(self) -> str:
        """`sha256:…` by which the classic store of an engine knows the image: the digest of its configuration."""
        return str(self.release["image_id"])

    @property
    def manifest_digest(self) -> str:
        """`sha256:…` by which the containerd store knows it."""
        return str(self.release["manifest_digest"])


def current(build: Path = BUILD) -> StationImage | None:
    """Return the image of the present inputs if it was built before; builds nothing."""
    try:
        folder = build / (build / "inputs" / _inputs()).read_text()
        release = values.mapping((folder / "release.json").read_bytes())
    except (OSError, ValueError):
        return None
    image = StationImage(folder, release)
    return image if _is_whole(image) else None


def _is_whole(image: StationImage) -> bool:
    """Whether nobody removed a part of a built image; one that is in use is not replaced by its equal."""
    return all((image.folder / name).is_file() for name in ("image.tar", "sbom.cdx.json", "release.json"))


def _same(new: Path, old: Path) -> bool:
    """Whether an image that was built before is described as one built now is."""
    return (new / "release.json").read_bytes() == (old / "release.json").read_bytes()


def ensure(progress: Progress, build: Path = BUILD, cache: Path | None = None) -> StationImage:
    """Return the station image of the present inputs, built where it is not there. Safe when two run at once.

    Raises ImageError.
    """
    if (found := current(build)) is not None:
        return found
    if platform.machine() != "x86_64":
        raise ImageError(
            f"{packages.LOCK}: packages are pinned for x86_64 and this machine is {platform.machine()}; build the "
            "image on an x86_64 machine and copy its folder under build/station here"
        )
    cache = cache or _cache_folder()
    for folder in (build, cache):
        folder.mkdir(parents=True, exist_ok=True)
    with files.only_one(build / "lock", lambda: progress(WAITING)):
        if (found := current(build)) is not None:
            return found
        try:
            return _make(build, cache, progress)
        except (debian.DebianError, packages.PackageError, rootfs.RootError) as error:
            raise ImageError(str(error)) from error


def _make(build: Path, cache: Path, progress: Progress) -> StationImage:
    started = time.monotonic()
    pinned = packages.read()
    base = _base(pinned, cache, progress)
    for left in build.glob(".new-*"):  # by a process that was killed: whoever makes one holds the lock
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=build) as name:
        work = Path(name) / "image"
        work.mkdir()
        runtime = _runtime_layer(base / "root", Path(name))
        layers = (_read_layer(base / "layer.tar"), runtime)
        image = archive.write(work / "image.tar", layers, SETTINGS, packages.ARCHITECTURE, [TAG])
        release = {
            "release": RELEASE,
            "image_id": image.image_id,
            "manifest_digest": image.manifest_digest,
            "archive": f"sha256:{_sha256(work / 'image.tar')}",
            "protocols": list(contract.PROTOCOL_VERSIONS),
        }
        _write_json(work / "release.json", release)
        _write_json(work / "sbom.cdx.json", sbom.document(image, pinned, runtime, RELEASE))
        work.chmod(0o755)
        folder = build / image.image_id.removeprefix("sha256:")
        if not _is_whole(StationImage(folder, release)) or not _same(work, folder):
            shutil.rmtree(folder, ignore_errors=True)
            files.put_in_place(work, folder)
    pointer = build / "inputs" / _inputs()
    pointer.parent.mkdir(exist_ok=True)
    files.write_atomically(pointer, folder.name.encode(), mode=0o644)
    size = (folder / "image.tar").stat().st_size / 1e6
    progress(f"made the station image {image.image_id[:19]}, {size:.0f} MB, in {time.monotonic() - started:.1f} s")
    return StationImage(folder, release)


def _base(pinned: tuple[packages.Package, ...], cache: Path, progress: Progress) -> Path:
    """Return the folder with `root/` and `layer.tar` of everything but our runtime, made where it is not there."""
    base = cache / f"base-{_base_key()}"
    with files.only_one(cache / "lock", lambda: progress(WAITING)):
        if (base / "layer.tar").is_file():
            return base
        fetched = packages.fetch(pinned, cache / "packages", progress)
        progress(f"making the base of the station image from {len(fetched)} pinned packages")
        with tempfile.TemporaryDirectory(prefix=".base-", dir=cache) as name:
            work = Path(name) / "base"
            (work / "root").mkdir(parents=True)
            rootfs.make(fetched, work / "root")
            archive.layer(work / "root", work / "layer.tar")
            files.put_in_place(work, base)
    return base


def _runtime_layer(root: Path, work: Path) -> archive.Layer:
    """Make the layer of our own code: sources, for whoever wants to read what runs, and compiled beside them."""
    top = work / "runtime"
    target = top / "opt" / "station_image"
    for source in _runtime_files():
        copy = target / source.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    (top / "usr" / "bin").mkdir(parents=True)
    (top / "usr" / "bin" / STARTED_AS).symlink_to("python3")
    rootfs.compile_folders(root, [target], top, legacy=False)
    return archive.layer(top, work / "runtime.tar")


def _runtime_files() -> list[Path]:
    return [PACKAGE / "__init__.py", *sorted((PACKAGE / "runtime").rglob("*.py"))]


def _base_key() -> str:
    return _digest_of([packages.LOCK, *(Path(__file__).with_name(name) for name in BASE_CODE)])


def _inputs() -> str:
    """Return the digest of all that the image is made from."""
    ours = [*sorted((PACKAGE / "builder").glob("*.py")), Path(canonical.__file__)]
    return _digest_of([packages.LOCK, *ours, *_runtime_files()])


def _digest_of(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        text = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE.parent)} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:32]


def _read_layer(path: Path) -> archive.Layer:
    return archive.Layer(path, f"sha256:{_sha256(path)}", path.stat().st_size)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "werkplaats" / "station"
