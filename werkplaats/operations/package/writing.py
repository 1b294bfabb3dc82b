"""The archive as a file: a tar whose bytes depend on its contents only, and its pieces."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, errors
from werkplaats.operations.package import install

Content = bytes | Path


def described(contents: Mapping[str, Content]) -> dict[str, dict[str, Any]]:
    """Of each file what the manifest says of it."""
    found = {}
    for name, content in sorted(contents.items()):
        if not install.NAME.fullmatch(name):
            raise errors.RefusedError(f"{name!r} is no name that an archive has", "give the file another name")
        if isinstance(content, bytes):
            found[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        else:
            with content.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[name] = {"size": content.stat().st_size, "sha256": digest}
    return found


def write(path: Path, manifest: Mapping[str, Any], contents: Mapping[str, Content]) -> None:
    """Write manifest and contents, in the order of their names: no times, no owners, nothing compressed."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, install.MANIFEST, canonical.pretty(manifest))
        for name, content in sorted(contents.items()):
            _add(tar, name, content)


def _add(tar: tarfile.TarFile, name: str, content: Content) -> None:
    member = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
        return
    member.size = content.stat().st_size
    with content.open("rb") as file:
        tar.addfile(member, file)


def split(path: Path, megabytes: int) -> list[Path]:
    """The archive in pieces of at most so many MB beside it, and no more as a whole."""
    most, pieces = megabytes * 1_000_000, list[Path]()
    with path.open("rb") as file:
        for number in range(1, -(-path.stat().st_size // most) + 1):
            pieces.append(path.with_name(f"{path.name}.{number:03}"))
            with pieces[-1].open("wb") as piece:
                left = most
                while left and (part := file.read(min(left, install.CHUNK))):
                    piece.write(part)
                    left -= len(part)
    path.unlink()
    return pieces
