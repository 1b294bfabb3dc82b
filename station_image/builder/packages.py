"""What the station image is made from: Debian packages and one wheel, each pinned by version and SHA-256.

`packages.lock` is text for reviewers: `<kind> <name> <version> <sha256> <file>`, sorted.
`python -m station_image.builder.packages` writes it again with what the mirror has today.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from base import files
from station_image.builder import debian

LOCK = Path(__file__).parent / "packages.lock"
REFRESH = "python -m station_image.builder.packages"
ARCHITECTURE = "amd64"

# Python, numpy, gmpy2 and cryptography, and every library that these load; `rootfs` fails when one is missing.
DEBIAN = (
    "gcc-14-base",
    "libblas3",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "libgfortran5",
    "libgmp10",
    "liblapack3",
    "libmpc3",
    "libmpfr6",
    "libpython3.13-minimal",
    "libpython3.13-stdlib",
    "libquadmath0",
    "libssl3t64",
    "libstdc++6",
    "libzstd1",
    "python3-cffi-backend",
    "python3-cryptography",
    "python3-gmpy2",
    "python3-numpy",
    "python3.13-minimal",
    "zlib1g",
)
WHEELS = ("mpyc==0.11",)

Progress = Callable[[str], None]


class PackageError(Exception):
    """A package cannot be had, or is not the one that was pinned; the text says what to do."""


@dataclass(frozen=True, order=True)
class Package:
    """One pinned input; `kind` is deb or wheel, `file` its name as it is downloaded."""

    kind: str
    name: str
    version: str
    sha256: str
    file: str

    @property
    def purl(self) -> str:
        """The package URL (https://github.com/package-url/purl-spec)."""
        if self.kind == "wheel":
            return f"pkg:pypi/{self.name}@{self.version}"
        version = self.version.replace(":", "%3A").replace("+", "%2B")
        name = self.name.replace("+", "%2B")
        return f"pkg:deb/debian/{name}@{version}?arch={ARCHITECTURE}&distro={debian.SUITE}"


def read(lock: Path = LOCK) -> tuple[Package, ...]:
    """Return the pinned packages. Raises PackageError on a line that is none."""
    found = []
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 5 or fields[0] not in ("deb", "wheel") or len(fields[3]) != 64:
            raise PackageError(f"{lock}:{number}: not `deb|wheel name version sha256 file`; write it again: {REFRESH}")
        found.append(Package(*fields))
    return tuple(sorted(found))


def fetch(packages: Iterable[Package], store: Path, progress: Progress) -> dict[Package, Path]:
    """Return the file of every package, from `store` or else downloaded into it. Raises PackageError, DebianError."""
    store.mkdir(parents=True, exist_ok=True)
    places = {package: store / package.sha256 for package in packages}
    missing = [package for package, place in places.items() if not place.exists() or _sha256(place) != package.sha256]
    if missing:
        progress(f"fetching {len(missing)} pinned packages")
        with tempfile.TemporaryDirectory(dir=store) as folder:
            _download(missing, Path(folder))
            for package in missing:
                _keep(package, Path(folder), places[package])
    return places


def _keep(package: Package, folder: Path, place: Path) -> None:
    """Move a downloaded file to its place, if it is the pinned one."""
    found = {_sha256(path): path for path in folder.iterdir()}
    if package.sha256 not in found:
        raise PackageError(
            f"{LOCK}: {package.name} {package.version}: what the mirror gave is not what was pinned "
            f"(sha256 {package.sha256[:16]}…); see why before you pin it anew with: {REFRESH}"
        )
    files.put_in_place(found[package.sha256], place)


def _download(packages: list[Package], folder: Path) -> None:
    debs = [f"{package.name}={package.version}" for package in packages if package.kind == "deb"]
    if debs:
        try:
            _apt(f"apt-get download -q {' '.join(debs)}", folder)
        except debian.DebianError as error:
            gone = [name for name in debs if f"'{name.split('=')[0]}'" in str(error)]
            if "was not found" not in str(error):
                raise
            raise PackageError(
                f"{LOCK}: the mirror no longer has {', '.join(gone) or 'a pinned package'} (a newer one took its "
                f"place, often a security fix); pin what it has now, test, and commit: {REFRESH}"
            ) from error
    for package in packages:
        if package.kind == "wheel":
            _pip(f"{package.name}=={package.version}", folder)


def _apt(command: str, folder: Path) -> None:
    """Run an apt command in `folder` with the mirror's verified index. mmdebstrap brings the configuration."""
    hook = folder / "hook"
    hook.write_text(f'set -e\nexport APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"\ncd {folder}\n{command}\n')
    debian.bootstrap(
        ["--variant=custom", "--format=null", f"--architectures={ARCHITECTURE}", f"--customize-hook=sh {hook}"],
        Path("-"),
    )
    hook.unlink()


def _pip(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(
            f"{LOCK}: {requirement} cannot be fetched: {done.stderr.strip()[-300:]}; point pip at your package index "
            "(`pip config set global.index-url …`)"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refresh(lock: Path, progress: Progress) -> None:
    """Write the lock again: today's version of every package, with the hash of the signed index."""
    progress(f"asking the mirror for {len(DEBIAN)} packages")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _apt(f"apt-cache show --no-all-versions {' '.join(DEBIAN)} > records", folder)
        found = [_pinned(record) for record in (folder / "records").read_text().split("\n\n") if record.strip()]
        (folder / "records").unlink()
        for requirement in WHEELS:
            _pip(requirement, folder)
            wheel_name, _, version = requirement.partition("==")
            (path,) = folder.glob("*.whl")
            found.append(Package("wheel", wheel_name, version, _sha256(path), path.name))
            path.unlink()
    lines = [" ".join(astuple(package)) for package in sorted(found)]
    head = f"# What the station image is made from. Written by `{REFRESH}`: kind, name, version, sha256, file.\n"
    files.write_atomically(lock, (head + "\n".join(lines) + "\n").encode(), mode=0o644)


def _pinned(record: str) -> Package:
    fields = dict(line.split(": ", 1) for line in record.splitlines() if ": " in line and not line.startswith(" "))
    return Package(
        "deb",
        fields["Package"],
        fields["Version"],
        fields["SHA256"],
        os.path.basename(fields["Filename"]),  # noqa: PTH119
    )


if __name__ == "__main__":
    refresh(LOCK, print)
