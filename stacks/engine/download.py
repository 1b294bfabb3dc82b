"""The official Pulumi release: fetched over HTTPS, compared with the digest that is pinned here, unpacked.

Its published checksums come from the host that serves it, and whoever can change the one can change the other.
"""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

BASE = "https://get.pulumi.com/releases/sdk"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
CONNECT_SECONDS = 5.0  # a closed network should be known as one at once
# Archive → SHA-256, as somebody compared it over more than one way (README.md). One that is not named is not fetched.
PINNED: Mapping[str, str] = {}

Progress = Callable[[str], None]


class DownloadError(Exception):
    """What was downloaded is not what was published."""


class UnreachableError(Exception):
    """The release cannot be reached from this machine, or is not pinned for this kind of machine."""


def cli(version: str, target: Path, progress: Progress, base: str = BASE, pinned: Mapping[str, str] = PINNED) -> None:
    """Put the CLI and its language hosts into `target`. Raises UnreachableError, DownloadError."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise UnreachableError(f"no release for {platform.machine()}")
    name = f"pulumi-v{version}-linux-{machine}.tar.gz"
    if (expected := pinned.get(name)) is None:
        raise UnreachableError(f"no digest of {name} is pinned")
    started = time.monotonic()
    progress(f"fetching the official Pulumi {version}")
    archive = _fetch(f"{base}/{name}")
    found = hashlib.sha256(archive).hexdigest()
    if found != expected:
        raise DownloadError(
            f"{base}/{name} has digest {found}, and {expected} is pinned: something between here and there changes "
            "downloads; fetch it on another network, put `pulumi` on PATH, and run this again"
        )
    unpack(archive, target)
    progress(f"fetched {len(archive) / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")


def unpack(archive: bytes, target: Path) -> None:
    """Write the programs in a release archive flat into `target`: only plain files directly under `pulumi/`."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            folder, _, name = member.name.removeprefix("./").partition("/")
            content = tar.extractfile(member) if member.isfile() else None
            if content is None or folder != "pulumi" or not name or "/" in name:
                continue
            path = target / name
            path.write_bytes(content.read())
            path.chmod(0o755)


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:  # noqa: S310 - BASE is https
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise UnreachableError(str(getattr(error, "reason", error))) from error
