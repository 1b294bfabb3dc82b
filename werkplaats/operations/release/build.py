"""Build the image of a release, and write what was built below what people wrote of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import errors, files
from network_topology import context, model, released, violation
from publication import verified
from station_image.builder import images
from station_image.builder.source import Source
from werkplaats.operations import progress
from werkplaats.operations.home import places
from werkplaats.operations.release import find


def build(
    version: str, home: places.Home, say: progress.Say, *, source: Path = images.SOURCE, build: Path = images.BUILD
) -> images.StationImage:
    """The image of a version, or of `dev`, built where it is not there.

    One that is pinned and lies here is used as it is: the source of today is another one. Raises RefusedError where
    the version is pinned to other contents or its folder was changed, ImageError where nothing can be built, and as
    `find.described`.
    """
    if version == context.DEVELOPMENT:
        return images.ensure(say, build, source=source)
    there = find.described(version, home)
    if there.release is None:
        return whole(images.ensure(say, build, release=version, source=source, notes=verified.document(there.notes)))
    image = images.built(there.release.image_id, build)
    if image is None:
        _require_source(there.release, there.path, source)
        image = images.ensure(say, build, release=version, source=source, notes=verified.document(there.notes))
    require(image, there.release, there.path)
    return whole(image)


def usable(version: str, home: places.Home, say: progress.Say) -> Mapping[str, Any]:
    """What a release is, with its image on this machine where it can be had: most servers have it, and need none.

    Raises as `build`, but not where another source lies here than that of a release that is pinned.
    """
    pinned = find.pinned(version, home)
    if pinned is None:
        return build(version, home, say).release
    if images.built(pinned.image_id) is None:
        try:
            build(version, home, say)
        except (errors.RefusedError, images.ImageError) as error:
            say(f"the image of release {version} is not on this machine, for a server that lacks it: {error}")
    return verified.document(pinned)


def whole(image: images.StationImage) -> images.StationImage:
    """The image, after a look at all of its bytes; raises RefusedError where they are not what its release says."""
    if altered := image.altered():
        raise errors.RefusedError(
            altered,
            f"ask who can write there; remove {image.folder}, then werkplaats release build {image.release['release']}",
        )
    return image


def require(image: images.StationImage, release: model.Release, path: Path) -> None:
    """Raise RefusedError where an image is another one than this release, of which `path` is the file."""
    if wrong := differing(verified.document(release), image.release):
        raise errors.RefusedError(
            f"{path}: release {release.release} is taken by other contents: {', '.join(wrong)} differ from what is in "
            f"{image.folder}",
            "give what you build another version, in a file of its own; a release never changes",
        )


def _require_source(release: model.Release, path: Path, source: Path) -> None:
    """Build nothing under the name of a release that was built from something else."""
    here = Source(source)
    here_is = here.digest if here.is_there else "no source"
    if release.source is not None and here_is != release.source:
        raise errors.RefusedError(
            f"{path}: release {release.release} was built from source {release.source[:19]}…, and {source} is "
            f"{here_is[:19]}…",
            "build it from a checkout of that release (--source FOLDER), or bring the folder of its image to "
            f"build/station/{release.image_id.removeprefix('sha256:')}. For what you have now write another version",
        )


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The fields in which two documents of a release differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def pin(image: images.StationImage, home: places.Home) -> Path | None:
    """Write what was built into the release's file; returns that, or None where it says so already.

    Raises RefusedError where the file says something else, or has a form to which nothing can be added.
    """
    there = find.described(image.release["release"], home)
    if there.release is not None:
        require(image, there.release, there.path)
        return None
    text = released.pinned(there.path.read_text("utf-8"), image.release)
    if not _reads_as(there.path.name, text, image.release):
        raise errors.RefusedError(
            f"{there.path}: what was built cannot be written below what is there",
            "write it as lines of the form `key: value`, without brackets around all of them",
        )
    files.write_atomically(there.path, text.encode(), mode=0o644)
    return there.path


def _reads_as(name: str, text: str, release: Mapping[str, Any]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / name
        tried.write_text(text, "utf-8")
        try:
            read = released.read(tried).release
        except violation.DefinitionError:
            return False
    return read is not None and verified.document(read) == release
