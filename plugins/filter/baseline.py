"""Filters of the role `baseline`: what keeps a server from carrying a station, our programs, people, firewall rules."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from on_server import accounts, drop_in, firewall, follow
from on_server.gateway import callers

Facts = Mapping[str, Any]
Caller = tuple[str, ...]
CLOCK_PACKAGES = ("chrony", "systemd-timesyncd", "ntpsec", "openntpd")
BASE, UNITS = "/etc/werkplaats/baseline", "/etc/systemd/system"
FIREWALL_UNITS = ("werkplaats-firewall-kept.timer", "werkplaats-firewall-kept.service", "werkplaats-firewall.service")
PEOPLE = accounts.PEOPLE
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
# New connections of one caller: as many as the gateway takes of one in ten seconds (`tls_mesh`), and a tenth a second.
NEW_AT_ONCE, NEW_A_SECOND = 300, 30
LIBRARY = "/usr/local/lib/werkplaats"
PACKAGE = "on_server"
# Command → module of the package whose main() it starts. sshd, units and people know commands by these paths.
COMMANDS = {
    "/usr/local/bin/station": "station_command.cli",
    "/usr/local/bin/station-account": "station_command.account",
    "/usr/local/sbin/engine-settings": "engine_settings",
    "/usr/local/sbin/gateway-reload": "gateway.reload",
    "/usr/local/sbin/guarded-change": "guard",
    "/usr/local/sbin/owners-parts": "owned",
    "/usr/local/sbin/people-access": "access",
    "/usr/local/sbin/server-packages": "packages.main",
    "/usr/local/sbin/station-backup": "backup.main",
    "/usr/local/sbin/station-cut": "gateway.cut",
    "/usr/local/sbin/station-metrics": "metrics.main",
    "/usr/local/sbin/werkplaats-follow": "follow.main",
}


def baseline_faults(server: Facts, clock_seconds: float) -> list[str]:
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
    return found + list(server["faults"])


def baseline_packages(server: Facts, managed: Mapping[str, bool]) -> list[str]:
    """Return the packages that the baseline needs on this server."""
    # What the role `follower` needs is brought here, since each call of apt costs seconds.
    wanted = ["openssl", *follow.READS_WITH] + ["nftables"] * bool(managed["firewall"])
    has_clock = server["container"] or any(name in server["packages"] for name in CLOCK_PACKAGES)
    return wanted + ["systemd-timesyncd"] * bool(managed["time"] and not has_clock)


# Part of a server → the files of ours in it, which are not placed where it is the owner's.
_FILES = {
    "accounts": ["/etc/sysusers.d/werkplaats.conf"],
    "sshd": [f"{BASE}/sshd.conf"],
    "firewall": [f"{BASE}/firewall.nft", *(f"{UNITS}/{name}" for name in FIREWALL_UNITS)],
}


def baseline_without(managed: Mapping[str, bool]) -> list[str]:
    """Return the paths that the baseline does not place, since they are the owner's."""
    return [path for part, paths in _FILES.items() if not managed[part] for path in paths]


def baseline_absent(managed: Mapping[str, bool]) -> list[str]:
    """Return what an earlier run placed of parts that are the owner's now.

    The drop-in of sshd is taken away by `guarded-change`, once there is nothing to put in its place.
    """
    links = [link["path"] for link in baseline_links({**managed, "firewall": True})]
    loaded = [f"{BASE}/firewall.loaded", *(path for path in links if "firewall" in path)]
    return baseline_without(managed) + loaded * (not managed["firewall"])


def baseline_links(managed: Mapping[str, bool]) -> list[dict[str, str]]:
    """Return the links that start our units at boot."""
    wanted = [("multi-user", "werkplaats-undo.service"), ("timers", "werkplaats-packages.timer")]
    if managed["firewall"]:
        wanted += [("multi-user", "werkplaats-firewall.service"), ("timers", "werkplaats-firewall-kept.timer")]
    return [{"path": f"{UNITS}/{by}.target.wants/{name}", "to": f"{UNITS}/{name}"} for by, name in wanted]


def firewall_commands(server: Facts, managed: Mapping[str, bool]) -> list[list[str]]:
    """Return the commands that take our table away from a firewall that is its owner's now."""
    if managed["firewall"] or not server["table"]:
        return []
    family, name = firewall.TABLE.split()
    return [["systemctl", "stop", *FIREWALL_UNITS], ["nft", "delete", "table", family, name]]


