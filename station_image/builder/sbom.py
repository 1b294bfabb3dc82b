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
    own = f"pkg:generic/station-runtime@{release}"
    components = [_component(package) for package in sorted(packages)]
    components.append(
        {
            "type": "application",
            "bom-ref": own,
            "name": "station-runtime",
            "version": release,
            "purl": own,
            "hashes": [_hash(runtime.digest.removeprefix("sha256:"))],
            "description": "station_image/runtime of this project; the hash is of its layer",
        }
    )
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, image.image_id)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": image.image_id,
                "name": "station",
                "version": release,
                "hashes": [_hash(image.image_id.removeprefix("sha256:"))],
            }
        },
        "components": components,
        "dependencies": [{"ref": image.image_id, "dependsOn": [part["bom-ref"] for part in components]}],
    }


def _component(package: Package) -> dict[str, Any]:
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
