"""Filters of the role `server_facts`, for the roles after it too: what a server lacks, which parts of it are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

Facts = Mapping[str, Any]
PARTS = ("accounts", "sshd", "firewall", "time", "engine", "journal", "updates")


def lacking(server: Facts, names: list[str], released: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return which packages are to be installed, and which are to be held back from upgrades no more: {} when none.

    Only where all of `released` are held: an earlier version of ours did that. What an owner holds, the owner keeps.
    """
    wanted = {
        "names": [name for name in names if name not in server["packages"]],
        "released": list(released) if released and set(released) <= set(server["held"]) else [],
    }
    return wanted if any(wanted.values()) else {}


def managed_parts(given: Mapping[str, bool]) -> dict[str, bool]:
    """Return for each part of a server whether it is ours to manage: all are, unless the operator says otherwise."""
    unknown = set(given) - set(PARTS)
    if unknown:
        raise AnsibleFilterError(f"managed: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    return {part: bool(given.get(part, True)) for part in PARTS}


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"lacking": lacking, "managed_parts": managed_parts}
