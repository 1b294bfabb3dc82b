"""Python packages for the Python of Debian 13, as the suite's lock pins them: pip compares each with its hashes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from base import errors
from station_image.builder import packages
from werkplaats.operations import progress

PYTHON = "3.13"
# What the C library of Debian 13 carries (PEP 600, and the names before it), the newest first, as pip prefers them.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(41, 16, -1)),
    *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"),
)


def fetched(lock: bytes, work: Path, say: progress.Say, given: Path | None = None) -> dict[packages.Package, Path]:
    """Every wheel that a lock pins, put below `work`: from the folder `given` and nowhere else, where one is given.

    Raises UnmetError where one cannot be had, or is not the one that is pinned.
    """
    (work / "lock").write_bytes(lock)
    say(f"fetching Python packages for Python {PYTHON}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    command += ["--no-deps", "--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp"]
    command += [word for one in PLATFORMS for word in ("--platform", one)]
    command += ["--no-index", "--find-links", str(given.absolute())] if given else []
    command += ["--dest", str(work / "wheels"), "--requirement", str(work / "lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise errors.UnmetError(
            f"the Python packages of the suite cannot be had: {done.stderr.strip()[-400:]}",
            "point pip at your package index (`pip config set global.index-url …`), or name a folder: --wheels",
        )
    return dict(sorted((_wheel(path), path) for path in (work / "wheels").iterdir()))


def _wheel(path: Path) -> packages.Package:
    name, version = path.name.split("-")[:2]  # as in PEP 427
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return packages.Package("wheel", name.replace("_", "-").lower(), version, digest, path.name)
