"""What a server lacks, decided from the facts that `server_facts` read."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

Facts = Mapping[str, Any]
CLOCKS = ("chrony.service", "systemd-timesyncd.service", "ntpsec.service", "openntpd.service")
CLOCK_PACKAGES = ("chrony", "systemd-timesyncd", "ntpsec", "openntpd")
PARTS = ("accounts", "sshd", "firewall", "time")
GROUPS = {"station": 5000}
USERS = {"station": (5001, 5000), "computer": (5002, 5000)}
PEOPLE = ("steward", "scientist")
SHELL = "/bin/sh"
SSHD = {"passwordauthentication": ("no",), "permitrootlogin": ("no", "without-password", "prohibit-password")}


def account_differences(server: Facts) -> list[str]:
    """Return a sentence per account that is missing, or is not as the containers and the station's people need it."""
    found = []
    for name in ("station", "station-control"):
        group = server["groups"].get(name)
        if group is None:
            found.append(f"group {name} is missing")
        elif name in GROUPS and group["gid"] != GROUPS[name]:
            found.append(f"group {name} has gid {group['gid']} and needs {GROUPS[name]}")
    for name, (uid, gid) in USERS.items():
        user = server["users"].get(name)
        if user is None:
            found.append(f"user {name} is missing")
        elif (user["uid"], user["gid"]) != (uid, gid):
            found.append(f"user {name} has {user['uid']}:{user['gid']} and needs {uid}:{gid}")
    if "haproxy" not in server["users"]:
        found.append("user haproxy is missing")
    members = server["groups"].get("station-control", {}).get("members", [])
    for name in PEOPLE:
        user = server["users"].get(name)
        if user is None:
            found.append(f"user {name} is missing")
        elif user["shell"] != SHELL:
            found.append(f"user {name} has shell {user['shell']} and needs {SHELL}")
        elif name not in members:
            found.append(f"user {name} is not in group station-control")
    return found


def accounts_in_the_way(server: Facts) -> list[str]:
    """Return the differences that making accounts cannot solve: names or numbers that somebody else has."""
    found = [line for line in account_differences(server) if " needs " in line]
    numbers = {uid: name for name, (uid, _gid) in USERS.items()}
    for name, user in server["users"].items():
        if user["uid"] in numbers and numbers[user["uid"]] != name:
            found.append(f"uid {user['uid']} belongs to {name} and is needed for {numbers[user['uid']]}")
    for name, group in server["groups"].items():
        if group["gid"] == GROUPS["station"] and name != "station":
            found.append(f"gid {group['gid']} belongs to {name} and is needed for station")
    return found


def people_differences(server: Facts, people: Mapping[str, Any]) -> list[str]:
    """Return a sentence per account that has keys while sshd would give it more than its one command, or other keys."""
    found = []
    for name in PEOPLE:
        wanted = {
            "authenticationmethods": "publickey",
            "authorizedkeysfile": f"/etc/werkplaats/people/{name}",
            "forcecommand": f"/usr/local/bin/station-account {name}",
            "permittty": "no",
        }
        settings = server["sshd_people"].get(name, {})
        if (people.get(name) or {}).get("keys"):
            found += [
                f"sshd has {setting} {settings.get(setting, 'unset')} for {name} and needs {value}"
                for setting, value in wanted.items()
                if settings.get(setting, "").replace("%u", name) != value
            ]
    return found


def sshd_differences(settings: Mapping[str, str]) -> list[str]:
    """Return a sentence per setting of `sshd -T` that lets people in whom it should not."""
    return [
        f"sshd has {name} {settings.get(name, 'unset')} and needs {wanted[0]}"
        for name, wanted in SSHD.items()
        if settings.get(name) not in wanted
    ]


def clock_is_kept(server: Facts) -> bool:
    """Return whether a time service runs; in a container the clock is the host's."""
    units = server["units"]
    return bool(server["container"]) or any(units.get(name, {}).get("active") for name in CLOCKS)


