"""Servers as they are offered: two that were looked at, and what owners change on them.

`good.json` and `hardened.json` are what `on_server/examine.py` printed on the two servers of
`tests/end_to_end/test_offered.py`; left out or replaced is what belongs to the machine that they ran on: kernel,
processor, memory, disk, clock, addresses, and comments in files.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from network_topology import load
from network_topology.compiling import compile as compiler
from werkplaats.operations.home import places
from werkplaats.operations.offered import answer, examine, findings, paper, table
from werkplaats.operations.reach.servers import Server

HERE = Path(__file__).parent
GELRE = compiler.compile_network(load.find("gerda", places.EXAMPLES)).stations["gelre"]
PEOPLE = {"steward": {"from": ["192.0.2.0/24"]}, "scientist": {"from": ["192.0.2.0/24"]}}
SERVER = Server("gelre", "192.0.2.21", "SHA256:", people=PEOPLE)
Change = Callable[[dict[str, Any]], object]


def recorded(name: str) -> dict[str, Any]:
    """What a server printed, as JSON has it."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text())
    return found


GOOD, HARDENED = recorded("good"), recorded("hardened")


def wanted(managed: Mapping[str, bool] | None = None, place: str | None = None) -> findings.Wanted:
    """What gelre's station of gerda needs, with what its operator says of whose the parts of the server are."""
    return examine.wanted(GELRE, dataclasses.replace(SERVER, managed=managed or {}), "gerda", place=place)


def examined(
    document: dict[str, Any], *owners: str, ahead: float = 0.0, managed: Mapping[str, bool] | None = None
) -> paper.Examined:
    """What is said of a server that prints this, with a clock so many seconds ahead, and with parts of its owner's."""
    place = "https://publicatie.ggd-nog.example/gerda/" if "place" in document else None  # else nobody tried one
    moment, needs = document["clock"] - ahead, wanted(managed or dict.fromkeys(owners, False), place)
    facts = answer.read(json.dumps(document), moment, moment)
    return paper.Examined(facts, needs, table.judge(facts, needs), GELRE.firewall)


def changed(*changes: Change, of: dict[str, Any] = GOOD) -> dict[str, Any]:
    """A copy of what a server printed, with changes."""
    document = copy.deepcopy(of)
    for change in changes:
        change(document)
    return document


def file(path: str, text: str) -> Change:
    """A file has other content, or comes."""
    return lambda document: document["files"].update({path: text})


def said(name: str, text: str) -> Change:
    """A program prints something else."""
    return lambda document: document["said"].update({name: text})


def adds(name: str, text: str) -> Change:
    """A program prints something more."""
    return lambda document: document["said"].update({name: document["said"].get(name, "") + text})


def unit(name: str, active: str, at_boot: str) -> Change:
    """systemd has this unit."""
    return adds("units", f"\nId={name}\nLoadState=loaded\nActiveState={active}\nUnitFileState={at_boot}\n")


def marked(path: str) -> Change:
    """A path is there."""
    return lambda document: document["marks"].append(path)


def user(name: str, uid: int, shell: str, about: str = "") -> Change:
    """An account is there."""
    fields = {"uid": uid, "gid": 5000, "shell": shell, "about": about}
    return lambda document: document["accounts"]["users"].update({name: fields})


def numbers(uids: dict[str, str], gids: dict[str, str]) -> Change:
    """Numbers that are somebody's."""

    def change(document: dict[str, Any]) -> None:
        document["accounts"]["uids"].update(uids)
        document["accounts"]["gids"].update(gids)

    return change


def space(free: int, inodes: int = 2_000_000) -> Change:
    """So much is free on each disk."""
    return lambda document: [one.update(free=free, inodes=inodes) for one in document["space"].values()]


def peers(**fields: object) -> Change:
    """What is seen of each other gateway."""
    return lambda document: [one.update(fields) for one in document["peers"].values()]


def placed(document: dict[str, Any]) -> None:
    """Something of ours is there."""
    document["accounts"]["placed"] = True


def people(which: str, *found: Any) -> Change:
    """What keeps out people who are `keyed`, or `others`; or what of it is `opened`."""
    return lambda document: document["people"].update({which: list(found)})


def engine(info: dict[str, Any] | None = None, **facts: Any) -> Change:
    """An engine runs that says this of itself, of which there is also this."""
    said = {"version": "28.5.1", "security": ["seccomp"], "snapshotter": "", "swarm": False, **(info or {})}
    there = {"daemon": "/usr/sbin/dockerd", "lacks": [], "known": True, "active": True, "enabled": True, "info": said}

    def change(document: dict[str, Any]) -> None:
        document["programs"] += ["dockerd", "docker"]
        document["engine"].update(there | facts)

    return change


HOPELESS: tuple[Change, ...] = (
    file("/etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    file("/proc/meminfo", "MemTotal:         983040 kB\n"),
    space(700 * 2**20),
    user("station", 5001, "/bin/bash"),
    lambda document: document["accounts"]["uids"].update({"5001": "station"}),
    adds("listeners", 'LISTEN 0 511 0.0.0.0:8443 0.0.0.0:* users:(("java",pid=812,fd=9))\n'),
    engine(
        {"security": ["seccomp", "userns"]},
        containers=[["portal", "running", "gelre/portal:4", "0.0.0.0:443->443/tcp"]],
    ),
    adds("packages", "ii |puppet-agent|8.10.0-1\n"),
)
"""What is changed on the good server for one of which nothing can become a station."""
