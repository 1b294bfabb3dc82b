"""Build a release again in a folder of its own, from pinned packages and a source, and compare every byte.

Nothing that was made before is taken but the packages themselves, each of which is compared with the lock.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from network_topology import model
from publication import verified
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.home import places
from werkplaats.operations.release import find

MOST = 10
"""So many files of an image are named that differ."""
WORDS = {
    "source": "what it is built from: the sources of the runtime, or the lock of its packages",
    "image_id": "the image",
    "archive": "the file that is loaded",
    "sbom": "the parts list",
    "manifest_digest": "the image, as the containerd store knows it",
    "protocols": "the session protocols",
    "analyses": "the analyses",
    "formats": "the formats of what stations keep",
}


def rebuild(
    found: find.Found, home: places.Home, say: progress.Say, *, source: Path = images.SOURCE, store: Path | None = None
) -> list[str]:
    """What of a release is not as it is built from `source`, a sentence each. Raises ImageError.

    `store` has packages that were fetched before (default: this user's); it is added to.
    """
    wrong = [altered] if found.image and (altered := found.image.altered(found.document)) else []
    wrong += _described_otherwise(found, home)
    store = store or images.packages_folder()
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        build, cache = Path(name) / "build", Path(name) / "cache"
        cache.mkdir()
        (cache / "packages").symlink_to(store.resolve())
        notes = verified.document(
            model.Notes.model_validate(found.release.model_dump(include={*model.Notes.model_fields}))
        )
        made = images.ensure(say, build, cache, release=found.name, source=source, notes=notes)
        said = found.document
        for field in (one for one in WORDS if one in said and made.release.get(one) != said[one]):
            wrong.append(f"{WORDS[field]} ({field}): {found.where} says {_short(said[field])}, built here is "
                         f"{_short(made.release.get(field))}")  # fmt: skip
        if found.image:
            wrong += [f"in the image: {one}" for one in _files(found.image.archive, made.archive)]
    return wrong


def _described_otherwise(found: find.Found, home: places.Home) -> list[str]:
    """Whether the release's own file, where there is one, says something else than the one that was named."""
    own = find.pinned(found.name, home)
    if own is None or own == found.release:
        return []
    return [f"release {found.name} is described otherwise in releases/{found.name}.yml than in {found.where}"]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:19]}…" if text.startswith("sha256:") else text


def _files(one: Path, other: Path) -> list[str]:
    """The files of two images that differ, the first of them only."""
    there, here = _contents(one), _contents(other)
    names = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
    more = [f"{len(names) - MOST} more files differ"] if len(names) > MOST else []
    return [f"{name} {_how(name in there, name in here)}" for name in names[:MOST]] + more


def _how(there: bool, here: bool) -> str:
    return "differs" if there and here else "is there, and is not built" if there else "is built, and is not there"


def _contents(archive: Path) -> dict[str, str]:
    """Each file of the layers of an archive: name → digest; of an archive that cannot be read as far as it can."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(archive) as tar:
            for blob in (member for member in tar if member.isfile() and member.name.startswith("blobs/")):
                found.update(_layer(_read(tar, blob)))
    except (tarfile.TarError, OSError) as error:
        found[archive.name] = str(error)
    return found


def _layer(blob: IO[bytes]) -> Iterator[tuple[str, str]]:
    try:
        with tarfile.open(fileobj=blob) as layer:
            for member in layer:
                content = _read(layer, member).read() if member.isfile() else member.linkname.encode()
                yield member.name, hashlib.sha256(content + f"{member.mode} {member.type!r}".encode()).hexdigest()
    except tarfile.ReadError:  # the configuration, or the manifest
        return


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    return tar.extractfile(member) or io.BytesIO()
