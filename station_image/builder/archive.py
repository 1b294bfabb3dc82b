"""Container images as bytes that depend on their contents only: layers, configuration, manifest, archive.

The archive is an OCI layout (image-spec 1.1) with Docker's `manifest.json` beside it, so that the classic store and
the containerd store both load it; each digest is known before anything is loaded.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import canonical

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Layer:
    """A layer's tar and its digest (`sha256:…`), not compressed: digest and diff id are the same."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Image:
    """The digests of a written image: the configuration's is the image id, the manifest's the containerd store's."""

    image_id: str
    manifest_digest: str


def layer(root: Path, target: Path) -> Layer:
    """Write the files under `root` as a layer: sorted, owned by root, without times."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
            member = tar.gettarinfo(path, path.relative_to(root).as_posix())
            if member.islnk():  # two names of one file: which comes first must not depend on the machine
                member.type, member.size = tarfile.REGTYPE, path.stat().st_size
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = 0
            member.mode = _mode(member, path)
            if member.isreg():
                with path.open("rb") as file:
                    tar.addfile(member, file)
            else:
                tar.addfile(member)
    with target.open("rb") as file:
        return Layer(target, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}", target.stat().st_size)


def _mode(member: tarfile.TarInfo, path: Path) -> int:
    """Return a mode that does not depend on the umask of whoever builds."""
    if member.issym():
        return 0o777
    if path.stat().st_mode & 0o1000:
        return 0o1777
    return 0o755 if member.isdir() or path.stat().st_mode & 0o100 else 0o644


def write(
    target: Path, layers: Sequence[Layer], settings: Mapping[str, Any], architecture: str, tags: Sequence[str]
) -> Image:
    """Write the archive of an image with these layers, from the lowest up, and this `config` of the image-spec."""
    config = canonical.dump(
        {
            "architecture": architecture,
            "os": "linux",
            "created": EPOCH,
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [part.digest for part in layers]},
            "history": [{"created": EPOCH, "created_by": "station_image/builder"} for _ in layers],
        }
    )
    manifest = canonical.dump(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, config),
            "layers": [{"mediaType": LAYER, "digest": part.digest, "size": part.size} for part in layers],
        }
    )
    entry = _descriptor(MANIFEST, manifest) | {"annotations": {"io.containerd.image.name": f"docker.io/{tags[0]}"}}
    index = canonical.dump({"schemaVersion": 2, "manifests": [entry]})
    legacy = canonical.dump(
        [{"Config": _blob(_digest(config)), "RepoTags": list(tags), "Layers": [_blob(part.digest) for part in layers]}]
    )
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", canonical.dump({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", index)
        _add(tar, "manifest.json", legacy)
        _add(tar, _blob(_digest(config)), config)
        _add(tar, _blob(_digest(manifest)), manifest)
        for part in layers:
            member = tarfile.TarInfo(_blob(part.digest))
            member.size = part.size
            with part.path.open("rb") as file:
                tar.addfile(member, file)
    return Image(_digest(config), _digest(manifest))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _descriptor(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
