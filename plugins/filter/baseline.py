"""Filters of the role `baseline`: what keeps a server from carrying a station, our programs, people, firewall rules."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

Facts = Mapping[str, Any]
CLOCKS = ("chrony.service", "systemd-timesyncd.service", "ntpsec.service", "openntpd.service")
CLOCK_PACKAGES = ("chrony", "systemd-timesyncd", "ntpsec", "openntpd")
PARTS = ("accounts", "sshd", "firewall", "time", "engine", "journal")
GROUPS = {"station": 5000}
USERS = {"station": (5001, 5000), "computer": (5002, 5000)}
PEOPLE = ("steward", "scientist")
SHELL = "/bin/sh"
# What sysusers.d says of these accounts: one with another text is somebody else's.
ABOUT = {"steward": "Steward of the datastation", "scientist": "Data scientist of the datastation"}
COMMENT = re.compile(r"[A-Za-z0-9@._+: -]{0,100}")
# What follows the name of the type in the key itself (RFC 4253, 5656, 8709; PROTOCOL.u2f): a length in bytes, a fixed
# text, or None for anything.
FIELDS: Mapping[str, tuple[int | bytes | None, ...]] = {
    "ssh-ed25519": (32,),
    "ecdsa-sha2-nistp256": (b"nistp256", 65),
    "sk-ssh-ed25519@openssh.com": (32, b"ssh:"),
    "sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256", 65, b"ssh:"),
    "ssh-rsa": (None, None),
}
RSA_BITS = 3072
LIBRARY = "/usr/local/lib/werkplaats"
PACKAGE = "on_server"
# Command → module of the package whose main() it starts. sshd, units and people know commands by these paths.
COMMANDS = {
    "/usr/local/bin/station": "station_command.cli",
    "/usr/local/bin/station-account": "station_command.account",
    "/usr/local/sbin/engine-settings": "engine_settings",
    "/usr/local/sbin/gateway-reload": "gateway.reload",
    "/usr/local/sbin/guarded-change": "guard",
    "/usr/local/sbin/people-access": "access",
    "/usr/local/sbin/station-cut": "gateway.cut",
}


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
    if "werkplaats-gateway" not in server["users"]:
        found.append("user werkplaats-gateway is missing")
    members = server["groups"].get("station-control", {}).get("members", [])
    for name in PEOPLE:
        user = server["users"].get(name)
        if user is None:
            found.append(f"user {name} is missing")
        elif user["shell"] != SHELL:
            found.append(_shell_line(name, user))
        elif name not in members:
            found.append(f"user {name} is not in group station-control")
    return found


def closed_accounts(server: Facts) -> list[str]:
    """Return the people's accounts that are ours and got another shell, as hardening gives system accounts."""
    users = ((name, server["users"].get(name)) for name in PEOPLE)
    return [name for name, user in users if user and user["shell"] != SHELL and user.get("about") == ABOUT[name]]


def _shell_line(name: str, user: Mapping[str, Any]) -> str:
    return f"user {name} has shell {user['shell']} and needs {SHELL}"


def accounts_in_the_way(server: Facts) -> list[str]:
    """Return the differences that making accounts cannot solve: names or numbers that somebody else has."""
    closed = [_shell_line(name, server["users"][name]) for name in closed_accounts(server)]
    found = [line for line in account_differences(server) if " needs " in line and line not in closed]
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
    found += server["kept_out"]
    if not managed["sshd"]:
        found += [f"{line}; sshd is the owner's here, set it there" for line in people_differences(server, people)]
    return found


def baseline_packages(server: Facts, managed: Mapping[str, bool]) -> list[str]:
    """Return the packages that the baseline needs on this server."""
    wanted = ["openssl"] + ["nftables"] * bool(managed["firewall"])
    has_clock = server["container"] or any(name in server["packages"] for name in CLOCK_PACKAGES)
    return wanted + ["systemd-timesyncd"] * bool(managed["time"] and not has_clock)


def baseline_without(managed: Mapping[str, bool]) -> list[str]:
    """Return the paths that the baseline does not place, since they are the owner's."""
    firewall = ["/etc/werkplaats/baseline/firewall.nft", "/etc/systemd/system/werkplaats-firewall*"]
    paths = {"accounts": ["/etc/sysusers.d/*"], "sshd": ["/etc/werkplaats/baseline/sshd.conf"], "firewall": firewall}
    return [path for name, found in paths.items() if not managed[name] for path in found]


def baseline_links(managed: Mapping[str, bool]) -> list[dict[str, str]]:
    """Return the links that start our units at boot."""
    wanted = [("multi-user", "werkplaats-undo.service")]
    if managed["firewall"]:
        wanted += [("multi-user", "werkplaats-firewall.service"), ("timers", "werkplaats-firewall-kept.timer")]
    folder = "/etc/systemd/system"
    return [{"path": f"{folder}/{by}.target.wants/{name}", "to": f"{folder}/{name}"} for by, name in wanted]


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
    # A zone is printed as it stands, whatever stands in it.
    why = f"{address!r} names a zone" if "%" in address else ""
    try:
        network = ipaddress.ip_network(address)
    except ValueError as problem:
        why = str(problem)
    if why:
        raise AnsibleFilterError(f"firewall row: {why}; correct `egress` in the network's file")
    return network


