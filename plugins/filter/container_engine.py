"""Filters of the role `container_engine`: the engine's settings, and the login that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

Facts = Mapping[str, Any]


def merged_settings(owner: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's settings: the owner's with ours over them; an unreadable file is an AnsibleFilterError."""
    if "unreadable" in owner:
        raise AnsibleFilterError(f"/etc/docker/daemon.json cannot be read ({owner['unreadable']}); correct it")
    return {**owner, **ours}


def engine_without(server: Facts) -> list[str]:
    """Return the paths that the engine's role does not place: root needs no group to use the engine."""
    return ["/etc/sysusers.d/*"] if server["login"] == "root" else []


def engine_commands(server: Facts) -> list[list[str]]:
    """Return the command that lets the operator's login use the engine, where it may not yet."""
    members = server["groups"].get("docker", {}).get("members", [])
    may = server["login"] == "root" or server["login"] in members
    return [] if may else [["systemd-sysusers", "/etc/sysusers.d/werkplaats-engine.conf"]]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (engine_commands, engine_without, merged_settings)
        return {function.__name__: function for function in public}
