"""Filters of the role `container_engine`: whose engine it is, the settings of one that is ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]
SETTINGS = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/docker.service.d/60-werkplaats.conf"
UNIT = "docker.service"
JOURNAL = "/etc/systemd/journald.conf.d/60-werkplaats.conf"
MEMBERS = "/etc/sysusers.d/werkplaats-engine.conf"


def engine_is_ours(server: Facts, before: Mapping[str, Any]) -> bool:
    """Return whether the engine serves the station alone, so that its settings are ours to say.

    It is its owner's where the operator says so (`managed`), as soon as somebody says a setting or a flag of it, or has
    a container, a network or a swarm in it, and where it is started at boot and we did not do that. One that only runs
    was asked something, at its socket.
    `before`: what we ever set, which says nothing about the owner.
    """
    found = server["engine"]
    if found["owner_s"] or _owner_settings(server, before) or found["flags"] or found["drop_ins"]:
        return False
    if found["containers"] or found["networks"] or (found["info"] or {}).get("swarm"):
        return False
    return bool(found["marked"] or not found["daemon"] or not found["enabled"])


def engine_settings(server: Facts, ours: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what daemon.json says: ours where the engine is ours, else what its owner says without us."""
    return dict(ours) if engine_is_ours(server, before) else _owner_settings(server, before)


def engine_without(server: Facts, before: Mapping[str, Any]) -> list[str]:
    """Return the paths that this server does not get: settings of an engine that is its owner's."""
    ours = engine_is_ours(server, before)
    found = [] if ours else [DROP_IN]
    # Of an owner's file we write one thing only: what we said in it once goes out of it.
    if not ours and not (server["engine"]["marked"] and _owner_settings(server, before)):
        found.append(SETTINGS)
    return found


def engine_absent(server: Facts, before: Mapping[str, Any]) -> list[str]:
    """Return what earlier versions of ours placed: a file of the group's members, settings at an owner's engine."""
    if engine_is_ours(server, before) or not server["engine"]["marked"]:
        return [MEMBERS]
    return [MEMBERS, DROP_IN] + [SETTINGS] * (not _owner_settings(server, before))


def engine_links(server: Facts, before: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the link that starts an engine at boot which nobody else would start.

    What `systemctl enable` does, without its asking old-style init scripts and reading every unit again.
    """
    folder = "multi-user.target.wants"
    link = {"path": f"/etc/systemd/system/{folder}/{UNIT}", "to": f"/usr/lib/systemd/system/{UNIT}"}
    return [link] if engine_is_ours(server, before) or not server["engine"]["daemon"] else []


def _owner_settings(server: Facts, before: Mapping[str, Any]) -> dict[str, Any]:
    """What is the owner's of daemon.json; where we wrote in it a key of ours is ours, whatever it says now."""
    ours = before if server["engine"]["marked"] else {}
    return {name: value for name, value in server["engine"]["settings"].items() if name not in ours}


def journal_absent(managed: Mapping[str, bool]) -> list[str]:
    """Return the limit of the journal where that is its owner's: it is not placed, and one of before goes."""
    return [] if managed["journal"] else [JOURNAL]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (engine_absent, engine_links, engine_settings, engine_without, journal_absent)
        return {function.__name__: function for function in public}