def account_commands(server: Facts, managed: Mapping[str, bool]) -> list[list[str]]:
    """Return the command that makes the accounts, where some are missing."""
    if not managed["accounts"]:
        return []
    opened = [["usermod", "--shell", SHELL, name] for name in closed_accounts(server)]
    missing = len(account_differences(server)) > len(opened)
    return [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]] * missing + opened


def login_pattern(login: str) -> str:
    """Return the pattern of sshd that stands for a login; a directory's may hold what has a meaning in its settings."""
    return re.sub(r"[^A-Za-z0-9_.-]", "?", login)


def people_faults(people: Any) -> list[str]:
    """Return a sentence with its remedy for everything that keeps these people from being let in safely."""
    if not isinstance(people, Mapping):
        return ["people: give accounts with `keys` and `from`"]
    found = [f"people: {str(name)[:40]!r} is none of {', '.join(PEOPLE)}" for name in people if name not in PEOPLE]
    for account in PEOPLE:
        given = people.get(account)
        if given is not None:
            found += [f"people: {account}: {line}" for line in _account_faults(given)]
    return found


def people_files(people: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a file of keys for each account that somebody may use; unsafe people are an AnsibleFilterError."""
    if faults := people_faults(people):
        raise AnsibleFilterError("; ".join(faults))
    files = []
    for account in PEOPLE:
        given = people.get(account) or {}
        ranges = ",".join(str(ipaddress.ip_network(text)) for text in given.get("from") or ())
        options = f'restrict,from="{ranges}",command="/usr/local/bin/station-account {account}"'
        lines = [f"{options} {key.rstrip(' ')}\n" for key in given.get("keys") or ()]
        if lines:
            files.append({"path": f"/etc/werkplaats/people/{account}", "content": "".join(lines), "mode": "0644"})
    return files


def _account_faults(given: Any) -> list[str]:
    if not isinstance(given, Mapping) or not set(given) <= {"keys", "from"}:
        return ["give `keys` (lines of public keys) and `from` (ranges of addresses), and nothing else"]
    keys, ranges = given.get("keys") or [], given.get("from") or []
    if not isinstance(keys, list) or not isinstance(ranges, list):
        return ["`keys` and `from` are lists"]
    found = [f"key {number}: {fault}" for number, key in enumerate(keys, 1) if (fault := _key_fault(key))]
    found += [fault for text in ranges if (fault := _range_fault(text))]
    if keys and not ranges:
        found.append("reachable from the organisation's own range only; give that range under `from`")
    return found


def _key_fault(line: Any) -> str:
    """Why one line is no public key that may log in; empty where it is one."""
    if not isinstance(line, str):
        return "not a text; give the line of the .pub file"
    kind, _, rest = line.partition(" ")
    body, _, comment = rest.partition(" ")
    if kind not in FIELDS:
        return f"its type is none of {', '.join(FIELDS)}; make one with `ssh-keygen -t ed25519`"
    if not COMMENT.fullmatch(comment):
        return "its comment has other characters than letters, digits and @._+:-; shorten it to a name"
    try:
        fields = _key_fields(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        return "it is damaged; copy the whole line of the .pub file"
    if not fields or fields[0] != kind.encode() or len(fields) != len(FIELDS[kind]) + 1:
        return "it is not a key of the type that it begins with; copy the whole line of the .pub file"
    for field, wanted in zip(fields[1:], FIELDS[kind], strict=True):
        if wanted is not None and (len(field) if isinstance(wanted, int) else field) != wanted:
            return "it is not a key of the type that it begins with; copy the whole line of the .pub file"
    if kind == "ssh-rsa" and int.from_bytes(fields[2], "big").bit_length() < RSA_BITS:
        return f"an RSA key of less than {RSA_BITS} bits; make one with `ssh-keygen -t ed25519`"
    return ""


def _key_fields(blob: bytes) -> list[bytes]:
    """The texts of a key, each after its length in four bytes (RFC 4251, section 5). Raises ValueError."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length:
            raise ValueError("cut off")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _range_fault(text: Any) -> str:
    try:
        found = ipaddress.ip_network(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    # A scope after % may hold any character, also a quote.
    if found is None or "%" in text:
        return f"{str(text)[:50]!r} is no range of addresses such as 192.0.2.0/24"
    if found.prefixlen == 0:
        return f"{found} is everybody; give the organisation's own range"
    return ""


def program_files(folder: str) -> dict[str, list[dict[str, Any]]]:
    """Return what `server_part` writes of the package in `folder`, and renders for its commands.

    Keys are `written` and `rendered`. Raises AnsibleFilterError where the package is not.
    """
    modules = sorted(Path(folder).rglob("*.py"))
    if not modules:
        raise AnsibleFilterError(f"{folder} is missing; take a complete copy of this project")
    return {
        "written": [
            {"path": f"{LIBRARY}/{PACKAGE}/{module.relative_to(folder).as_posix()}", "source": str(module)}
            for module in modules
        ],
        "rendered": [
            {
                "template": "starter.j2",
                "path": path,
                "variables": {"library": LIBRARY, "module": f"{PACKAGE}.{module}"},
            }
            for path, module in COMMANDS.items()
        ],
    }


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        public = (
            account_commands, baseline_faults, baseline_links, baseline_packages, baseline_without, firewall_rules,
            login_pattern, managed_parts, people_faults, people_files, program_files,
        )  # fmt: skip
        return {function.__name__: function for function in public}
