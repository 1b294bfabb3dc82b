"""Filters of the role `server_facts`, for the roles after it: what a server lacks, what its engine is no good for."""

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


def engine_faults(server: Facts) -> list[str]:
    """Return a sentence with its remedy for everything that keeps this server's engine from carrying a station."""
    found, settings = server["engine"], server["daemon_json"]
    if "unreadable" in settings:
        return [f"/etc/docker/daemon.json cannot be read ({settings['unreadable']}); correct it"]
    if found["snap"]:
        return ["its Docker is a snap, which sees no folder of a station; replace it by docker.io or docker-ce"]
    wanted = found["lacks"]
    if excluding := [name for name, others in found["excluding"].items() if set(others) & set(wanted)]:
        return [
            f"a station needs {' and '.join(wanted)}, and {', '.join(excluding)} cannot stay beside: nothing is "
            "removed here; remove it yourself if nobody uses it, or offer a server, or a virtual machine, without it"
        ]
    return _faults_of(server) if found["daemon"] else []


def _faults_of(server: Facts) -> list[str]:
    """Of an engine that is there already."""
    found, unit = server["engine"], server["units"].get("docker.service", {})
    if not unit.get("known"):
        return ["it has an engine, and systemd no docker.service that may run; unmask or install that unit"]
    if found["info"] == {}:
        return ["its engine runs and does not answer at /run/docker.sock; have it listen there (`hosts`, or -H fd://)"]
    if found["info"] is None:
        settings = [*server["daemon_json"], *found["flags"], *found["drop_ins"]]
        if settings and not found["marked"] and not unit.get("enabled"):
            return [
                "its engine has settings of its owner and does not run; `systemctl enable --now docker`, or remove them"
            ]
        return []
    # One that runs may only have been asked something, at its socket: then nobody misses it after a boot.
    used = [*found["containers"], *found["networks"], *server["daemon_json"], *found["flags"], *found["drop_ins"]]
    faults = {
        "it is not started at boot; `systemctl enable docker`": used and not (unit.get("enabled") or found["marked"]),
        "it gives containers other user numbers (userns-remap), and a station reads its folders by their numbers; take "
        "that setting out, or offer a server of its own": "userns" in found["info"]["security"],
        "it keeps images in containerd's store, which names them by another digest than the one that was reviewed; set "
        '`"features": {"containerd-snapshotter": false}` in /etc/docker/daemon.json (images there must be fetched '
        "anew), or offer a server of its own": bool(found["info"]["snapshotter"]),
        f'its socket is of group root, so {server["login"]} cannot use it; set `"group": "docker"` in '
        "/etc/docker/daemon.json": found["group"] == "root" != server["login"],
    }
    return [f"its engine is its owner's, and {why}" for why, wrong in faults.items() if wrong]


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"engine_faults": engine_faults, "lacking": lacking}
