"""What there is of a container engine on a server, whose it is, and what of it no station can live with.

The roles read it by the module `server_facts`, `werkplaats doctor` and `up` by `examine`. Both start the programs in
their own way, and judge by the one list of `faults`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

UNIT = "docker.service"
SETTINGS, FLAGS = Path("/etc/docker/daemon.json"), Path("/etc/default/docker")
OURS = "/etc/systemd/system/docker.service.d/60-werkplaats.conf"
SOCKET = Path("/run/docker.sock")
SNAP = Path("/snap/bin/docker")
QUESTIONS = {
    "excluding": ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Conflicts}, ${Breaks}\n"],
    "engine_unit": ["systemctl", "show", "--property=LoadState,ActiveState,UnitFileState,DropInPaths", UNIT],
}
# Asked of an engine that runs: a question to a stopped one starts it, by its socket.
OF_ONE_THAT_RUNS = {
    "engine_info": ["docker", "info", "--format", "{{json .}}"],
    "containers": ["docker", "ps", "--all", "--format", "{{.Names}}\t{{.State}}\t{{.Image}}\t{{.Ports}}"],
    "networks": ["docker", "network", "ls", "--format", "{{.Name}}"],
}
RUNS = ["systemctl", "is-active", "--quiet", UNIT]
BUILT_IN = ("bridge", "host", "none")
Found = Mapping[str, Any]
Fault = tuple[str, str]  # what is so, and what to do about it


def read(said: Mapping[str, str], wanted: Sequence[str]) -> dict[str, Any]:
    """What there is of an engine, by what the programs of `QUESTIONS`, and of `OF_ONE_THAT_RUNS` if it runs, printed.

    `wanted`: packages that may be installed. `info` is what the engine says of itself: None of one that does not run,
    {} when one that runs does not answer. `settings` are its owner's and ours, `unreadable` why there are none.
    `containers` have name, state, image and ports.
    """
    unit = dict(line.split("=", 1) for line in said.get("engine_unit", "").splitlines() if "=" in line)
    drop_ins = unit.get("DropInPaths", "").split()
    settings, unreadable = _settings()
    containers = [row.split("\t") for row in said.get("containers", "").splitlines()]
    return {
        "daemon": shutil.which("dockerd") or "",
        "lacks": [name for name, program in (("docker.io", "dockerd"), ("docker-cli", "docker")) if not _has(program)],
        "snap": SNAP.exists(),
        "excluding": _excluding(said.get("excluding", ""), wanted),
        "known": unit.get("LoadState") == "loaded",
        "active": unit.get("ActiveState") == "active",
        "enabled": unit.get("UnitFileState") == "enabled",
        "marked": OURS in drop_ins,
        "drop_ins": [path for path in drop_ins if path != OURS],
        "flags": _flags(),
        "settings": settings,
        "unreadable": unreadable,
        "containers": [row for row in containers if len(row) == 4 and not row[0].startswith("station-")],
        "networks": [name for name in said.get("networks", "").split() if name not in BUILT_IN],
        "info": _info(said["engine_info"]) if "engine_info" in said else None,
    }


def faults(found: Found, *, ours: bool) -> list[Fault]:
    """Everything that keeps this server's engine from carrying a station. `ours`: what it lacks will be brought."""
    if found["unreadable"]:
        return [(f"/etc/docker/daemon.json cannot be read ({found['unreadable']})", "correct it")]
    if found["snap"]:
        return [("its Docker is a snap, which sees no folder of a station", "replace it by docker.io or docker-ce")]
    wanted = found["lacks"]
    if excluding := [name for name, others in found["excluding"].items() if set(others) & set(wanted)]:
        return [
            (
                f"a station needs {' and '.join(wanted)}, and {', '.join(excluding)} cannot stay beside: nothing is "
                "removed here",
                "remove it yourself if nobody uses it, or offer a server, or a virtual machine, without it",
            )
        ]
    if ours:
        return _faults_of(found) if found["daemon"] else []
    remedy = "the engine is the owner's here"
    if wanted:
        return [(f"it has no {' and no '.join(wanted)}", f"install it, or docker-ce; {remedy}")]
    lacking: dict[Fault, object] = {
        ("its engine does not run", f"`systemctl enable --now docker`; {remedy}"): found["info"] is None,
        ("its engine is not started at boot", f"`systemctl enable docker`; {remedy}"): not found["enabled"],
    }
    return _faults_of(found) or [fault for fault, so in lacking.items() if so]


