"""Filter of the role `server_facts`, for the roles after it: what a server lacks of what they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]


def lacking(server: Facts, names: list[str], released: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return which packages are to be installed, and which are to be held back from upgrades no more: {} when none.

    Only where all of `released` are held: an earlier version of ours did that. What an owner holds, the owner keeps.
    """
    wanted = {
        "names": [name for name in names if name not in server["packages"]],
        "released": list(released) if released and set(released) <= set(server["held"]) else [],
    }
    return wanted if any(wanted.values()) else {}


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filter by name."""
        return {"lacking": lacking}
