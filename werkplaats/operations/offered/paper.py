"""What `doctor` says of an offered server, as a text that can be mailed to its owner as it is."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from network_topology.compiling import compiled
from on_server import accounts, follow
from werkplaats.operations.offered import packages, sheet, table
from werkplaats.operations.offered.answer import Facts
from werkplaats.operations.offered.findings import Finding, Severity, Wanted, listed

WIDTH = 96
LEFT = 18  # columns for the name of a part
PARTS = {
    "accounts": "accounts",
    "your login": "engine",
    "ssh": "sshd",
    "firewall": "firewall",
    "engine": "engine",
    "journal": "journal",
}
"""What is placed, by the name that an operator's inventory has for it."""
HEADINGS = (
    (Severity.STOPS, "stands in the way: nothing is placed before this is otherwise"),
    (Severity.DECIDES, "you decide, or set"),
    (Severity.TELLS, "good to know"),
)


@dataclasses.dataclass(frozen=True)
class Examined:
    """One server: what it says, and what follows."""

    facts: Facts
    wanted: Wanted
    findings: Sequence[Finding]
    firewall: Sequence[compiled.FirewallRow] = ()

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return list(table.of(self.findings, severity))

    @property
    def verdict(self) -> str:
        """In a sentence."""
        stops, decides = len(self.of(Severity.STOPS)), len(self.of(Severity.DECIDES))
        if stops:
            return f"no station can be placed here: {stops} in the way, {decides} to decide"
        return "a station can be placed here" + (f", once you decided {decides}" if decides else "")


def placed(facts: Facts, wanted: Wanted) -> list[tuple[str, str]]:
    """What `up` would place: what kind of thing, and which."""
    lacking, simulated = packages.lacking(facts, wanted), facts.simulated.installed
    with_others = f", with {len(simulated) - len(lacking)} that they need" if len(simulated) > len(lacking) else ""
    login = facts.answer.login
    rows = [
        ("packages", f"{', '.join(lacking)}{with_others}; nothing is removed" if lacking else "none: all are there"),
        ("libraries", f"{', '.join(follow.READS_WITH)}, those that are not there; nothing is removed"),
        (
            "accounts",
            "station, computer, werkplaats-gateway, of which none can log in; steward and scientist, by key and for "
            f"one program each; groups station and {accounts.CONTROL}",
        ),
        (
            "your login",
            f"{login} joins no group: it uses the engine by sudo" if login != "root" else "root stays as it is",
        ),
        ("ssh", "/etc/ssh/sshd_config.d/0-werkplaats.conf; it takes itself back unless a new login works"),
        ("engine", "settings in /etc/docker/daemon.json where the engine is nobody else's; two containers, no network"),
        ("journal", "/etc/systemd/journald.conf.d/60-werkplaats.conf: at most 1 GB for all services together"),
        (
            "folders",
            "/etc/werkplaats, /run/werkplaats, /var/lib/werkplaats, /var/lib/werkplaats-packages, "
            "/usr/local/lib/werkplaats and /usr/local/lib/werkplaats-follow",
        ),
        (
            "commands",
            "station and station-account in /usr/local/bin; engine-settings, gateway-reload, guarded-change, "
            "owners-parts, people-access, server-packages, station-backup, station-cut, station-metrics and "
            "werkplaats-follow in /usr/local/sbin",
        ),
        (
            "services",
            "werkplaats-gateway, werkplaats-firewall, werkplaats-firewall-kept, werkplaats-undo, gateway-reload, "
            "gateway-finding, werkplaats-follow, werkplaats-follow-read, werkplaats-follow-fetch, werkplaats-packages; "
            "station-backup, station-metrics and station-exporter where servers.yml asks for them",
        ),
    ]
    firewall = f"table inet werkplaats, which narrows who reaches TCP {wanted.port}" if wanted.port else ""
    rows[5:5] = [("firewall", firewall)] * bool(firewall)
    yours = "nothing: it is yours to set"
    return [(name, yours if PARTS.get(name) in wanted.owners else text) for name, text in rows]


def lines(one: Examined) -> list[str]:
    """The text, a line each."""
    answer = one.facts.answer
    when = datetime.datetime.fromtimestamp(answer.clock, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    found = [
        f"{one.wanted.organisation}: {one.verdict}",
        f"looked at for {one.wanted.network} at {when} UTC, in {answer.seconds:.1f} s; nothing was changed",
        "",
    ]
    for severity, heading in HEADINGS:
        if rows := one.of(severity):
            alike = itertools.groupby(rows, lambda row: (row.part, row.why, row.remedy))
            found += [f"{heading}:", *(line for _, some in alike for line in told(list(some))), ""]
    found += [
        "as a station needs it:",
        *(line for row in one.of(Severity.GOOD) for line in beside(row.part, row.seen)),
        "",
    ]
    if owned := sheet.lines(one.facts, one.wanted):
        found += ["yours to set, as servers.yml says (`managed`); nothing of it is placed, and `verify` checks it:"]
        found += [line for name, text in owned for line in _set(name, text)]
        found += [""]
    if not one.of(Severity.STOPS):
        found += ["`werkplaats up` would place:"]
        found += [line for name, text in placed(one.facts, one.wanted) for line in beside(name, text)]
        found += ["", *flows(one.firewall)]
    return found[:-1] if found[-1] == "" else found


def told(alike: Sequence[Finding]) -> Iterable[str]:
    """Those that have one reason and one remedy."""
    one = alike[0]
    yield from beside(one.part, "; ".join(finding.seen for finding in alike))
    yield from beside("", f"why: {one.why}")
    if one.remedy:
        yield from beside("", f"do: {one.remedy}")


def _set(name: str, text: str) -> list[str]:
    """A line that somebody sets keeps its blanks, and is not broken where it would fit."""
    line = f"  {name:<{LEFT}}{text}"
    return [line] if len(line) <= WIDTH else beside(name, text)


def beside(name: str, text: str) -> list[str]:
    """A name, and beside it a text of as many lines as it needs."""
    first, rest = f"  {name:<{LEFT}}", " " * (LEFT + 4)
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    ) or [first.rstrip()]


def flows(rows: Iterable[compiled.FirewallRow]) -> list[str]:
    """What must pass the owner's own firewall; callers of one port are one line."""
    at: dict[tuple[str, str, int, str], list[str]] = {}
    for row in rows:
        others = [*row.addresses] or [*row.names] or [row.counterpart]
        at.setdefault((row.direction, row.protocol, row.port, row.purpose), []).extend(others)
    found = []
    for (direction, protocol, port, purpose), others in at.items():
        side = "from" if direction == "in" else "to"
        way = f"{direction} {protocol.upper()} {port} {side} {listed(list(dict.fromkeys(others)), 40)}"
        found += beside(purpose, way)
    return ["what your own firewall lets pass:", *found] if found else []


def document(one: Examined) -> Mapping[str, Any]:
    """The same for a program."""
    return {
        "verdict": one.verdict,
        "seconds": one.facts.answer.seconds,
        "findings": [dataclasses.asdict(finding) for finding in one.findings],
        "owners": [list(row) for row in sheet.lines(one.facts, one.wanted)],
        "placed": dict(placed(one.facts, one.wanted)),
        "firewall": [dataclasses.asdict(row) for row in one.firewall],
    }