def in_use(found: Found) -> list[str]:
    """What somebody has in the engine, or has set of it: then it is its owner's."""
    own = [row[0] for row in found["containers"]]
    return [*own, *found["networks"], *found["settings"], *found["flags"], *found["drop_ins"]]


def _faults_of(found: Found) -> list[Fault]:
    """Of an engine that is there already."""
    if not found["known"]:
        return [("it has an engine, and systemd no docker.service that may run", "unmask or install that unit")]
    if found["info"] == {}:
        return [
            ("its engine runs and does not answer at /run/docker.sock", "have it listen there (`hosts`, or -H fd://)")
        ]
    started = found["info"] is not None
    if not started and in_use(found) and not found["marked"] and not found["enabled"]:
        return [
            ("its engine has settings of its owner and does not run", "`systemctl enable --now docker`, or remove them")
        ]
    info = found["info"] or {"security": (), "snapshotter": ""}
    # One that runs may only have been asked something, at its socket: then nobody misses it after a boot.
    by_hand = started and in_use(found) and not (found["enabled"] or found["marked"])
    wrong: dict[Fault, object] = {
        ("it is not started at boot", "`systemctl enable docker`"): by_hand,
        (
            "it gives containers other user numbers (userns-remap), and a station reads its folders by their numbers",
            "take that setting out, or offer a server of its own",
        ): "userns" in info["security"] or found["settings"].get("userns-remap"),
        (
            "it runs without root (rootless), and cannot use a station's folders",
            "use docker.io, or offer another server",
        ): "rootless" in info["security"],
        (
            "it keeps images in containerd's store, which names them by another digest than the one that was reviewed",
            'set `"features": {"containerd-snapshotter": false}` in /etc/docker/daemon.json (images there must be '
            "fetched anew), or offer a server of its own",
        ): info["snapshotter"],
    }
    return [(f"its engine is its owner's, and {seen}", remedy) for (seen, remedy), so in wrong.items() if so]


def _has(program: str) -> bool:
    return shutil.which(program) is not None


def _settings() -> tuple[dict[str, Any], str]:
    """The file of settings, empty where there is none, and why it is no JSON object."""
    try:
        content = json.loads(SETTINGS.read_text() or "{}")
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, RecursionError) as problem:
        return {}, str(problem)
    return (content, "") if isinstance(content, dict) else ({}, "not a JSON object")


def _flags() -> list[str]:
    lines = FLAGS.read_text(errors="replace").splitlines() if FLAGS.exists() else []
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _info(said: str) -> dict[str, Any]:
    """What of the engine's own words counts; {} where it does not answer."""
    try:
        told = json.loads(said or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict) or not told.get("ServerVersion"):
        return {}
    pairs = [pair for pair in told.get("DriverStatus") or [] if len(pair) == 2]
    return {
        "version": str(told["ServerVersion"]),
        "security": [option.split(",")[0].removeprefix("name=") for option in told.get("SecurityOptions") or []],
        "snapshotter": dict(pairs).get("driver-type", ""),
        "swarm": (told.get("Swarm") or {}).get("LocalNodeState", "inactive") != "inactive",
    }


def _excluding(said: str, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The installed packages that exclude wanted ones, with those: to install one of these removes them."""
    found = {}
    for line in said.splitlines():
        status, name, others = line.split("|", 2)
        named = {other.split()[0] for other in others.split(",") if other.strip() and "(" not in other}
        if status.startswith(("ii", "hi")) and (both := sorted(named & set(wanted))):
            found[name] = both
    return found
