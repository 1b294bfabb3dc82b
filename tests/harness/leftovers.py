"""What a test run that was cut off left on this machine's engine: servers, with their networks and disks.

A killed run destroys nothing, and the next one would find its networks' names taken.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import docker

FOLDER_OF_RUN = re.compile(r".*/pytest-of-[^/]+/pytest-\d+(?=/)")
BUILT_IN = {"bridge", "host", "none"}


def run_of(sources: Iterable[str]) -> Path | None:
    """Return the folder of the test run that has one of these mounted files, or None: no test made it."""
    for source in sources:
        if found := FOLDER_OF_RUN.match(source):
            return Path(source[: found.end()])
    return None


def ended(run: Path) -> bool:
    """Return whether nobody runs these tests any more: pytest writes who does in `.lock`, and takes it away itself."""
    try:
        identity = int((run / ".lock").read_text())
        return b"pytest" not in Path(f"/proc/{identity}/cmdline").read_bytes()
    except (OSError, ValueError):
        return True


def removed() -> Iterator[str]:
    """Remove what runs that have ended left behind; yields the name of each server."""
    with contextlib.closing(docker.from_env()) as engine:
        networks: set[str] = set()
        for container in engine.containers.list(all=True, ignore_removed=True):
            mounts: list[dict[str, Any]] = container.attrs["Mounts"]
            run = run_of(mount["Source"] for mount in mounts if mount["Type"] == "bind")
            if run is None or not ended(run):
                continue
            networks |= set(container.attrs["NetworkSettings"]["Networks"])
            container.remove(force=True, v=True)
            for mount in mounts:
                if mount["Type"] == "volume":
                    with contextlib.suppress(docker.errors.NotFound):  # one without a name went with its container
                        engine.volumes.get(mount["Name"]).remove()
            yield str(container.name)
        for container in engine.containers.list(all=True, ignore_removed=True):
            networks -= set(container.attrs["NetworkSettings"]["Networks"])
        for name in networks - BUILT_IN:
            engine.networks.get(name).remove()
