"""Debian packages for the images: from the mirror that this machine uses, checked with Debian's own keys."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from base import errors

SUITE = "trixie"
KEYRINGS = Path("/usr/share/keyrings")
MIRROR_VARIABLE = "WERKPLAATS_DEBIAN_MIRROR"
# What apt on this machine must know to reach a mirror from here is also needed inside; nothing else is taken over.
OPTIONS = re.compile(r"Acquire::(https?::(Proxy|Timeout)|Check-Valid-Until|Check-Date|Retries|ForceIPv[46])(::|$)")


class DebianError(errors.UnmetError):
    """Debian packages cannot be had on this machine; the text says why and what to do."""


@dataclass(frozen=True)
class Mirror:
    """Where packages come from: lines for sources.list (none: the tool's own default), apt options, keyrings."""

    sources: tuple[str, ...]
    options: tuple[str, ...]
    keyrings: tuple[Path, ...]


def mirror() -> Mirror:
    """Return the mirror for Debian 13 as this machine is configured. Raises DebianError."""
    keyrings = tuple(sorted(KEYRINGS.glob(f"debian-archive-{SUITE}-*"))) or tuple(_keyring_with_suite())
    if not keyrings:
        raise DebianError(
            f"{KEYRINGS}: the keys of Debian 13 ({SUITE}) are not on this machine, so its packages cannot be checked; "
            "`apt-get install debian-archive-keyring` (2023.3+deb12u2 or newer; where the distribution's is older, "
            "install the .deb of Debian 13)"
        )
    return Mirror(_sources(), _options(), keyrings)


def need_mmdebstrap() -> str:
    """Return the mmdebstrap program. Raises DebianError."""
    found = shutil.which("mmdebstrap")
    if found is None:
        raise DebianError(
            "mmdebstrap is not on this machine, and the images are made with it; `apt-get install mmdebstrap`"
        )
    return found


def bootstrap(arguments: list[str], target: Path, place: Mirror | None = None) -> None:
    """Run mmdebstrap into the archive or folder `target`. Raises DebianError with what it said last."""
    place = place or mirror()
    command = [need_mmdebstrap(), "--quiet", f"--mode={'root' if os.geteuid() == 0 else 'unshare'}"]
    command += [f"--aptopt={option}" for option in place.options]
    command += [f"--keyring={keyring}" for keyring in place.keyrings]
    command += [*arguments, SUITE, str(target), *place.sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n  ".join(done.stderr.strip().splitlines()[-8:])
        raise DebianError(
            f"mmdebstrap stopped; when the mirror cannot be reached, set {MIRROR_VARIABLE} to one that can "
            f"(an address as in sources.list). It said:\n  {last}"
        )


def _keyring_with_suite() -> list[Path]:
    """Return the one-file keyring where it is new enough to name the suite's keys (Debian 13 and later)."""
    keyring = KEYRINGS / "debian-archive-keyring.gpg"
    pgp = KEYRINGS / "debian-archive-keyring.pgp"
    return [path for path in (pgp, keyring) if path.exists() and _os_release().get("VERSION_CODENAME") == SUITE][:1]


def _sources() -> tuple[str, ...]:
    """Return sources.list lines: the named mirror, or this Debian's own mirrors with the suite changed, or none."""
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        return (f"deb {named} {SUITE} main", f"deb {named} {SUITE}-updates main")
    release = _os_release()
    codename = release.get("VERSION_CODENAME", "")
    if release.get("ID") != "debian" or not codename:
        return ()
    known = _archives()
    if codename not in known:
        return ()
    parts = (part for part in ("", "-updates", "-security") if codename + part in known)
    return tuple(f"deb {known[codename + part]} {SUITE}{part} main" for part in parts)


def _archives() -> dict[str, str]:
    """Return suite → address of what apt has of component main; a Debian archive before a vendor's of that name."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    pairs = {(row[1], row[0].rstrip("/")) for row in rows if len(row) == 3 and row[2] == "main"}
    vendors_first = sorted(pairs, key=lambda pair: (pair[1].rsplit("/", 1)[-1].startswith("debian"), pair))
    return dict(vendors_first)


def _options() -> tuple[str, ...]:
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return tuple(f"{name} {value.rstrip(';')}" for name, _, value in pairs if OPTIONS.match(name) and value != '"";')


def _os_release() -> dict[str, str]:
    text = Path("/etc/os-release").read_text()
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in text.splitlines())}
