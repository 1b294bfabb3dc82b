"""What the module `server_facts` finds on a server."""

from __future__ import annotations

from typing import Any


def facts(**changes: Any) -> dict[str, Any]:
    """A server in order."""
    return {
        "release": {"id": "debian", "version_id": "13", "pretty_name": "Debian 13"},
        "clock_difference": 0.0,
        "container": False,
        "packages": {"chrony": "4"},
        "units": {"chrony.service": {"active": True}},
        "accounts": {"missing": [], "closed": []},
        "faults": [],
        "table": False,
        "held": [],
        "login": "beheer",
        "engine": NO_ENGINE,
        **changes,
    }


def engine(**changes: Any) -> dict[str, Any]:
    """An engine that runs and is in order."""
    return {
        "daemon": "/usr/sbin/dockerd",
        "lacks": [],
        "snap": False,
        "excluding": {},
        "known": True,
        "active": True,
        "enabled": True,
        "marked": False,
        "drop_ins": [],
        "flags": [],
        "settings": {},
        "unreadable": "",
        "containers": [],
        "networks": [],
        "owner_s": False,
        "info": {"version": "28", "security": ["seccomp"], "snapshotter": "", "swarm": False},
        **changes,
    }


NO_ENGINE = engine(daemon="", lacks=["docker.io", "docker-cli"], known=False, active=False, enabled=False, info=None)
