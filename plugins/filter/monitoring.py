"""Filters of the role `monitoring`: what a server gets that tells of its station, and what goes where none is told."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

Settings = Mapping[str, Any]
ETC, UNITS = "/etc/werkplaats/metrics", "/etc/systemd/system"
TEXTFILES = "/var/lib/prometheus/node-exporter"
TIMER, SERVICE, EXPORTER = "station-metrics.timer", "station-metrics.service", "station-exporter.service"
PACKAGE = "prometheus-node-exporter"
OWNER_S = f"{PACKAGE}.service"
"""The unit of Debian's package, which listens at every address of the server."""
WORDS = {"every", "exporter", "address", "port", "tell"}
_METRICS = (f"{UNITS}/{TIMER}", f"{UNITS}/{SERVICE}")
_TIMED, _WANTED = f"{UNITS}/timers.target.wants/{TIMER}", f"{UNITS}/multi-user.target.wants/{EXPORTER}"


def monitoring_faults(settings: Settings, server: Mapping[str, Any]) -> list[str]:
    """Return a sentence where the owner of the server runs a node exporter that ours would stand beside."""
    if _exports(settings) and server["units"].get(OWNER_S, {}).get("active"):
        return [
            f"{OWNER_S} runs here, and is its owner's; write `monitoring: {{exporter: false}}` and have it read "
            f"{TEXTFILES}, or `systemctl disable --now {OWNER_S}`"
        ]
    return []


def monitoring_packages(settings: Settings) -> list[str]:
    """Return the packages that are needed."""
    return [PACKAGE] if _exports(settings) else []


def monitoring_variables(settings: Settings) -> dict[str, Any]:
    """Return what the units' templates see; another address than one of this server is an AnsibleFilterError."""
    try:
        address = ipaddress.ip_address(settings.get("address", "127.0.0.1"))
    except ValueError as error:
        raise AnsibleFilterError(f"monitoring: {error}") from error
    shown = f"[{address}]" if address.version == 6 else str(address)
    tells = bool(settings.get("tell"))
    return {
        "seconds": int(settings.get("every", 60)),
        "listen": f"{shown}:{int(settings.get('port', 9100))}",
        # The engine, systemd and the agent are reached by sockets in the file system.
        "alone": "false" if tells else "true",
        "families": "AF_UNIX AF_INET AF_INET6 AF_NETLINK" if tells else "AF_UNIX",
    }


def monitoring_files(settings: Settings, station: str) -> list[dict[str, str]]:
    """Return the settings as `server_part` writes them; other words than known are an AnsibleFilterError."""
    if not settings:
        return []
    if set(settings) != WORDS:
        raise AnsibleFilterError(f"monitoring: give {', '.join(sorted(WORDS))}")
    own = json.dumps({"station": station, "tell": settings["tell"]}, indent=1, sort_keys=True)
    return [{"path": f"{ETC}/settings.json", "content": f"{own}\n"}]


def monitoring_folders(settings: Settings) -> list[dict[str, str]]:
    """Return the folders that are made; the second is Debian's, with the rights that its package gives it."""
    return [{"path": path, "owner": "root", "group": "root", "mode": "0755"} for path in (ETC, TEXTFILES) if settings]


def monitoring_without(settings: Settings) -> list[str]:
    """Return the files that this server does not get."""
    return [*([] if settings else _METRICS), *([] if _exports(settings) else [f"{UNITS}/{EXPORTER}"])]


def monitoring_absent(settings: Settings) -> list[str]:
    """Return what an earlier run brought and is not wanted any more."""
    own = [] if settings else [_TIMED, *_METRICS, f"{ETC}/settings.json", f"{TEXTFILES}/werkplaats.prom"]
    return own + ([] if _exports(settings) else [_WANTED, f"{UNITS}/{EXPORTER}"])


def monitoring_links(settings: Settings) -> list[dict[str, str]]:
    """Return the links that start our units at boot."""
    timer = [{"path": _TIMED, "to": f"{UNITS}/{TIMER}"}] if settings else []
    return timer + ([{"path": _WANTED, "to": f"{UNITS}/{EXPORTER}"}] if _exports(settings) else [])


def monitoring_commands(settings: Settings, server: Mapping[str, Any]) -> list[list[str]]:
    """Return the commands that end what is not wanted, and keep Debian's own unit from starting at a boot."""
    units = server["units"]

    def known(name: str, word: str = "known") -> bool:
        return bool(units.get(name, {}).get(word))

    ends = [["systemctl", "stop", TIMER]] if known(TIMER) and not settings else []
    ends += [["systemctl", "stop", EXPORTER]] if known(EXPORTER) and not _exports(settings) else []
    ends += [["systemctl", "daemon-reload"]] if ends else []
    if _exports(settings) and (PACKAGE not in server["packages"] or known(OWNER_S, "enabled")):
        ends.append(["systemctl", "disable", OWNER_S])
    return ends


def monitoring_programs(settings: Settings) -> list[list[str]]:
    """Return the program that has the timer and node exporter run."""
    return [["/usr/local/sbin/station-metrics", "timer"]] if settings else []


def _exports(settings: Settings) -> bool:
    return bool(settings.get("exporter"))


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (
            monitoring_absent, monitoring_commands, monitoring_faults, monitoring_files, monitoring_folders,
            monitoring_links, monitoring_packages, monitoring_programs, monitoring_variables, monitoring_without,
        )  # fmt: skip
        return {function.__name__: function for function in public}
