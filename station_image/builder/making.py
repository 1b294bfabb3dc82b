"""From a source to the folder of its image: the base out of the cache, our runtime on top, papers beside them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from base import canonical, files
from station_image.builder import archive, packages, rootfs, sbom, source

DEVELOPMENT = "dev"
"""The release of a working tree."""
START = "opt/station_image/runtime/start.py"
# What decides about the bytes of the base layer, besides the lock.
BASE_CODE = ("archive.py", "packages.py", "rootfs.py")
ENVIRONMENT = (
    "PATH=/usr/bin",
    "LANG=C.UTF-8",
    "PYTHONHOME=/usr",
    "PYTHONPATH=/opt",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONUNBUFFERED=1",
    # OpenSSL's provider of withdrawn algorithms is not in the image; cryptography refuses to start over that.
    "CRYPTOGRAPHY_OPENSSL_NO_LEGACY=1",
)
ARCHIVE, SBOM, RELEASE = "image.tar", "sbom.cdx.json", "release.json"
"""The files of an image's folder."""
WAITING = "waiting for another process that is making the station image"

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which image: of which release, from which source. `notes` is what people wrote of it, as in release.json."""

    release: str = DEVELOPMENT
    source: source.Source = source.OURS
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def inputs(self) -> str:
        """The digest of all that its folder is made from."""
        top = source.OURS.folder
        ours = [*sorted(Path(__file__).parent.glob("*.py")), Path(canonical.__file__)]
        parts = (source.digest_of(top, ours), self.source.digest, self.release, dict(self.notes))
        return hashlib.sha256(canonical.dump(parts)).hexdigest()[:32]


def tag(release: str) -> str:
    """The name under which an engine shows the image of a release. Nothing goes by it."""
    return f"werkplaats/station:{release}"


def started_as(release: str) -> str:
    """The name by which its containers start, a link to Python: `docker ps` shows it (`runtime/start.py`)."""
    return f"station-{release}"


def settings(release: str) -> dict[str, Any]:
    """The `config` of its image (image-spec)."""
    return {
        "User": "65534:65534",  # nobody, for whoever starts it without saying; the stations say 5001 and 5002
        "Env": [*ENVIRONMENT, f"STATION_RELEASE={release}"],
        "Entrypoint": [started_as(release), "-IS", f"/{START}"],
        "Cmd": ["python3"],
        "WorkingDir": "/",
        "Labels": {"org.opencontainers.image.title": "station", "org.opencontainers.image.version": release},
    }


def make(wanted: Wanted, cache: Path, work: Path, progress: Progress) -> dict[str, Any]:
    """Fill the empty folder `work` with an image and its papers; returns what release.json says.

    Raises DebianError, PackageError, RootError, SourceError.
    """
    wanted.source.require()
    pinned = packages.read(wanted.source.lock)
    base = _base(pinned, wanted.source.lock, cache, progress)
    with tempfile.TemporaryDirectory(prefix=".layer-", dir=work.parent) as name:
        top = Path(name) / "runtime"
        runtime = _runtime_layer(wanted, base / "root", top)
        layers = (_read_layer(base / "layer.tar"), runtime)
        config, tags = settings(wanted.release), [tag(wanted.release)]
        image = archive.write(work / ARCHIVE, layers, config, packages.ARCHITECTURE, tags)
        said = source.said(base / "root", top / "opt")
    listed = json.dumps(sbom.document(image, pinned, runtime, wanted.release), indent=2) + "\n"
    (work / SBOM).write_text(listed)
    release = {
        **wanted.notes,
        "release": wanted.release,
        "image_id": image.image_id,
        "manifest_digest": image.manifest_digest,
        "archive": digest(work / ARCHIVE),
        "sbom": digest(work / SBOM),
        "source": wanted.source.digest,
        **said,
    }
    (work / RELEASE).write_bytes(canonical.pretty(release))
    work.chmod(0o755)
    return release


def digest(path: Path) -> str:
    """The SHA-256 of a file, `sha256:…`."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _base(pinned: tuple[packages.Package, ...], lock: Path, cache: Path, progress: Progress) -> Path:
    """Return the folder with `root/` and `layer.tar` of everything but our runtime, made where it is not there."""
    base = cache / f"base-{_base_key(lock)}"
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


def _base_key(lock: Path) -> str:
    code = [Path(__file__).with_name(name) for name in BASE_CODE]
    parts = [digest(lock), source.digest_of(source.OURS.folder, code)]
    return hashlib.sha256(canonical.dump(parts)).hexdigest()[:32]


def _runtime_layer(wanted: Wanted, root: Path, top: Path) -> archive.Layer:
    """Make the layer of our own code: sources, for whoever wants to read what runs, and compiled beside them."""
    wanted.source.copy(top / "opt")
    (top / "usr" / "bin").mkdir(parents=True)
    (top / "usr" / "bin" / started_as(wanted.release)).symlink_to("python3")
    rootfs.compile_folders(root, [top / "opt" / source.PACKAGE], top, legacy=False)
    return archive.layer(top, top.parent / "runtime.tar")


def _read_layer(path: Path) -> archive.Layer:
    return archive.Layer(path, digest(path), path.stat().st_size)
