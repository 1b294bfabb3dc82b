"""What an image is made from: a folder with `station_image/`, this checkout's or another, and what its code says."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import values
from station_image.builder import packages, rootfs

PACKAGE = "station_image"
# Run by the image's own Python, on the very files that go into the image.
READ = """
import importlib, json, pathlib
from station_image.runtime import analyses
from station_image.runtime.base import contract
names = sorted(path.stem for path in pathlib.Path(analyses.__file__).parent.glob("[a-z]*.py"))
versions = {name: importlib.import_module(f"{analyses.__name__}.{name}").VERSION for name in names}
print(json.dumps({
    "protocols": list(contract.PROTOCOL_VERSIONS),
    "analyses": [f"{name}/{version}" for name, version in versions.items()],
    "formats": {one.path: one.version for one in contract.STORED},
}))
"""


class SourceError(Exception):
    """A folder is not what an image can be made from; the text says why and what to do."""


@dataclass(frozen=True)
class Source:
    """A folder with `station_image/`."""

    folder: Path

    @property
    def lock(self) -> Path:
        """The packages that its image is made from."""
        return self.folder / packages.LOCK.relative_to(OURS.folder)

    @property
    def runtime(self) -> list[Path]:
        """The files of our own that go into its image."""
        package = self.folder / PACKAGE
        return [package / "__init__.py", *sorted((package / "runtime").rglob("*.py"))]

    @functools.cached_property
    def digest(self) -> str:
        """What a release says of it: `sha256:…` of the runtime's files and the lock, each with its name and size."""
        return f"sha256:{digest_of(self.folder, [*self.runtime, self.lock])}"

    @property
    def is_there(self) -> bool:
        """Whether this is a folder with `station_image/`."""
        return self.lock.is_file() and len(self.runtime) > 1 and self.runtime[0].is_file()

    def require(self) -> None:
        """Raise SourceError where it is none."""
        if not self.is_there:
            raise SourceError(
                f"{self.folder} has no {PACKAGE}/ with runtime/ and builder/{packages.LOCK.name}; name the folder of a "
                "checkout of this project"
            )

    def copy(self, target: Path) -> None:
        """Copy what goes into the image below a folder."""
        for path in self.runtime:
            place = target / path.relative_to(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


OURS = Source(Path(__file__).parents[2])
"""This checkout."""


def said(root: Path, copied: Path) -> dict[str, Any]:
    """What the code in `copied` says that its release is: session protocols, analyses, formats.

    `root` is the base of its image, whose Python reads it in a process of its own. Raises SourceError.
    """
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*rootfs.python(root), "-c", READ]
    done = subprocess.run(command, env=environment, cwd=copied, capture_output=True, text=True, check=False)
    try:
        return values.mapping(done.stdout)
    except ValueError as error:
        last = " ".join(done.stderr.strip().splitlines()[-1:]) or str(error)
        raise SourceError(
            f"{PACKAGE}/runtime does not say which session protocols, analyses and formats it has: {last}; build a "
            "source of which the tests pass"
        ) from error


def digest_of(top: Path, paths: Iterable[Path]) -> str:
    """The SHA-256, in hexadecimal digits, of files under `top`, each with its name there and its size."""
    digest = hashlib.sha256()
    for path in paths:
        text = path.read_bytes()
        digest.update(f"{path.relative_to(top)} {len(text)}\n".encode() + text)
    return digest.hexdigest()
