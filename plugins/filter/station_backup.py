"""Filters of the role `station_backup`: what a server gets that makes backups, and what goes where it makes none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

Settings = Mapping[str, Any]
ETC, UNITS, OWN = "/etc/werkplaats/backup", "/etc/systemd/system", "/var/backups/werkplaats"
TIMER, SERVICE = "station-backup.timer", "station-backup.service"
WORDS = {"to", "recipients", "every", "keep", "data"}
_LINK = f"{UNITS}/timers.target.wants/{TIMER}"
_FILES = (f"{UNITS}/{TIMER}", f"{UNITS}/{SERVICE}")


def backup_packages(settings: Settings) -> list[str]:
    """Return the packages that backups need."""
    return ["age"] if settings else []


def backup_variables(settings: Settings) -> dict[str, Any]:
    """Return what the units' templates see."""
    return {"hours": int(settings.get("every", 24)), "to": str(settings.get("to", OWN))}


def backup_files(settings: Settings, station: str) -> list[dict[str, str]]:
    """Return settings and recipients as `server_part` writes them; other words than known are an AnsibleFilterError."""
    if not settings:
        return []
    if set(settings) != WORDS or not settings["recipients"]:
        raise AnsibleFilterError(f"backup: give {', '.join(sorted(WORDS))}, and one recipient at least")
    own = {name: settings[name] for name in sorted(WORDS - {"recipients"})} | {"station": station}
    return [
        {"path": f"{ETC}/settings.json", "content": json.dumps(own, indent=1, sort_keys=True) + "\n"},
        {"path": f"{ETC}/recipients", "content": "".join(f"{one}\n" for one in settings["recipients"])},
    ]


def backup_folders(settings: Settings) -> list[dict[str, str]]:
    """Return the folders that are made: of backups only our own, another one is its owner's."""
    if not settings:
        return []
    found = [{"path": ETC, "owner": "root", "group": "root", "mode": "0755"}]
    if settings["to"] == OWN:
        found.append({"path": OWN, "owner": "root", "group": "root", "mode": "0750"})
    return found


def backup_without(settings: Settings) -> list[str]:
    """Return the files that a server without backups does not get."""
    return [] if settings else list(_FILES)


def backup_absent(settings: Settings) -> list[str]:
    """Return what an earlier run brought to a server that makes no backups any more."""
    return [] if settings else [_LINK, *_FILES, f"{ETC}/settings.json", f"{ETC}/recipients"]


def backup_links(settings: Settings) -> list[dict[str, str]]:
    """Return the link that starts the timer at boot."""
    return [{"path": _LINK, "to": f"{UNITS}/{TIMER}"}] if settings else []


def backup_commands(settings: Settings, server: Mapping[str, Any]) -> list[list[str]]:
    """Return the commands that end the timer where no backups are made any more."""
    known = server["units"].get(TIMER, {}).get("known", False)
    return [["systemctl", "stop", TIMER], ["systemctl", "daemon-reload"]] if known and not settings else []


def backup_programs(settings: Settings) -> list[list[str]]:
    """Return the program that has the timer run, and the first backup made."""
    return [["/usr/local/sbin/station-backup", "timer"]] if settings else []


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (
            backup_absent, backup_commands, backup_files, backup_folders, backup_links, backup_packages,
            backup_programs, backup_variables, backup_without,
        )  # fmt: skip
        return {function.__name__: function for function in public}
