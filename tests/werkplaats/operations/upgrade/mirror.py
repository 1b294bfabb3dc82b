"""Makes an archive of packages on a server, of those that are installed there, in other versions. Run there, as root.

    mirror.py DAY      standard input is JSON: a list of {name, version, files, depends, scripts}

Each is what is installed of that name, or nothing where nothing is; `files` are path → content in place of its own,
`depends` is added to what it needs. `DAY` is the date of the lists, as `Thu, 01 Jan 2026 00:00:00 UTC`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path("/srv/mirror")
SUITE = "trixie-security"
INFO = Path("/var/lib/dpkg/info")


def said(*words: str) -> str:
    """What a program prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def control(one: dict[str, Any], architecture: str) -> str:
    """The control file: that of the installed package with another version."""
    done = subprocess.run(["dpkg-query", "--status", one["name"]], capture_output=True, text=True, check=False)
    text = done.stdout or (
        f"Package: {one['name']}\nArchitecture: {architecture}\nMaintainer: nobody <nobody@example>\nDescription: x\n"
    )
    fields: list[str] = []
    for line in text.splitlines():
        fields[-1:] = [f"{fields[-1]}\n{line}"] if line.startswith(" ") else [*fields[-1:], line]
    kept = [field for field in fields if not field.startswith(("Status:", "Version:", "Conffiles:"))]
    if more := one.get("depends"):
        had = next((field for field in kept if field.startswith("Depends:")), "")
        kept = [field for field in kept if field != had] + [f"{had}, {more}" if had else f"Depends: {more}"]
    return "\n".join([*kept, f"Version: {one['version']}"]) + "\n"


def package(one: dict[str, Any], architecture: str) -> Path:
    """Make one .deb."""
    folder = ROOT / "made"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "DEBIAN").mkdir(parents=True)
    listed = subprocess.run(["dpkg", "--listfiles", one["name"]], capture_output=True, text=True, check=False).stdout
    paths = [path for path in listed.splitlines() if Path(path).is_symlink() or Path(path).is_file()]
    if paths:
        tar = subprocess.run(["tar", "--create", *paths], check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--directory", str(folder)], input=tar, check=True)
    for path, content in one.get("files", {}).items():
        target = folder / path.lstrip("/")
        target.unlink(missing_ok=True)
        target.write_text(content)
        target.chmod(0o755)
    for script in ("preinst", "postinst", "prerm", "postrm", "triggers"):
        for own in (INFO / f"{one['name']}.{script}", INFO / f"{one['name']}:{architecture}.{script}"):
            if own.exists():
                shutil.copy(own, folder / "DEBIAN" / script)
    (folder / "DEBIAN/control").write_text(control(one, architecture))
    deb = ROOT / "pool" / f"{one['name']}_{one['version'].replace(':', '%3a')}_{architecture}.deb"
    deb.parent.mkdir(exist_ok=True)
    said("dpkg-deb", "-Znone", "--root-owner-group", "--build", str(folder), str(deb))
    return deb


def main() -> None:
    """Add packages, and write the lists anew."""
    ROOT.mkdir(exist_ok=True)
    architecture = said("dpkg", "--print-architecture").strip()
    for one in json.load(sys.stdin):
        package(one, architecture)
    rows = []
    for deb in sorted((ROOT / "pool").glob("*.deb")):
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        fields = said("dpkg-deb", "--field", str(deb)).strip()
        rows.append(f"{fields}\nFilename: pool/{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    place = f"main/binary-{architecture}/Packages"
    index = ROOT / "dists" / SUITE / place
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text("\n".join(rows))
    content = index.read_bytes()
    (ROOT / "dists" / SUITE / "Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nDate: {sys.argv[1]}\nArchitectures: {architecture}\nComponents: main\n"
        f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} {place}\n"
    )


if __name__ == "__main__":
    main()
