#!/usr/bin/python3
"""Reads once what all roles ask about a server: one task instead of a question per role."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

# What `werkplaats doctor` and the checks ask too; `access` needs the last, which Mitogen brings where it is named here.
from ansible.module_utils import access, accounts, drop_in, engine, firewall, owned  # noqa: F401
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
  managed:
    description: For each part of the server whether it is ours to set.
    type: dict
    default: {}
  inbound:
    description: Rows of the firewall sheet.
    type: list
    elements: dict
    default: []
  sent:
    description: Clock of the controller just before the question; filled in by the action plugin.
    type: float
    default: 0
"""

# All questions are asked at once and read afterwards: together they take as long as the slowest.
QUESTIONS = {
    "packages": ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Package}|${Version}\n"],
    "virtual": ["systemd-detect-virt", "--container"],
    "rules": firewall.RULES,
    **engine.QUESTIONS,
}
OF_AN_ENGINE_THAT_RUNS = engine.OF_ONE_THAT_RUNS | {
    "images": ["docker", "image", "ls", "--all", "--no-trunc", "--quiet"],
}


def ask(units: list[str]) -> dict[str, str]:
    """Run all questions side by side and return what each printed; a program that is not there prints nothing."""
    questions = QUESTIONS | {
        "units": ["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", *units],
    }
    if subprocess.run(engine.RUNS, check=False).returncode == 0:
        questions |= OF_AN_ENGINE_THAT_RUNS
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


def faults(server: dict[str, Any], there: dict[str, Any], rules: str, wants: dict[str, Any]) -> list[str]:
    """Return a sentence with its remedy for whatever of the parts of this server keeps a station from working on it."""
    ours = {part: wants["managed"].get(part, True) for part in ("accounts", "sshd", "firewall", "time", "engine")}
    told = [
        *accounts.faults(there, ours=ours["accounts"]),
        *access.faults(wants["people"], ours=ours["sshd"], login=there["login"]),
        *engine.faults(server["engine"], ours=ours["engine"]),
    ]
    if not ours["time"]:
        active = [name for name, unit in server["units"].items() if unit["active"]]
        told += owned.clock(active, container=server["container"])
    if not ours["firewall"]:
        told += firewall.stops(rules, firewall.inbound(wants["inbound"]))
    return [f"{seen}; {remedy}" for seen, remedy in told]


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
            "managed": {"type": "dict", "default": {}},
            "inbound": {"type": "list", "elements": "dict", "default": []},
            "sent": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    clock = time.time()
    said = ask(module.params["units"])
    there = accounts.read()
    facts = {
        "clock": clock,
        "release": release(),
        "architecture": os.uname().machine,
        "container": said.get("virtual", "none").strip() not in ("", "none"),
        "packages": packages(said.get("packages", ""), module.params["packages"]),
        "held": held(said.get("packages", "")),
        "units": units(said["units"]),
        "engine": engine.read(said, module.params["packages"])
        | {"owner_s": not module.params["managed"].get("engine", True)},
        "images": said.get("images", "").split(),
        "login": there["login"],
        "accounts": {"missing": accounts.differences(there), "closed": accounts.closed(there)},
        "table": firewall.TABLE in said.get("rules", ""),
    }
    facts["faults"] = faults(facts, there, said.get("rules", ""), module.params)
    module.exit_json(changed=False, ansible_facts={"server": facts}, msg="read")


if __name__ == "__main__":
    main()