def firewall_rules(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return nftables rules for the inbound rows: per port its sources, then nobody else.

    A source begins no more connections of TCP than those need that call from one address, and all sources of one
    caller no more than it needs (`firewall_limits`): what is above that never gets to the kernel's table of
    connections, which all of the server shares. It is what is above that is refused: a source for which the set has
    no room left comes in, since one caller with many addresses would shut out all others. An address that is no
    address, or a port that is no port, is an AnsibleFilterError.
    """
    rules = []
    for (protocol, port), declared in sorted(_inbound(rows).items()):
        known = callers.parts(declared)
        found = callers.disjoint(known)
        names = {part: name for name, part in _limits(port, known.values()).items()}
        for version, word, source in ((4, "ip", "ip saddr"), (6, "ip6", "ip6 saddr & ffff:ffff:ffff:ffff::")):
            own = {one: part for one, part in found.items() if one.version == version}
            if own and protocol == "tcp":
                for many in sorted({_rounded(part.callers) for part in own.values()}):
                    by = _from(port, word, (one for one, part in own.items() if _rounded(part.callers) == many))
                    rules.append(f"{by} update @callers{version} {{ {source} . tcp dport limit {_rate(many)} }} drop")
                whose = ", ".join(f'{one} : "{names[part]}"' for one, part in own.items())
                rules.append(f"tcp dport {port} limit name {word} saddr map {{ {whose} }} drop")
            if own:
                every = (ipaddress.ip_network(text) for texts in declared.values() for text in texts)
                let_in = (one for one in every if one.version == version)
                rules.append(f"{_from(port, word, let_in, protocol)} accept")
        rules.append(f"{protocol} dport {port} counter drop")
    return rules


def firewall_limits(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the limits that the rules name: what all sources of one caller begin at a port together."""
    every = {
        port: callers.parts(declared) for (protocol, port), declared in _inbound(rows).items() if protocol == "tcp"
    }
    return [
        f"limit {name} {{ {_rate(callers.rooms(_rounded(part.callers)))} }}"
        for port, found in sorted(every.items())
        for name, part in _limits(port, found.values()).items()
    ]


def _inbound(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], dict[Caller, list[str]]]:
    """Protocol and port → who calls there → the ranges from which they do."""
    found: dict[tuple[str, int], dict[Caller, list[str]]] = {}
    for row in rows:
        if row["direction"] == "in":
            ranges = [str(_network(address)) for address in row["addresses"]]
            # A server in a federation has rows of two definitions: an organisation may stand in both, and of two
            # organisations that have one name neither takes what the other has.
            who = str(row.get("counterpart", "")), *row.get("names", ()), *sorted(ranges)
            found.setdefault((_protocol(row), _port(row)), {})[who] = ranges
    return found


def _limits(port: int, parts: Iterable[callers.Part]) -> dict[str, callers.Part]:
    return {f"port{port}_{number}": part for number, part in enumerate(sorted(set(parts)), 1)}


def _rounded(many: int) -> int:
    """Up to a power of two: followers let go who leaves without these limits, which `up` brings: they seldom change."""
    return 1 << (many - 1).bit_length()


def _rate(many: int) -> str:
    """For so many callers."""
    return f"rate over {many * NEW_A_SECOND}/second burst {many * NEW_AT_ONCE} packets"


def _from(port: int, word: str, ranges: Iterable[Any], protocol: str = "tcp") -> str:
    # nft refuses overlapping ranges in one set.
    return f"{protocol} dport {port} {word} saddr {{ {', '.join(map(str, ipaddress.collapse_addresses(ranges)))} }}"


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
    found = server["accounts"]
    opened = [["usermod", "--shell", accounts.SHELL, name] for name in found["closed"]]
    missing = len(found["missing"]) > len(opened)
    return [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]] * missing + opened


def sshd_drop_in(login: str) -> dict[str, str]:
    """Return the file of sshd's settings that `server_part` writes: the candidate of `guarded-change`."""
    return {"path": f"{BASE}/sshd.conf", "content": drop_in.text(login)}


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
            account_commands, baseline_absent, baseline_faults, baseline_links, baseline_packages, baseline_without,
            firewall_commands, firewall_limits, firewall_rules, people_faults, people_files, program_files,
            sshd_drop_in,
        )  # fmt: skip
        return {function.__name__: function for function in public}
