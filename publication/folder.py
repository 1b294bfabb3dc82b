"""A publication as it lies in a folder, on a disk or a stick: its bytes, and nothing is made of them here.

Only what a publication names is read: whatever else lies there, from git or a stick, is in nobody's way. No link is
followed out of its place, nothing is waited for, and no more is taken than a file of a publication may have.
"""

from __future__ import annotations

import os
import stat as status
from pathlib import Path

from base import errors
from publication import reading
from publication.whole import FETCH

Stamp = tuple[Path, int, int, int] | None
EARLIER = "index.json"
"""What lay in a publication of before there was a root."""


def source(folder: Path) -> reading.Source:
    """The files of a folder as it is now: it stays the same one, whatever is published meanwhile."""
    place = folder.resolve()

    def content(name: str) -> bytes | None:
        path = place / name
        if path.resolve() != path or not path.is_relative_to(place) or not path.is_file():
            return None  # it leads elsewhere, or is no file
        try:
            # Whoever owns the folder may have put something else there since.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                if not status.S_ISREG(os.fstat(handle).st_mode):
                    return None
                found = file.read(reading.LARGEST_FILE + 1)
        except OSError as error:
            raise errors.PublicationError(f"{folder / name} cannot be read: {error.strerror}", FETCH) from error
        if len(found) > reading.LARGEST_FILE:
            raise errors.PublicationError(f"{folder / name} is larger than {reading.LARGEST_FILE} bytes", FETCH)
        # A publication has texts, with the line ends of where it was made: git on Windows, for one, makes others.
        return found.replace(b"\r\n", b"\n")

    return content


def stamp(folder: Path) -> Stamp:
    """What tells that another publication took the place of this one; None where there is none."""
    try:
        place = folder.resolve()
        seen = (place / reading.NEWEST).stat()
    except OSError:
        return None
    return place, seen.st_ino, seen.st_mtime_ns, seen.st_size


def there(folder: Path) -> bool:
    """Whether anything lies there that is a publication, or was one for an earlier version of this suite."""
    return any((folder / name).exists() for name in (reading.NEWEST, reading.FIRST, EARLIER))
