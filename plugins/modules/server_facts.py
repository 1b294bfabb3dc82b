#!/usr/bin/python3
"""Reads once what all roles ask about a server: one task instead of a question per role."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils import access  # the program that the checks run too
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: server_facts
short_description: Read what the roles ask about a server
description:
  - Returns one fact, C(server). Changes nothing.
author: [datawerkplaats]
options:
  packages:
    description: Packages to look for.
    type: list
    elements: str
    default: []
  units:
    description: systemd units to look at.
    type: list
    elements: str
    default: []
  people:
    description: Accounts of people who have keys to the ranges that they come from.
    type: dict
    default: {}
  ours:
    description: Whether sshd is ours to set.
    type: bool
    default: true
  sent:
    description: Clock of the controller just before the question; filled in by the action plugin.
    type: float
    default: 0
"""

# All questions are asked at once and read afterwards: together they take as long as the slowest.
QUESTIONS = {
    "packages": ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Version}\n"],
    "sshd_steward": ["/usr/sbin/sshd", "-T", "-C", "user=steward,host=localhost,addr=127.0.0.1"],
    "sshd_scientist": ["/usr/sbin/sshd", "-T", "-C", "user=scientist,host=localhost,addr=127.0.0.1"],
    "virtual": ["systemd-detect-virt", "--container"],
    "excluding": ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Conflicts}, ${Breaks}\n"],
    "drop_ins": ["systemctl", "show", "--property=DropInPaths", "--value", "docker.service"],
}
# Asked of an engine that runs: a question to a stopped one starts it, by its socket, before its settings are there.
ENGINE = {
    "images": ["docker", "image", "ls", "--all", "--no-trunc", "--quiet"],
    "containers": ["docker", "ps", "--all", "--format", "{{.Names}}"],
    "networks": ["docker", "network", "ls", "--format", "{{.Name}}"],
    "info": ["docker", "info", "--format", "{{json .}}"],
}
SETTINGS, FLAGS = Path("/etc/docker/daemon.json"), Path("/etc/default/docker")
OURS = "/etc/systemd/system/docker.service.d/60-werkplaats.conf"
SOCKET = Path("/run/docker.sock")


def ask(units: list[str]) -> dict[str, str]:
    """Run all questions side by side and return what each printed; a program that is not there prints nothing."""
    questions = QUESTIONS | {
        "units": ["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", *units],
    }
    if subprocess.run(["systemctl", "is-active", "--quiet", "docker.service"], check=False).returncode == 0:
        questions |= ENGINE
    running: dict[str, subprocess.Popen[str]] = {}
    for name, words in questions.items():
        try:
            running[name] = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
            )
        except FileNotFoundError:
            continue
    return {name: process.communicate()[0] for name, process in running.items()}


def packages(said: str, wanted: list[str]) -> dict[str, str]:
    """Return the installed ones among the wanted packages, with their versions."""
    rows = (line.split("|") for line in said.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[1] in wanted and row[0].startswith(("ii", "hi"))}


def held(said: str) -> list[str]:
    """Return the packages that are held back from upgrades."""
    rows = (line.split("|") for line in said.splitlines())
    return [row[1] for row in rows if len(row) == 3 and row[0].startswith("h")]


def units(said: str) -> dict[str, dict[str, Any]]:
    """Return per unit whether systemd knows it, runs it, and starts it at boot."""
    found = {}
    for block in said.split("\n\n"):
        row = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in row:
            found[row["Id"]] = {
                "known": row.get("LoadState") == "loaded",
                "active": row.get("ActiveState") == "active",
                "enabled": row.get("UnitFileState") == "enabled",
            }
    return found


def json_file(path: Path) -> dict[str, Any]:
    """Return the owner's JSON file, empty where there is none; `{"unreadable": why}` where it is not JSON."""
    try:
        content = json.loads(path.read_text() or "{}")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        return {"unreadable": str(problem)}
    return content if isinstance(content, dict) else {"unreadable": "not a JSON object"}


