"""The images of sandbox servers: Debian 13 with systemd, made by mmdebstrap, kept by the digest of their inputs.

`ensure` gives the usual one, with engine and gateway inside; `ensure_bare` the one of a hospital's own server.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from base import errors
from station_image.builder import debian

HERE = Path(__file__).parent
REPOSITORY = "werkplaats/server"

# python3 in full: python3-minimal lacks modules that Ansible needs.
COMMON = ("systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "iproute2", "procps", "ca-certificates")
# acl and python3-apt: Ansible's own needs on a managed host. iptables: faults in one direction are made with it.
SERVER = (
    *("docker.io", "docker-cli", "haproxy", "nftables", "iptables", "systemd-timesyncd", "acl", "python3-apt"),
    *("python3-cryptography", "python3-pydantic", "python3-tuf", "python3-yaml"),  # of the follower
)
BARE = ("nftables",)
# Thousands of files that nobody reads in a container; dpkg leaves them out of later installations as well.
EXCLUDED = ("doc", "man", "info", "locale", "lintian", "bash-completion", "zsh", "fish", "i18n/locales", "gcc", "bug")
CHANGES = ('CMD ["/usr/local/sbin/sandbox-init"]', "ENV container=docker")

Progress = Callable[[str], None]


class ImageError(errors.UnmetError):
    """A server image cannot be made here; the text says why and what to do."""


@dataclass(frozen=True)
class Kind:
    """One kind of image: its name (also of its overlay folder) and its packages."""

    name: str
    packages: tuple[str, ...]


KINDS = {kind.name: kind for kind in (Kind("server", COMMON + SERVER), Kind("bare", COMMON + BARE))}


def ensure(progress: Progress) -> str:
    """Return the id of the sandbox server image in the local engine, made first where it is not there."""
    return _ensure(KINDS["server"], progress)


def ensure_bare(progress: Progress) -> str:
    """Return the id of the image of a bare server, as a hospital would make available."""
    return _ensure(KINDS["bare"], progress)


def tag(kind: Kind, place: debian.Mirror) -> str:
    """Return the name of an image: a digest of everything that it is made from, apart from the packages' versions."""
    digest = hashlib.sha256()
    files = [HERE / "setup.sh", *sorted(path for path in (HERE / "overlay").rglob("*") if path.is_file())]
    for path in files:
        text = path.read_bytes()
        digest.update(f"{path.relative_to(HERE)} {len(text)}\n".encode() + text)
    digest.update(repr((kind, EXCLUDED, CHANGES, place)).encode())
    return f"{REPOSITORY}:{kind.name}-{digest.hexdigest()[:12]}"


def _ensure(kind: Kind, progress: Progress) -> str:
    try:
        place = debian.mirror()
        name = tag(kind, place)
        if (found := _image_id(name)) is not None:
            return found
        started = time.monotonic()
        progress(f"making the {kind.name} image: Debian 13 with {len(kind.packages)} packages and what they need")
        with tempfile.TemporaryDirectory(prefix="werkplaats-image-") as folder:
            archive = Path(folder) / "root.tar"
            debian.bootstrap(_arguments(kind, Path(folder)), archive, place)
            seconds = time.monotonic() - started
            progress(f"made the {kind.name} image in {seconds:.0f} s, {archive.stat().st_size / 1e6:.0f} MB")
            changes = [part for change in CHANGES for part in ("--change", change)]
            return _docker("import", *changes, str(archive), name).strip()
    except debian.DebianError as error:
        raise ImageError(str(error)) from error


def _arguments(kind: Kind, folder: Path) -> list[str]:
    """Return mmdebstrap's arguments; the overlay is packed into `folder` as root's own files."""
    overlay = folder / "overlay.tar"
    with tarfile.open(overlay, "w") as tar:
        for part in ("common", kind.name):
            source = HERE / "overlay" / part
            if source.is_dir():
                tar.add(source, arcname=".", filter=_as_root)
    return [
        "--variant=minbase",
        f"--include={','.join(kind.packages)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in EXCLUDED),
        "--dpkgopt=path-exclude=/usr/lib/udev/hwdb.d/*",
        '--aptopt=Acquire::Languages "none"',
        f"--customize-hook=tar-in {overlay} /",
        f"--customize-hook=upload {HERE / 'setup.sh'} /setup.sh",
        f'--customize-hook=chroot "$1" sh /setup.sh {kind.name}',
        '--customize-hook=rm "$1/setup.sh"',
        "--format=tar",
    ]


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _image_id(name: str) -> str | None:
    done = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", name], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _docker(*arguments: str) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ImageError(
            "there is no `docker` program on this machine; `apt-get install docker.io docker-cli`"
        ) from error
    except subprocess.CalledProcessError as error:
        raise ImageError(
            f"docker {arguments[0]} failed: {error.stderr.strip()}; see that the engine runs: `docker info`"
        ) from error
    return done.stdout
