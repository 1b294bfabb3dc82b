"""What the rules of a server do with its gateway's port, as far as their text says; the rest cannot be told from them.

A rule set is a program. Judged is only what holds whatever it does else: that nothing names a port which is closed by
default, that nothing closes a port at all, that a rule without a condition lets everybody in. Rules of the old kind
(iptables-legacy) are in no text of nft's, and a firewall elsewhere is in none of this server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TABLE = "inet werkplaats"
RULES = ["nft", "--stateless", "list", "ruleset"]
OLD_KIND = Path("/proc/net/ip_tables_names")
# What a rule may say beside its port and still be about every caller.
EVERYBODY = {"tcp", "meta", "l4proto", "ct", "state", "new", "counter", "accept", "{", "}", "th"}
Inbound = Mapping[int, Sequence[str]]  # port → the addresses of who must reach it, CIDR; all others must not
Fault = tuple[str, str]  # what is so, and what to do about it


def shut(ruleset: str, port: int) -> list[str]:
    """The chains by which nobody reaches a port: they drop what no rule names, and none names it."""
    return [] if _names_port(ruleset, port) else [one for one in closes(ruleset) if not one.startswith(f"{TABLE} ")]


def surely_shut(ruleset: str, port: int) -> list[str]:
    """Those of which no other rule may let anybody in either, by address say, or in a chain that it jumps to."""
    chains = _chains(ruleset)
    return [one for one in shut(ruleset, port) if not any(_may_let_in(line, port) for line in chains[one])]


def open_to_all(ruleset: str, port: int) -> str:
    """By what everybody reaches a port; "" where nobody else does, or where it cannot be told."""
    chains = {name: found for name, found in _chains(ruleset).items() if not name.startswith(f"{TABLE} ")}
    inward = {name: found for name, found in chains.items() if any("hook input" in line for line in found)}
    for found in inward.values():
        for line in found:
            if _is_about(line, port) and "accept" in line.split() and not _condition(line, port):
                return f"`{line}`"
            if _refuses(line):
                break
    if any(_refuses(line) or "policy drop" in line for found in chains.values() for line in found):
        return ""
    return "no rule drops anything"


def stops(ruleset: str, inbound_: Inbound) -> list[Fault]:
    """Where the rules are their owner's: ports that surely nobody reaches."""
    chains = {port: surely_shut(ruleset, port) for port in inbound_}
    return [
        (
            f"{', '.join(by)} drops what no rule names, and none names TCP {port}",
            f"let TCP {port} in from {', '.join(inbound_[port])}; the firewall is the owner's here",
        )
        for port, by in chains.items()
        if by
    ]


def opens(ruleset: str, inbound_: Inbound, *, old_kind: bool) -> list[Fault]:
    """Where the rules are their owner's: ports that surely everybody reaches. `old_kind`: there are others beside."""
    by = {} if old_kind else {port: open_to_all(ruleset, port) for port in inbound_}
    return [
        (
            f"everybody reaches TCP {port}: {why}",
            f"let it in from {', '.join(inbound_[port])} alone; the firewall is the owner's here",
        )
        for port, why in by.items()
        if why
    ]


def inbound(rows: Iterable[Mapping[str, Any]]) -> dict[int, list[str]]:
    """Of a firewall sheet, the ports of which every caller's address is known, with these."""
    found: dict[int, list[str]] = {}
    unknown = set()
    for row in rows:
        if row["direction"] == "in":
            found.setdefault(row["port"], []).extend(row["addresses"])
            unknown |= set() if row["addresses"] else {row["port"]}
    return {port: addresses for port, addresses in found.items() if port not in unknown}


def closes(ruleset: str) -> list[str]:
    """The input chains of `nft list ruleset` that drop whatever they do not name: `family table chain`.

    By their policy, or by a rule without a condition, as firewalld ends its own.
    """
    found: list[str] = []
    for chain, lines in _chains(ruleset).items():
        hooked = any("hook input" in line for line in lines)
        if hooked and any("policy drop" in line or _ends(line.split()) for line in lines):
            found.append(chain)
    return found


def taken_elsewhere(ruleset: str, port: int) -> str:
    """The rule by which what comes for this port goes to another address or port, before anybody listens; or ""."""
    diverted = ("dnat", "redirect", "tproxy")
    return next(
        (line for line in _rules(ruleset) if _is_about(line, port) and any(w in diverted for w in line.split())), ""
    )


def _names_port(ruleset: str, port: int) -> bool:
    """Whether any rule names this port to let it in; our own table does not count."""
    return any(_is_about(line, port) and not {"drop", "reject"} & set(line.split()) for line in _rules(ruleset))


def _rules(ruleset: str) -> list[str]:
    """Of all tables but our own."""
    return [line for chain, found in _chains(ruleset).items() if not chain.startswith(f"{TABLE} ") for line in found]


def _chains(ruleset: str) -> dict[str, list[str]]:
    """`family table chain` → its lines."""
    found: dict[str, list[str]] = {}
    table = chain = ""
    for line in ruleset.splitlines():
        words = line.split()
        if words[:1] == ["table"] and len(words) >= 3:
            table, chain = f"{words[1]} {words[2]}", ""
        elif words[:1] == ["chain"] and len(words) >= 2:
            chain = f"{table} {words[1]}"
        elif chain and words and words != ["}"]:
            found.setdefault(chain, []).append(line.strip())
    return found


def _ends(words: Sequence[str]) -> bool:
    return [word for word in words if word != "counter"][:1] in (["drop"], ["reject"])


def _refuses(line: str) -> bool:
    """Whether a rule drops anything but packets of no connection."""
    return bool({"drop", "reject", "queue"} & set(line.split())) and "ct state invalid" not in line


def _may_let_in(line: str, port: int) -> bool:
    """Whether a rule may be about the first packet that somebody sends to a port, and does not refuse it."""
    words = set(re.split(r"[\s,{}\"]+", line))
    if not words & {"accept", "jump", "goto", "vmap", "queue"}:
        return False
    others = words & {"established", "icmp", "icmpv6", "ipv6-icmp", "udp", "lo"}
    return not others and ("dport" not in words or _is_about(line, port))


def _condition(line: str, port: int) -> list[str]:
    """What of a rule narrows it further than to a port."""
    words = re.sub(r"\bdport (?:\{[^}]*\}|[0-9-]+)", "", line).replace(",", " ").split()
    return [word for word in words if word not in EVERYBODY and word != str(port)]


def _is_about(line: str, port: int) -> bool:
    """`tcp dport 8443`, `{ 80, 8000-8999 }`."""
    for group, alone in re.findall(r"\bdport (?:\{([^}]*)\}|([0-9-]+))", line):
        for one in (group or alone).split(","):
            first, _, last = one.strip().partition("-")
            if first.isdecimal() and int(first) <= port <= int(last if last.isdecimal() else first):
                return True
    return False
