"""The engine as one file, for a machine that can neither fetch nor build it: packed from a cache, put into another.

The same bytes from the same engine. It is compressed by bzip2, of which there is one library, that has not changed
what it writes for twenty years; of zlib and xz there are several.
"""

from __future__ import annotations

import bz2
import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from base import files
from stacks.engine import install

SUFFIX = ".tar.bz2"
# What of an engine's folder is the engine; logs and workspaces of its runs are not.
PARTS = ("bin", "home/plugins")
LEFT_OUT = (".lock", ".lastused")


def name() -> str:
    """What the file of this suite's engine is called."""
    return f"{install.key()}{SUFFIX}"


def pack(engine: install.Engine, target: Path) -> None:
    """Write the engine as one file. A CLI that is found by a link goes with it as a file."""
    with bz2.open(target, "wb") as packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in _content(engine.root):
            member = tarfile.TarInfo(path.relative_to(engine.root).as_posix())
            content = path.read_bytes()
            member.size, member.mode = len(content), 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(member, io.BytesIO(content))


def _content(root: Path) -> Iterator[Path]:
    found = [path for part in PARTS for path in (root / part).rglob("*") if path.is_file()]
    yield from sorted([root / "engine.json", *(path for path in found if path.suffix not in LEFT_OUT)])


def bring(packed: Path, cache: Path | None = None) -> Path:
    """Put an engine of a file into the cache where it is not there; returns its folder.

    The file was compared with something signed before. Raises EngineError for one that this suite does not use.
    """
    cache = cache or install.cache_folder()
    root = cache / install.key()
    if packed.name != name():
        raise install.EngineError(
            f"{packed} is another engine than {name()}, which this suite uses; have it packed anew"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with files.only_one(cache / f"{root.name}.lock"):
        if install.installed(root) is None:
            shutil.rmtree(root, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".{root.name}.", dir=cache) as work:
                _unpack(packed, Path(work) / "engine")
                files.put_in_place(Path(work) / "engine", root)
    return root


def _unpack(packed: Path, folder: Path) -> None:
    with tarfile.open(packed, "r:bz2") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
                raise install.EngineError(f"{packed}: {member.name} is no file of an engine; have it packed anew")
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(member.mode)
