"""Filters of the role `follower`: the packages that read a publication, as they are placed on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

LIBRARY = "/usr/local/lib/werkplaats-follow"
PACKAGES = ("base", "network_topology", "publication")
SHORTEST, LONGEST = 5, 86_400


def follower_files(folder: str) -> list[dict[str, Any]]:
    """Return what `server_part` writes of the packages in `folder`, the project's own.

    Raises AnsibleFilterError where one is not.
    """
    found = []
    for package in PACKAGES:
        modules = sorted((Path(folder) / package).rglob("*.py"))
        if not modules:
            raise AnsibleFilterError(f"{folder}/{package} is missing; take a complete copy of this project")
        found += [
            {"path": f"{LIBRARY}/{module.relative_to(folder).as_posix()}", "source": str(module)} for module in modules
        ]
    return found


def follower_seconds(seconds: Any) -> int:
    """Return the seconds between two runs; anything but a number of a day at most is an AnsibleFilterError."""
    # Ansible's own numbers are a kind of int.
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not SHORTEST <= seconds <= LONGEST:
        raise AnsibleFilterError(f"follower_seconds {seconds!r} is no number from {SHORTEST} to {LONGEST}")
    return int(seconds)


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {function.__name__: function for function in (follower_files, follower_seconds)}
