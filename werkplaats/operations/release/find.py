"""A release by its version, or by the file that says what it is: its document, and its image where that is here."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pydantic

from base import errors, values
from network_topology import context, model, released
from network_topology.rules import texts
from publication import verified
from station_image.builder import images
from station_image.builder.making import RELEASE, SBOM, digest
from werkplaats.operations.home import places


@dataclasses.dataclass(frozen=True)
class Found:
    """What is known of a release. `image` is None where its image is not on this machine."""

    release: model.Release
    where: Path
    """The file that says so."""
    image: images.StationImage | None = None
    parts: Path | None = None
    """Its parts list, where that is here and is the one that the release names."""

    @property
    def document(self) -> dict[str, Any]:
        """As it is published."""
        return verified.document(self.release)

    @property
    def name(self) -> str:
        """Its version, or `dev`."""
        return self.release.release


def described(version: str, home: places.Home) -> released.Described:
    """What the file of a numbered release says.

    Raises UsageError where this is no version, or has no file; DefinitionError where the file is not right.
    """
    folder = home.releases
    if not released.is_version(version):
        raise errors.UsageError(
            f"{version!r} is no version of a release", f"write it as in 1.0.0, or {context.DEVELOPMENT}"
        )
    if (path := released.find(version, (context.RELEASES, folder))) is None:
        raise errors.UsageError(
            f"nobody described release {version}: there is no {folder / f'{version}.yml'}",
            f"write it, with a line `release: {version}`, and what it says of upgrades, security fixes and what breaks",
        )
    return released.read(path)


def pinned(version: str, home: places.Home) -> model.Release | None:
    """What a numbered release is, where its file has what was built; None of any other, and of `dev`."""
    path = released.find(version, (context.RELEASES, home.releases)) if released.is_version(version) else None
    return released.read(path).release if path else None


def every(home: places.Home) -> list[model.Release]:
    """All releases of which a file says what was built. Raises DefinitionError where one is not right."""
    files = {path.stem: path for folder in (home.releases, context.RELEASES) for path in folder.glob("*.yml")}
    return [one for name in sorted(files) if (one := pinned(name, home))]


def find(named: str, home: places.Home, build: Path = images.BUILD) -> Found:
    """A release by version, or by the path of a release.json or of the folder that has one.

    Raises UsageError where there is none, DefinitionError where its file is not right.
    """
    if "/" in named or named.endswith(".json"):
        return _file(Path(named), build)
    if named == context.DEVELOPMENT:
        return _built(named, images.current(build), build)
    there = described(named, home)
    if there.release is None:
        return _built(named, images.current(build, release=named, notes=verified.document(there.notes)), build)
    image = images.built(there.release.image_id, build)
    return Found(there.release, there.path, image, _parts_of(there.release, image))


def _built(named: str, image: images.StationImage | None, build: Path) -> Found:
    if image is None:
        raise errors.UsageError(
            f"the image of release {named} is not built on this machine, of the code as it is now",
            f"werkplaats release build {named}",
        )
    return _file(image.folder, build)


def _file(path: Path, build: Path) -> Found:
    path = path / RELEASE if path.is_dir() else path
    try:
        content = path.read_bytes()
        values.mapping(content)
        release = model.Release.model_validate_json(content)
    except OSError as error:
        raise errors.UsageError(
            f"{path} cannot be read: {error.strerror}", "name a version, or a release.json that is there"
        ) from error
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]
        at = ".".join(map(str, wrong["loc"])) or "it"
        raise errors.UsageError(f"{path} is no release: {at}: {wrong['msg']}", "name a release.json") from error
    except ValueError as error:
        raise errors.UsageError(f"{path} is no release: {error}", "name a release.json") from error
    if unseen := next(texts.unseen(verified.document(release)), None):
        raise errors.RefusedError(f"{path}: {unseen.text}, but {texts.WHY}", "ask whoever gave it to you")
    image = images.lying_in(path.parent)
    if image is None or image.release.get("image_id") != release.image_id:
        image = images.built(release.image_id, build)
    return Found(release, path, image, _parts(release, path.parent / SBOM) or _parts_of(release, image))


def _parts_of(release: model.Release, image: images.StationImage | None) -> Path | None:
    return _parts(release, image.sbom) if image else None


def _parts(release: model.Release, path: Path) -> Path | None:
    """The parts list at this place, where it is that of the release."""
    return path if path.is_file() and release.sbom in (None, digest(path)) else None
