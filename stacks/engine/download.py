"""The official Pulumi release: fetched over HTTPS, compared with its published checksums, unpacked."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

BASE = "https://get.pulumi.com/releases/sdk"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
# A closed network should be known as one at once; whoever reaches the release gets its small list within this.
CONNECT_SECONDS = 5.0
HASHES = {64: "sha256", 128: "sha512"}

Progress = Callable[[str], None]


class DownloadError(Exception):
    """What was downloaded is not what was published."""


class UnreachableError(Exception):
    """The release cannot be reached from this machine, or not for this kind of machine."""


def cli(version: str, target: Path, progress: Progress, base: str = BASE) -> None:
    """Put the CLI and its language hosts into `target`. Raises UnreachableError, DownloadError."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise UnreachableError(f"no release for {platform.machine()}")
    name = f"pulumi-v{version}-linux-{machine}.tar.gz"
    expected = _published(_fetch_at_once(f"{base}/pulumi-{version}-checksums.txt").decode(), name)
    started = time.monotonic()
    progress(f"fetching the official Pulumi {version}")
    archive = _fetch(f"{base}/{name}")
    found = hashlib.new(HASHES[len(expected)], archive).hexdigest()
    if found != expected:
        raise DownloadError(
            f"{base}/{name} has checksum {found}, published is {expected}: something between here and there changes "
            "downloads; fetch it on another network, put `pulumi` on PATH, and run this again"
        )
    unpack(archive, target)
    progress(f"fetched {len(archive) / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")


def _published(checksums: str, name: str) -> str:
    """Return the checksum of `name` in a list of lines `<hex>  <name>`."""
    for line in checksums.splitlines():
        parts = line.split()
        if len(parts) == 2 and parts[1].lstrip("*") == name and len(parts[0]) in HASHES:
            return parts[0].lower()
    raise UnreachableError(f"no published checksum of {name}")


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


def _fetch_at_once(url: str) -> bytes:
    """Fetch a small file or give up after CONNECT_SECONDS: a name server that is silent is outside urllib's timeout."""
    answers: list[bytes | UnreachableError] = []

    def ask() -> None:
        try:
            answers.append(_fetch(url))
        except UnreachableError as error:
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(CONNECT_SECONDS)
    if not answers:
        raise UnreachableError(f"no answer within {CONNECT_SECONDS:.0f} s")
    if isinstance(answers[0], UnreachableError):
        raise answers[0]
    return answers[0]


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:  # noqa: S310 - BASE is https
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise UnreachableError(str(getattr(error, "reason", error))) from error
