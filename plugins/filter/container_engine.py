"""Filters of the role `container_engine`: the engine's settings, and the login that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

Facts = Mapping[str, Any]
GROUP = "docker"  # it equals root on a server


def merged_settings(owner: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's settings: the owner's with ours over them; an unreadable file is an AnsibleFilterError."""
    if "unreadable" in owner:
        raise AnsibleFilterError(f"/etc/docker/daemon.json cannot be read ({owner['unreadable']}); correct it")
    return {**owner, **ours}


def engine_commands(server: Facts) -> list[list[str]]:
    """Return the commands that let the operator's login use the engine, where it may not yet.

    By arguments, not by a file: a login of a directory may have any name (`j.jansen@zorg.example`, `ZORG\\jansen`).
    """
    members = server["groups"].get(GROUP, {}).get("members", [])
    may = server["login"] == "root" or server["login"] in members
    return [] if may else [["groupadd", "--force", "--system", GROUP], ["gpasswd", "--add", server["login"], GROUP]]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (engine_commands, merged_settings)
        return {function.__name__: function for function in public}
