"""The accounts that a station needs on a server, and whose those are that are there already.

The roles read them by the module `server_facts`, `werkplaats doctor` and `up` by `examine`; both judge by `faults`.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONTROL, GATEWAY, SHELL = "station-control", "werkplaats-gateway", "/bin/sh"
GROUPS = {"station": 5000}
USERS = {"station": (5001, 5000), "computer": (5002, 5000)}
PEOPLE = ("steward", "scientist")
# What sysusers.d says of these accounts: where nothing of ours is, one with another text is somebody else's.
ABOUT = {
    "station": "Agent of the datastation",
    "computer": "Computer of the datastation",
    GATEWAY: "Gateway of the datastation",
    "steward": "Steward of the datastation",
    "scientist": "Data scientist of the datastation",
}
PLACE = Path("/etc/werkplaats")
Found = Mapping[str, Any]
Fault = tuple[str, str]  # what is so, and what to do about it


def read() -> dict[str, Any]:
    """Who has these names and numbers, in /etc/passwd or in a directory of the owner's; `login` is who asks."""
    found: dict[str, Any] = {"users": {}, "groups": {}, "uids": {}, "gids": {}}
    login = os.environ.get("SUDO_USER", "root")
    for name in (*ABOUT, login):
        with contextlib.suppress(KeyError):
            row = pwd.getpwnam(name)
            user = {"uid": row.pw_uid, "gid": row.pw_gid, "shell": row.pw_shell, "about": row.pw_gecos[:100]}
            found["users"][name] = user
    for name in (*GROUPS, CONTROL):
        with contextlib.suppress(KeyError):
            group = grp.getgrnam(name)
            found["groups"][name] = {"gid": group.gr_gid, "members": list(group.gr_mem)}
    for uid, _gid in USERS.values():
        with contextlib.suppress(KeyError):
            found["uids"][str(uid)] = pwd.getpwuid(uid).pw_name
    for gid in GROUPS.values():
        with contextlib.suppress(KeyError):
            found["gids"][str(gid)] = grp.getgrgid(gid).gr_name
    return {**found, "login": login, "placed": PLACE.exists()}


def faults(found: Found, *, ours: bool) -> list[Fault]:
    """Everything of accounts that keeps a server from carrying a station. `ours`: what is missing will be made."""
    remedy = "that account is somebody else's: give it another name or number, or offer a server without it"
    in_the_way = [(line, remedy) for line in _in_the_way(found, ours=ours)]
    if ours:
        return in_the_way
    return in_the_way + [(line, "accounts are the owner's here, make it so") for line in differences(found)]


def differences(found: Found) -> list[str]:
    """A sentence per account that is missing, or is not as the containers and the station's people need it."""
    told = []
    for name in (*GROUPS, CONTROL):
        group = found["groups"].get(name)
        if group is None:
            told.append(f"group {name} is missing")
        elif name in GROUPS and group["gid"] != GROUPS[name]:
            told.append(f"group {name} has gid {group['gid']} and needs {GROUPS[name]}")
    for name, numbers in USERS.items():
        user = found["users"].get(name)
        if user is None:
            told.append(f"user {name} is missing")
        elif (user["uid"], user["gid"]) != numbers:
            told.append(f"user {name} has {user['uid']}:{user['gid']} and needs {numbers[0]}:{numbers[1]}")
    if GATEWAY not in found["users"]:
        told.append(f"user {GATEWAY} is missing")
    return told + [line for name in PEOPLE for line in _of_people(found, name)]


def closed(found: Found) -> list[str]:
    """The people's accounts that are ours and got another shell, as hardening gives system accounts."""
    users = ((name, found["users"].get(name)) for name in PEOPLE)
    return [name for name, user in users if user and user["shell"] != SHELL and user["about"] == ABOUT[name]]


def _of_people(found: Found, name: str) -> list[str]:
    user = found["users"].get(name)
    if user is None:
        return [f"user {name} is missing"]
    if user["shell"] != SHELL:
        return [f"user {name} has shell {user['shell']} and needs {SHELL}"]
    members = found["groups"].get(CONTROL, {}).get("members", [])
    return [] if name in members else [f"user {name} is not in group {CONTROL}"]


def _in_the_way(found: Found, *, ours: bool) -> list[str]:
    """The differences that making accounts cannot solve: names or numbers that somebody else has."""
    mended = {line for name in closed(found) for line in _of_people(found, name)}
    told = [line for line in differences(found) if ours and " needs " in line and line not in mended]
    if ours and not found["placed"]:  # a station that was taken off leaves its accounts there, which say whose they are
        users = ((name, user) for name, user in found["users"].items() if name in ABOUT)
        told += [f"there is a user {name} already" for name, user in users if user["about"] != ABOUT[name]]
    numbers = {str(uid): name for name, (uid, _gid) in USERS.items()}
    for uid, name in found["uids"].items():
        if name != numbers[uid]:
            told.append(f"uid {uid} belongs to {name} and is needed for {numbers[uid]}")
    for gid, name in found["gids"].items():
        if name not in GROUPS:
            told.append(f"gid {gid} belongs to {name} and is needed for station")
    return told
