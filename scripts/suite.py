"""Make the suite as one file, `datawerkplaats-suite-<version>.pyz`: all that the command needs, and no other package.

The same bytes from the same commit, on any machine: names, order, modes and content are those of git, nothing has a
time of day, and nothing is compressed, since libraries compress differently. Needs git and Python alone.
"""

from __future__ import annotations

import ast
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The rest is for whoever changes this project: tests, CI, the site of the guides.
CONTENT = (
    *("base", "network_topology", "on_server", "plugins", "publication", "runbooks", "stacks", "station_image"),
    "werkplaats",
    *("playbooks", "roles", "ansible.cfg", "inventories", "docs/*.md", "README.md", "CHANGELOG.md", "LICENSE"),
    *(
        "pyproject.toml",
        "requirements/werkplaats.lock",
        "requirements/token.lock",
        "requirements/pdf.lock",
        "scripts/make-venv",
    ),
)
START = Path(__file__).with_name("suite_start.py")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip file knows


def version(root: Path = ROOT) -> str:
    """The version that the suite says it has."""
    tree = ast.parse((root / "werkplaats" / "__init__.py").read_text())
    (found,) = (ast.literal_eval(one.value) for one in tree.body if isinstance(one, ast.Assign))
    return str(found)


def made(root: Path = ROOT) -> bytes:
    """The file as bytes. Exits with a sentence where something of it is not as it was committed."""
    if changed := _git(root, "status", "--porcelain", "--", *CONTENT):
        first = changed.splitlines()[0]
        sys.exit(
            f"make: {first[3:]} is not as it was committed; remedy: commit it, since whoever checks makes it from git"
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("__main__.py", 0o100644), START.read_bytes())
        for line in _git(root, "ls-files", "--stage", "-z", "--", *CONTENT).split("\0")[:-1]:
            described, name = line.split("\t")
            mode, blob, _ = described.split()
            archive.writestr(_entry(name, int(mode, 8)), _blob(root, blob))
    return b"#!/usr/bin/env python3\n" + content.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name, EPOCH)
    found.create_system = 3  # Unix, whose modes the upper half of the next are
    found.external_attr = mode << 16
    return found


def _blob(root: Path, name: str) -> bytes:
    return subprocess.run(["git", "cat-file", "blob", name], cwd=root, stdout=subprocess.PIPE, check=True).stdout


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def main(folder: Path) -> None:
    """Write it and say its digest."""
    content = made()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"datawerkplaats-suite-{version()}.pyz"
    path.write_bytes(content)
    path.chmod(0o755)
    print(f"made: {path}, sha256:{hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