def excluding(said: str, wanted: list[str]) -> dict[str, list[str]]:
    """Return the installed packages that exclude wanted ones, with those: to install one of these removes them."""
    found = {}
    for line in said.splitlines():
        status, name, others = line.split("|", 2)
        named = {other.split()[0] for other in others.split(",") if other.strip() and "(" not in other}
        if status.startswith(("ii", "hi")) and (both := sorted(named & set(wanted))):
            found[name] = both
    return found


def engine(said: dict[str, str], wanted: list[str]) -> dict[str, Any]:
    """Return what there is of a container engine, and what of it is its owner's.

    `info` is what the engine says of itself: None of one that does not run, {} when one that runs does not answer.
    """
    drop_ins = said.get("drop_ins", "").split()
    flags = FLAGS.read_text().splitlines() if FLAGS.exists() else []
    try:
        told = json.loads(said["info"] or "{}") if "info" in said else None
    except ValueError:
        told = {}
    found = None
    if told is not None:
        pairs = [pair for pair in told.get("DriverStatus") or [] if len(pair) == 2]
        found = (
            {
                "security": [
                    option.split(",")[0].removeprefix("name=") for option in told.get("SecurityOptions") or []
                ],
                "snapshotter": dict(pairs).get("driver-type", ""),
                "swarm": (told.get("Swarm") or {}).get("LocalNodeState", "inactive") != "inactive",
            }
            if told.get("ServerVersion")
            else {}
        )
    daemon, program = shutil.which("dockerd"), shutil.which("docker")
    return {
        "daemon": daemon or "",
        "lacks": ["docker.io"] * (not daemon) + ["docker-cli"] * (not program),
        "snap": Path("/snap/bin/docker").exists(),
        "excluding": excluding(said.get("excluding", ""), wanted),
        "marked": OURS in drop_ins,
        "drop_ins": [path for path in drop_ins if path != OURS],
        "flags": [line for line in flags if line.strip() and not line.lstrip().startswith("#")],
        "containers": [name for name in said.get("containers", "").split() if not name.startswith("station-")],
        "networks": [name for name in said.get("networks", "").split() if name not in ("bridge", "host", "none")],
        "group": SOCKET.group() if SOCKET.exists() else "docker",
        "info": found,
    }


def sshd(said: str) -> dict[str, str]:
    """Return settings of `sshd -T` by name."""
    rows = (line.split(" ", 1) for line in said.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


def accounts() -> dict[str, Any]:
    """Return users and groups by name; who asked (behind sudo) with the groups of that login."""
    users = {
        row.pw_name: {"uid": row.pw_uid, "gid": row.pw_gid, "shell": row.pw_shell, "about": row.pw_gecos}
        for row in pwd.getpwall()
    }
    groups = {row.gr_name: {"gid": row.gr_gid, "members": list(row.gr_mem)} for row in grp.getgrall()}
    return {"users": users, "groups": groups, "login": os.environ.get("SUDO_USER", "root")}


def release() -> dict[str, str]:
    """Return /etc/os-release."""
    rows = (line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {name.lower(): value.strip('"') for name, value in rows}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "people": {"type": "dict", "default": {}},
            "ours": {"type": "bool", "default": True},
            "sent": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    clock = time.time()
    said = ask(module.params["units"])
    facts = {
        "clock": clock,
        "release": release(),
        "architecture": os.uname().machine,
        "container": said.get("virtual", "none").strip() not in ("", "none"),
        "packages": packages(said.get("packages", ""), module.params["packages"]),
        "held": held(said.get("packages", "")),
        "units": units(said["units"]),
        "daemon_json": json_file(SETTINGS),
        "engine": engine(said, module.params["packages"]),
        "images": said.get("images", "").split(),
        "sshd_people": {name: sshd(said.get(f"sshd_{name}", "")) for name in ("steward", "scientist")},
        **accounts(),
    }
    facts["kept_out"] = access.faults(module.params["people"], ours=module.params["ours"], login=facts["login"])
    module.exit_json(changed=False, ansible_facts={"server": facts}, msg="read")


if __name__ == "__main__":
    main()
