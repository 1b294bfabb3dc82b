"""Writing a publication: a folder that takes its place in one step."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from base import errors
from base import files as disk


def write(folder: Path, contents: Mapping[str, bytes], number: int) -> None:
    """Put the files in place of the publication at `folder`, in one step: a symlink to a new folder is renamed.

    A reader that is half-way goes on reading the one before it, which is kept until the next. Raises PublicationError
    when `folder` is a folder of somebody's own making.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and not folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.rmdir()  # an empty one is in nobody's way
    if folder.exists() and not folder.is_symlink():
        raise errors.PublicationError(
            f"{folder} is a folder that was not published here", "move it, or publish elsewhere"
        )
    before = folder.resolve() if folder.is_symlink() else None
    made = folder.parent / f".{folder.name}.{number}.{secrets.token_hex(4)}"
    _fill(made, contents)
    link = made.with_name(f"{made.name}.link")
    link.symlink_to(made.name)
    link.replace(folder)
    disk.sync_folder(folder.parent)
    for left in folder.parent.glob(f".{folder.name}.*"):
        if left not in (made, before):
            _remove(left)


def _fill(made: Path, contents: Mapping[str, bytes]) -> None:
    """Write all files of a new folder and bring them to the disk, in their order."""
    made.mkdir()
    for name, content in contents.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        disk.write_new(made / name, content, mode=0o644)  # for everybody, whatever the umask of who publishes
    for path in [made, *(path for path in made.rglob("*") if path.is_dir())]:
        path.chmod(0o755)
        disk.sync_folder(path)


def _remove(left: Path) -> None:
    """Remove an older publication, or what a killed one left half-way."""
    if left.is_symlink() or left.is_file():
        left.unlink()
    else:
        shutil.rmtree(left)
