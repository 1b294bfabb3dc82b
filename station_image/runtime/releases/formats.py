"""The formats of what a station keeps: which ones its files have, and files of one format made into another.

Which ones they have is in one file, of all that this station keeps: so a release that is older than its files finds it
before it reads them, and does not start. Files of the format before are made new as an agent starts, and old again by
the newer release while none runs. What a file was before lies beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base import contract, files
from ..base.folders import Folders
from ..consent import opened

BEFORE = {contract.OPENED.path: 3}
"""What files had before there was a list of them; all others had 1."""
READABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


class FormatError(Exception):
    """A file has a format that this release does not read, or cannot be given the one that was asked for."""


@dataclass(frozen=True)
class Step:
    """One file that is made another; `number`: how many things it holds."""

    path: str
    before: int
    after: int
    number: int
    content: str

    @property
    def told(self) -> dict[str, Any]:
        """It as JSON, without what it holds."""
        kept = _kept(self.path, self.before)
        return {"path": self.path, "from": self.before, "to": self.after, "holds": self.number, "kept": kept}


def own() -> dict[str, int]:
    """The formats that this release writes, and reads with those before them."""
    return {stored.path: stored.version for stored in contract.STORED}


def found(folders: Folders) -> dict[str, int]:
    """The formats that the files have, as the list of them says. Raises FormatError."""
    path = folders.stored(contract.FORMATS)
    try:
        listed = json.loads(files.read(path))
    except FileNotFoundError:
        listed = {}
    except READABLE as error:
        raise FormatError(f"{path.name} cannot be read; put it back from a backup") from error
    if not isinstance(listed, dict) or any(type(one) is not int or one < 1 for one in listed.values()):
        raise FormatError(f"{path.name} is no list of formats; put it back from a backup")
    return {**{name: BEFORE.get(name, 1) for name in own()}, **listed}


def ready(folders: Folders) -> None:
    """Have all files in the formats that this release writes. Raises FormatError, OSError."""
    have, wanted = found(folders), own()
    for path, version in wanted.items():
        if have[path] > version:
            raise FormatError(
                f"{path} has format {have[path]} and this release reads {version}: start the newer release, or have it "
                f"run python3 -m station_image.runtime.formats --to '{json.dumps({path: version})}' first"
            )
    if have == {**have, **wanted} and folders.stored(contract.FORMATS).exists():
        return
    move(folders, [step for path in wanted if (step := _step(folders, path, wanted[path]))], wanted)


def steps(folders: Folders, wanted: Mapping[str, int]) -> list[Step]:
    """What is to be done for these formats. Raises FormatError naming what cannot be, before anything is."""
    have, known = found(folders), own()
    todo = []
    for path, version in wanted.items():
        if path not in known:
            raise FormatError(f"{path}: a station keeps no such file; it keeps {', '.join(sorted(known))}")
        if have[path] > known[path]:
            raise FormatError(f"{path} has format {have[path]}, and this release reads {known[path]}: take a newer one")
        if version > known[path] or (version != have[path] and version not in _WAYS.get(path, ())):
            raise FormatError(f"{path} has format {have[path]}, and this release cannot make format {version} of it")
        try:
            step = _step(folders, path, version, strict=True)
        except READABLE as error:
            raise FormatError(f"{path} cannot be read ({type(error).__name__}); put it back from a backup") from error
        todo += [step] if step else []
    return todo


def move(folders: Folders, todo: list[Step], wanted: Mapping[str, int]) -> None:
    """Do it; killed anywhere it may be done again. Raises OSError."""
    for step in todo:
        path = folders.root / step.path
        kept = folders.root / _kept(step.path, step.before)
        files.replace(kept, files.read(path))
        files.replace(path, step.content)
    listed = {**found(folders), **wanted}
    files.replace(folders.stored(contract.FORMATS), json.dumps(listed, indent=1, sort_keys=True) + "\n")


def _step(folders: Folders, path: str, version: int, strict: bool = False) -> Step | None:
    """What makes a file another; None where it is that one already, as one is whose making was cut short."""
    way = _WAYS.get(path, {}).get(version)
    if way is None or not (folders.root / path).exists():
        return None
    try:
        return way(folders.root, version)
    except READABLE:
        if strict:
            raise
        return None  # its reader says what is to be done about it


def _opened(root: Path, version: int) -> Step | None:
    """What was opened; the releases that a format before this one did not have come back from what was kept."""
    path = contract.OPENED.path
    before, results = opened.read(files.read(root / path))
    if before == version or (before < 3 and version == 3):
        return None
    if version > before:
        try:
            _, kept = opened.read(files.read(root / _kept(path, version)))
        except READABLE:
            kept = []
        releases = {one.same: one.releases for one in kept}
        results = [replace(one, releases=releases.get(one.same, one.releases)) for one in results]
    return Step(path, before, version, len(results), opened.written(results, version))


def _kept(path: str, version: int) -> str:
    """Where a file lies as it was in a format that it has no more."""
    return f"{path}.format-{version}"


_WAYS: Mapping[str, Mapping[int, Callable[[Path, int], Step | None]]] = {contract.OPENED.path: {3: _opened, 4: _opened}}
"""Of each file that this release can make another: the formats that it can have."""
