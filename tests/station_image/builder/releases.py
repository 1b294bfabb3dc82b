"""Two real releases, built from the tree: what `older` speaks and keeps is of before, and `newer` may be upgraded to.

Each is made from a copy of `station_image/` in which a few constants are others, so it takes about a second; the base
below comes out of the cache. All that differs between old and new hangs on constants that are read at run time.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from network_topology import released
from station_image.builder import images

OLDER, NEWER = "1.0.0", "1.1.0"
WRONG, FAR = "1.1.1", "2.0.0"
"""One whose stations start and come to wrong sums, and one that may be upgraded to from none."""
PATCH = "1.1.2"
"""One that takes the place of NEWER, and after which nothing works otherwise."""
CONTRACT = "station_image/runtime/base/contract.py"
SUM = "station_image/runtime/analyses/acceptance_sum.py"
# File, what stands there, what stands there instead. What is not found raises: a release that is none tests nothing.
CHANGES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    OLDER: (
        (CONTRACT, r"(?m)^PROTOCOL_VERSIONS = \([0-9, ]+\)$", "PROTOCOL_VERSIONS = (2,)"),
        (CONTRACT, r'(?m)^OPENED = Stored\("state/runs\.json", 4\)$', 'OPENED = Stored("state/runs.json", 3)'),
    ),
    NEWER: (),
    WRONG: (
        (
            SUM,
            r"(?m)^    return derived\(source\.session, source\.station\)$",
            '    return derived("", source.station)',
        ),
    ),
    FAR: (),
    PATCH: (),
}
NOTES: Mapping[str, dict[str, Any]] = {
    OLDER: {},
    NEWER: {
        "may_upgrade_from": [OLDER],
        "security_fixes": ["CVE-2026-0001: a peer could keep a session waiting"],
        "breaking": [{"affects": "a program of yours reads state/runs.json", "do": "have it read format 4"}],
    },
    WRONG: {"may_upgrade_from": [OLDER, NEWER]},
    FAR: {},
    PATCH: {"may_upgrade_from": [NEWER], "security_fixes": ["CVE-2026-0002: a peer could keep a station busy"]},
}


def older() -> images.StationImage:
    """Release 1.0.0."""
    return built(OLDER)


def newer() -> images.StationImage:
    """Release 1.1.0, to which 1.0.0 may be upgraded."""
    return built(NEWER)


@functools.cache
def built(version: str) -> images.StationImage:
    """One of the two, built once in a run of tests, in a folder that goes with the run."""
    return images.ensure(print, _folder() / "images", release=version, source=source(version), notes=NOTES[version])


@functools.cache
def source(version: str) -> Path:
    """The folder that one of the two is built from, with its own `station_image/`."""
    return copy(_folder() / version, CHANGES[version])


def copy(folder: Path, changes: tuple[tuple[str, str, str], ...] = ()) -> Path:
    """A copy of this checkout's `station_image/` in a folder that is new, changed. Returns the folder."""
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(images.PACKAGE, folder / images.PACKAGE.name, ignore=left_out)
    for name, pattern, replacement in changes:
        path = folder / name
        text, times = re.subn(pattern, replacement, path.read_text())
        if times != 1:
            raise ValueError(f"{name}: {pattern} is there {times} times and not once: write the table of changes anew")
        path.write_text(text)
    return folder


def describe(home: Path, *versions: str) -> None:
    """Have the home `home` know these releases, both where none is named, each pinned to what was built."""
    (home / "releases").mkdir(parents=True, exist_ok=True)
    for version in versions or (OLDER, NEWER):
        written = yaml.safe_dump({"release": version, **NOTES[version]}, sort_keys=False)
        text = released.pinned(written, built(version).release)
        (home / "releases" / f"{version}.yml").write_text(text)


def place(image: images.StationImage, build: Path = images.BUILD) -> images.StationImage:
    """Put the folder of an image where the command `werkplaats` of this checkout finds it."""
    if (there := images.built(image.image_id, build)) is not None:
        return there
    target = build / image.folder.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in image.folder.iterdir():
        try:
            os.link(path, target / path.name)
        except OSError:  # on another disk
            shutil.copyfile(path, target / path.name)
    found = images.built(image.image_id, build)
    assert found is not None
    return found


@functools.cache
def _folder() -> Path:
    found = Path(tempfile.mkdtemp(prefix="releases-"))
    atexit.register(shutil.rmtree, found, ignore_errors=True)
    return found
