"""Files that a scientist brought where no session reads them: beside the folder of a question, not in it."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

from ..base.journal import plain

MOST = 20


def sentences(folder: Path) -> list[str]:
    """A sentence for each file astray that may be meant for the question whose folder this is, at most MOST.

    Such a file lies in the folder of all networks, in that of the question's network, or where an earlier release had
    one folder for the questions of one name in all networks.
    """
    network, every = folder.parent, folder.parent.parent
    found = [path.relative_to(every) for place in dict.fromkeys((every, network, every / folder.name))
             for path in _files(place)]  # fmt: skip
    return [
        f"{plain(path)}: no session reads it there; "
        f"`rename {plain(path)} {plain(folder.relative_to(every) / path.name)}` in sftp, or remove it"
        for path in found[:MOST]
    ]


def _files(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):  # what cannot be looked into has nothing that a session would read either
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield path
