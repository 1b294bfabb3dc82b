"""How much memory this process may use: what its container was given, else what is usual for an agent."""

from __future__ import annotations

import os
from pathlib import Path

USUAL = 256 * 1024 * 1024
"""What an agent's container is given (`stacks/parts.py`); taken where no limit is in force."""
GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def limit(groups: Path = GROUPS, own: Path = OWN) -> int:
    """Bytes; the least of the limits of all control groups around this process (cgroups(7), versions 1 and 2)."""
    found = [bytes_ for path in _files(groups, own) if (bytes_ := _read(path)) is not None]
    least = min(found, default=0)
    # Without a limit version 1 tells a number larger than any machine's memory.
    return least if 0 < least < _machine() else USUAL


def _files(groups: Path, own: Path) -> list[Path]:
    """Where the limits stand: of the group that is mounted as root, as in a container, and of those named in `own`."""
    files = [groups / "memory.max", groups / "memory" / "memory.limit_in_bytes"]
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounted, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            mounted, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = Path(path.lstrip("/"))
        files += [mounted / one / name for one in (group, *group.parents)]
    return files


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
