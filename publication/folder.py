"""A publication as it lies in a folder, on a disk or a stick: its bytes, and nothing is made of them here.

The only module of this package that reads. It takes no more than a publication may have, follows no link, and gives
files that lay there together: what is replaced while it reads is read again.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator
from pathlib import Path

from base import errors
from publication import repository

LARGEST_FILE = 4 * 1024 * 1024
LARGEST_WHOLE = 64 * 1024 * 1024
MOST_FILES = 2000
PATIENCE_SECONDS = 60.0

PASSED_OVER = (
    *(".git", ".gitattributes", ".gitignore", ".gitmodules", ".gitkeep", ".svn", ".hg"),
    *(".ds_store", "._*", ".trashes", ".spotlight-v100", ".fseventsd", ".temporaryitems", ".apdisk"),
    *("desktop.ini", "thumbs.db", "ehthumbs*.db", "system volume information", "$recycle.bin", "wpsettings.dat"),
    *(".trash-*", ".directory", ".nfs*", ".fuse_hidden*", "lost+found", "@eadir", "#recycle"),
    *(".sync_*.db*", ".stfolder", ".stversions", "*.swp", "*~"),
)
"""Names, in lower case, of what git, editors, systems and programs that copy put into any folder. Nothing of a
publication has such a name, and what is passed over is neither read nor missed."""

_Stamp = tuple[int, int, int] | None


def read(folder: Path) -> repository.Files:
    """The files of a folder, of one moment.

    Raises PublicationError where it has more than a publication may have, or no moment without something replaced.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        place = folder.resolve()  # from here on the folder stays the same, whatever is published meanwhile
        before = _stamps(place)
        found = _files(place, folder)
        # Else two were published while this one was read, and it was removed; or a newer one is being copied over it,
        # file by file.
        if (folder.resolve(), _stamps(place)) == (place, before):
            return found
        if time.monotonic() >= deadline:
            told = f"{folder} is being replaced again and again, for {PATIENCE_SECONDS:.0f} s now"
            raise errors.PublicationError(told, "see what writes there, and read it afterwards")


def _stamps(place: Path) -> list[_Stamp]:
    """What tells that index or signature was replaced; None of a file that is not there."""
    found: list[_Stamp] = []
    for name in (repository.NAME, repository.SIGNATURE):
        try:
            seen = (place / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((seen.st_ino, seen.st_mtime_ns, seen.st_size))
    return found


def _files(place: Path, folder: Path) -> repository.Files:
    contents: dict[str, bytes] = {}
    unread: dict[str, str] = {}
    size = 0
    for path in _below(place, folder):
        name = path.relative_to(place).as_posix()
        try:
            content = _content(path)
        except OSError as error:
            unread[name] = f"cannot be read: {error.strerror}"
            continue
        if content is None:
            unread[name] = "is missing"
        elif len(content) > LARGEST_FILE:
            unread[name] = f"is larger than {LARGEST_FILE} bytes"
        else:
            contents[name] = content
            size += len(content)
        if size > LARGEST_WHOLE:
            raise errors.PublicationError(f"{folder} is larger than {LARGEST_WHOLE} bytes", repository.FETCH)
    return repository.Files(folder, contents, unread)


def _below(place: Path, told: Path) -> Iterator[Path]:
    """Everything below a folder but folders; in one that cannot be looked into there is nothing."""
    waiting, number = [place], 0
    while waiting:
        try:
            found = sorted(path for path in waiting.pop().iterdir() if not _passed_over(path.name))
        except OSError:
            continue
        number += len(found)
        if number > MOST_FILES:
            raise errors.PublicationError(f"{told} has more than {MOST_FILES} files", repository.FETCH)
        for path in found:
            if path.is_dir() and not path.is_symlink():
                waiting.append(path)
            else:
                yield path


def _passed_over(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), known) for known in PASSED_OVER)


def _content(path: Path) -> bytes | None:
    """The content of a file, or a byte more than it may have; None of what is no file, or leads elsewhere."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    # A publication has texts, with the line ends of where it was made: git on Windows, for one, makes others of them.
    return content.replace(b"\r\n", b"\n")
