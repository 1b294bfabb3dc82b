"""What is in the station image, as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from station_image.builder.archive import Image, Layer
from station_image.builder.packages import Package

# Fixed for ever: the serial number follows from the image, so that the same image has the same document.
NAMESPACE = uuid.UUID("5b1d5f0e-94a7-4b43-8f0a-6f2f7d1c9d55")


def document(image: Image, packages: Iterable[Package], runtime: Layer, release: str) -> dict[str, Any]:
    """Return the document: every Debian package and wheel with its hash, and our own runtime."""
    own = part("station-runtime", release, runtime.digest)
    own["description"] = "station_image/runtime of this project; the hash is of its layer"
    return listing(station(image.image_id, release), [*(component(package) for package in sorted(packages)), own])


def listing(whole: dict[str, Any], components: list[dict[str, Any]]) -> dict[str, Any]:
    """The document of something that these components are in; its serial number follows from its `bom-ref`."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, whole['bom-ref'])}",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": [{"ref": whole["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]}],
    }


def station(image_id: str, release: str) -> dict[str, Any]:
    """The image of a release, as one thing."""
    return {
        "type": "container",
        "bom-ref": image_id,
        "name": "station",
        "version": release,
        "hashes": [_hash(image_id.removeprefix("sha256:"))],
    }


def part(name: str, version: str, digest: str) -> dict[str, Any]:
    """Something that has no registry: by name, version and digest (`sha256:…`)."""
    known = f"pkg:generic/{name}@{version}"
    return {
        "type": "application",
        "bom-ref": known,
        "name": name,
        "version": version,
        "purl": known,
        "hashes": [_hash(digest.removeprefix("sha256:"))],
    }


def component(package: Package) -> dict[str, Any]:
    """A Debian package, or a wheel."""
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "hashes": [_hash(package.sha256)],
    }


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
