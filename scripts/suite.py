"""Make the suite as one file, `datawerkplaats-suite-<version>.pyz`: all that the command needs, and no other package.

The same as a wheel, for who installs commands by pipx: there the suite is one folder, which a line of a `.pth` file has
Python look in (https://docs.python.org/3/library/site.html), so that all lies beside each other as in a checkout.

The same bytes from the same commit, on any machine: names, order, modes and content are those of git, nothing has a
time of day, and nothing is compressed, since libraries compress differently. Needs git and Python alone.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The rest is for whoever changes this project: tests, CI, the site of the guides.
CONTENT = (
    *("base", "network_topology", "on_server", "plugins", "publication", "runbooks", "stacks", "station_image"),
    "werkplaats",
    *("playbooks", "roles", "ansible.cfg", "inventories"),
    *("docs/*.md", "docs/monitoring", "README.md", "CHANGELOG.md", "LICENSE"),
    *(
        "pyproject.toml",
        LOCK := "requirements/werkplaats.lock",
        "requirements/token.lock",
        "requirements/pdf.lock",
        "scripts/make-venv",
    ),
)
FOLDER = "datawerkplaats_suite"
EXTRAS = ("token", "pdf")
"""What few people need; of `pyproject.toml`."""
START = Path(__file__).with_name("suite_start.py")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip file knows


def version(root: Path = ROOT) -> str:
    """The version that the suite says it has."""
    tree = ast.parse((root / "werkplaats" / "__init__.py").read_text())
    (found,) = (ast.literal_eval(one.value) for one in tree.body if isinstance(one, ast.Assign))
    return str(found)


def made(root: Path = ROOT) -> bytes:
    """The file as bytes. Exits with a sentence where something of it is not as it was committed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("__main__.py", 0o100644), START.read_bytes())
        for name, mode, blob in _committed(root):
            archive.writestr(_entry(name, mode), blob)
    return b"#!/usr/bin/env python3\n" + content.getvalue()


def wheel(root: Path = ROOT) -> bytes:
    """The same as a wheel, whose packages of others are of the versions that the lock has. Exits as `made` does."""
    files = dict[str, tuple[int, bytes]]()
    for name, mode, blob in _committed(root):
        linked = mode & 0o170000 == 0o120000  # no wheel has links: what one leads to comes in its place
        files[f"{FOLDER}/{name}"] = (0o100755, _linked(root, name)) if linked else (mode, blob)
    about = f"{FOLDER}-{version(root)}.dist-info"
    told = "Wheel-Version: 1.0\nGenerator: datawerkplaats-suite\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    for name, text in (
        (f"{FOLDER}.pth", f"{FOLDER}\n"),
        (f"{about}/METADATA", _metadata(root)),
        (f"{about}/WHEEL", told),
        (f"{about}/entry_points.txt", "[console_scripts]\nwerkplaats = werkplaats.cli:main\n"),
    ):
        files[name] = (0o100644, text.encode())
    rows = [f"{name},sha256={_digest(content)},{len(content)}" for name, (_, content) in files.items()]
    files[f"{about}/RECORD"] = (0o100644, "\n".join([*rows, f"{about}/RECORD,,", ""]).encode())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, (mode, blob) in files.items():
            archive.writestr(_entry(name, mode), blob)
    return content.getvalue()


def _digest(content: bytes) -> str:
    """As in RECORD (PEP 376)."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def _linked(root: Path, name: str) -> bytes:
    return _blob(root, f"HEAD:{(root / name).resolve().relative_to(root.resolve()).as_posix()}")


def _metadata(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pins = re.findall(r"^([a-z0-9.-]+==[^ ]+)(?: ; (.*?))? \\$", (root / LOCK).read_text(), re.MULTILINE)
    needs = [f"{name} ; {marker}" if marker else name for name, marker in pins]
    for extra in EXTRAS:
        needs += [f'{one} ; extra == "{extra}"' for one in project["optional-dependencies"][extra]]
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version(root)}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"License-Expression: {project['license']}", *(f"Provides-Extra: {extra}" for extra in EXTRAS)]
    return "\n".join([*lines, *(f"Requires-Dist: {one}" for one in needs), ""])


def _committed(root: Path) -> Iterator[tuple[str, int, bytes]]:
    """Each file of the suite as git has it: name, mode, content."""
    if changed := _git(root, "status", "--porcelain", "--", *CONTENT):
        first = changed.splitlines()[0]
        sys.exit(
            f"make: {first[3:]} is not as it was committed; remedy: commit it, since whoever checks makes it from git"
        )
    for line in _git(root, "ls-files", "--stage", "-z", "--", *CONTENT).split("\0")[:-1]:
        described, name = line.split("\t")
        mode, blob, _ = described.split()
        yield name, int(mode, 8), _blob(root, blob)


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
    """Write both and say their digests."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content, mode in (
        (f"datawerkplaats-suite-{version()}.pyz", made(), 0o755),
        (f"{FOLDER}-{version()}-py3-none-any.whl", wheel(), 0o644),
    ):
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)
        print(f"made: {folder / name}, sha256:{hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
