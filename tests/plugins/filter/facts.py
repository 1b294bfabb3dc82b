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
        "users": {
            "station": {"uid": 5001, "gid": 5000},
            "computer": {"uid": 5002, "gid": 5000},
            "werkplaats-gateway": {"uid": 99},
            "steward": {"uid": 991, "gid": 991, "shell": "/bin/sh"},
            "scientist": {"uid": 992, "gid": 992, "shell": "/bin/sh"},
        },
        "groups": {"station": {"gid": 5000}, "station-control": {"gid": 990, "members": ["steward", "scientist"]}},
        "kept_out": [],
        "sshd_people": {},
        "held": [],
        "login": "beheer",
        "daemon_json": {},
        "engine": engine(daemon="", lacks=["docker.io", "docker-cli"], info=None),
        **changes,
    }


def engine(**changes: Any) -> dict[str, Any]:
    """An engine that runs and is in order."""
    return {
        "daemon": "/usr/sbin/dockerd",
        "lacks": [],
        "snap": False,
        "excluding": {},
        "marked": False,
        "drop_ins": [],
        "flags": [],
        "containers": [],
        "networks": [],
        "group": "docker",
        "info": {"security": ["seccomp"], "snapshotter": "", "swarm": False},
        **changes,
    }