def managed_parts(given: Mapping[str, bool]) -> dict[str, bool]:
    """Return for each part of a server whether it is ours to manage: all are, unless the operator says otherwise."""
    unknown = set(given) - set(PARTS)
    if unknown:
        raise AnsibleFilterError(f"managed: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    return {part: bool(given.get(part, True)) for part in PARTS}


def baseline_faults(
    server: Facts, managed: Mapping[str, bool], clock_seconds: float, people: Mapping[str, Any]
) -> list[str]:
    """Return a sentence with its remedy for everything that keeps this server from carrying a station."""
    found = []
    release = server["release"]
    if (release.get("id"), release.get("version_id")) != ("debian", "13"):
        found.append(f"this server runs {release.get('pretty_name')}; stations run on Debian 13 (trixie)")
    if server["clock_difference"] >= clock_seconds:
        found.append(
            f"its clock differs {server['clock_difference']:.1f} s from this machine's, and certificates need the "
            "right time; let one of the two synchronise (timedatectl, chronyc tracking)"
        )
    found += [
        f"{line}: that account is somebody else's, give it another name or number"
        for line in accounts_in_the_way(server)
    ]
    if not managed["time"] and not clock_is_kept(server):
        found.append("nothing keeps its clock; start its chrony, ntpsec or systemd-timesyncd")
    if not managed["accounts"]:
        found += [f"{line}; accounts are the owner's here, make it so" for line in account_differences(server)]
    if not managed["sshd"]:
        lines = [*sshd_differences(server["sshd"]), *people_differences(server, people)]
        found += [f"{line}; sshd is the owner's here, set it there" for line in lines]
    return found


def baseline_packages(server: Facts, managed: Mapping[str, bool]) -> list[str]:
    """Return the packages that the baseline needs on this server."""
    wanted = ["openssl"] + ["nftables"] * bool(managed["firewall"])
    has_clock = server["container"] or any(name in server["packages"] for name in CLOCK_PACKAGES)
    return wanted + ["systemd-timesyncd"] * bool(managed["time"] and not has_clock)


def lacking(server: Facts, names: list[str], held: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return which packages are to be installed, and which to be held back from upgrades: {} when none."""
    wanted = {
        "names": [name for name in names if name not in server["packages"]],
        "held": [name for name in held if name not in server["held"]],
    }
    return wanted if any(wanted.values()) else {}


def baseline_without(managed: Mapping[str, bool]) -> list[str]:
    """Return the paths that the baseline does not place, since they are the owner's."""
    firewall = ["/etc/werkplaats/baseline/firewall.nft", "/etc/systemd/system/werkplaats-firewall.service"]
    paths = {"accounts": ["/etc/sysusers.d/*"], "sshd": ["/etc/werkplaats/baseline/sshd.conf"], "firewall": firewall}
    return [path for name, found in paths.items() if not managed[name] for path in found]


def baseline_links(managed: Mapping[str, bool]) -> list[dict[str, str]]:
    """Return the links that start our units at boot."""
    names = ["werkplaats-undo.service"] + ["werkplaats-firewall.service"] * bool(managed["firewall"])
    folder = "/etc/systemd/system"
    return [{"path": f"{folder}/multi-user.target.wants/{name}", "to": f"{folder}/{name}"} for name in names]


def firewall_rules(rows: list[Mapping[str, Any]]) -> list[str]:
    """Return nftables rules for the inbound rows: per port its sources, then nobody else.

    An address that is no address, or a port that is no port, is an AnsibleFilterError.
    """
    sources: dict[tuple[str, int], list[Any]] = {}
    for row in rows:
        if row["direction"] == "in":
            known = sources.setdefault((_protocol(row), _port(row)), [])
            known += [_network(address) for address in row["addresses"]]
    rules = []
    for (protocol, port), networks in sorted(sources.items()):
        for version, word in ((4, "ip"), (6, "ip6")):
            found = [network for network in networks if network.version == version]
            # nft refuses overlapping ranges in one set.
            texts = [str(network) for network in ipaddress.collapse_addresses(found)]
            if texts:
                rules.append(f"{protocol} dport {port} {word} saddr {{ {', '.join(texts)} }} accept")
        rules.append(f"{protocol} dport {port} counter drop")
    return rules


def _protocol(row: Mapping[str, Any]) -> str:
    protocol = str(row.get("protocol", "tcp"))
    if protocol not in ("tcp", "udp"):
        raise AnsibleFilterError(f"firewall row {dict(row)}: protocol is tcp or udp")
    return protocol


def _port(row: Mapping[str, Any]) -> int:
    port = row["port"]
    if not isinstance(port, int) or not 0 < port < 65536:
        raise AnsibleFilterError(f"firewall row {dict(row)}: port is a number from 1 to 65535")
    return int(port)


def _network(address: str) -> Any:
    try:
        return ipaddress.ip_network(address)
    except ValueError as problem:
        raise AnsibleFilterError(f"firewall row: {problem}; correct `egress` in the network's file") from problem


def account_commands(server: Facts, managed: Mapping[str, bool]) -> list[list[str]]:
    """Return the command that makes the accounts, where some are missing."""
    missing = managed["accounts"] and account_differences(server)
    return [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]] if missing else []


def merged_settings(owner: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's settings: the owner's with ours over them; an unreadable file is an AnsibleFilterError."""
    if "unreadable" in owner:
        raise AnsibleFilterError(f"/etc/docker/daemon.json cannot be read ({owner['unreadable']}); correct it")
    return {**owner, **ours}


def engine_without(server: Facts) -> list[str]:
    """Return the paths that the engine's role does not place: root needs no group to use the engine."""
    return ["/etc/sysusers.d/*"] if server["login"] == "root" else []


def engine_commands(server: Facts) -> list[list[str]]:
    """Return the command that lets the operator's login use the engine, where it may not yet."""
    members = server["groups"].get("docker", {}).get("members", [])
    may = server["login"] == "root" or server["login"] in members
    return [] if may else [["systemd-sysusers", "/etc/sysusers.d/werkplaats-engine.conf"]]


def haproxy_commands(server: Facts) -> list[list[str]]:
    """Return the command that stops Debian's own haproxy.service, where it is on and nobody's."""
    return [["systemctl", "stop", "haproxy.service"]] if haproxy_service_is_idle(server) else []


def haproxy_absent(server: Facts) -> list[str]:
    """Return the link that starts Debian's own haproxy.service at boot, where it is nobody's."""
    link = "/etc/systemd/system/multi-user.target.wants/haproxy.service"
    return [link] if haproxy_service_is_idle(server) else []


def haproxy_service_is_idle(server: Facts) -> bool:
    """Return whether Debian's own haproxy.service is on while nobody configured it: then it is only in the way.

    Without the package when the facts were read, it was installed by this run: nobody can have configured it.
    """
    if "haproxy" not in server["packages"]:
        return True
    unit = server["units"].get("haproxy.service", {})
    return bool(server["haproxy_untouched"] and (unit.get("active") or unit.get("enabled")))


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (
            account_commands, baseline_faults, baseline_links, baseline_packages, baseline_without, engine_commands,
            engine_without, firewall_rules, haproxy_absent, haproxy_commands, lacking, managed_parts, merged_settings,
        )  # fmt: skip
        return {function.__name__: function for function in public}
