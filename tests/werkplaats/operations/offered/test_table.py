"""Each row of the table is found where it is so, and nowhere else; what stops is what `up` refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.werkplaats.operations.offered import offers
from tests.werkplaats.operations.offered.offers import Change
from werkplaats.operations.offered import engine, machine, paper, table
from werkplaats.operations.offered.findings import Finding, Severity

ROLES = Path(__file__).parents[4] / "roles"

STOPS, DECIDES, TELLS, GOOD = Severity.STOPS, Severity.DECIDES, Severity.TELLS, Severity.GOOD
GIB = 2**30
DROPS = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n"
FIREWALLD = """table inet firewalld {
\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy accept;
\t\tct state { established, related } accept
\t\tjump filter_INPUT_POLICIES
\t\treject with icmpx admin-prohibited
\t}
\tchain filter_IN_public_allow {
\t\ttcp dport 22 accept
\t}
}
"""
OURS = "table inet werkplaats {\n\tchain input {\n\t\ttcp dport 8443 ip saddr 192.0.2.7 accept\n\t}\n}\n"
DIVERTS = "table ip nat {\n\tchain PREROUTING {\n\t\ttcp dport 8443 redirect to :9443\n\t}\n}\n"
STORE = {"snapshotter": "io.containerd.snapshotter.v1"}


def _replaced(name: str, old: str, new: str) -> Change:
    """A program says something else somewhere."""

    def change(document: dict[str, Any]) -> None:
        assert old in document["said"][name]
        document["said"][name] = document["said"][name].replace(old, new)

    return change


def _listening(program: str, port: int) -> Change:
    line = f'LISTEN 0 511 0.0.0.0:{port} 0.0.0.0:* users:(("{program}",pid=9,fd=6))\n'
    return offers.adds("listeners", line)


def _all(*changes: Change) -> Change:
    return lambda document: [change(document) for change in changes]


FACTORS = _replaced("sshd_login", "authenticationmethods any", "authenticationmethods publickey,keyboard-interactive")
BUSY: dict[str, Any] = {"containers": [["web", "running", "nginx:1", ""]], "networks": ["shop"]}
PAM = ["PAM does not let steward in from 192.0.2.0/24: `-:ALL:ALL` in /etc/security/access.conf", "write `+:steward`"]
TOOL = offers.changed(offers.said("keepers", "/srv/tool"))


def _stopped(document: dict[str, Any]) -> None:
    offers.engine(active=False, enabled=False, settings={"icc": False})(document)
    document["engine"]["info"] = None


# Some change of the good server → what is found then: part, severity, and words of what is seen.
FOUND: list[tuple[str, Severity, str, Change]] = [
    ("system", STOPS, "Ubuntu 24.04", offers.file("/etc/os-release", 'ID=ubuntu\nPRETTY_NAME="Ubuntu 24.04"\n')),
    ("system", STOPS, "a processor aarch64", lambda d: d.update(machine="aarch64")),
    ("system", STOPS, "systemd does not run", lambda d: d["marks"].clear()),
    ("system", DECIDES, r"a container \(lxc\)", offers.said("virtual", "lxc\n")),
    ("system", TELLS, "nl_NL.UTF-8 is not generated", offers.file("/etc/default/locale", 'LANG="nl_NL.UTF-8"\n')),
    ("processor", STOPS, "has no pni", offers.file("/proc/cpuinfo", "flags\t\t: lm sse2 aes\n")),
    ("processor", TELLS, "has no AES", offers.file("/proc/cpuinfo", "flags\t\t: lm sse2 pni\n")),
    ("memory", STOPS, "1.0 GiB", offers.file("/sys/fs/cgroup/memory.max", f"{GIB}\n")),
    ("memory", DECIDES, "2.0 GiB", offers.file("/proc/meminfo", "MemTotal: 2097152 kB\n")),
    ("disk", STOPS, "0.5 GiB free", offers.space(GIB // 2)),
    ("disk", DECIDES, "5.0 GiB free", offers.space(5 * GIB)),
    ("disk", STOPS, "fewer than 20000 files", offers.space(40 * GIB, 500)),
    (
        "disk",
        STOPS,
        "/usr/local is mounted read-only and noexec",
        lambda d: d["files"].update({"/proc/self/mountinfo": "1 2 0:1 / /usr/local ro,noexec - ext4 /dev/vdb rw\n"}),
    ),
    ("clock", TELLS, "nothing keeps its clock", offers.said("virtual", "kvm\n")),
    ("restart", TELLS, "a restart", offers.marked("/run/reboot-required")),
    ("security modules", DECIDES, "SELinux is enforcing", offers.file("/sys/fs/selinux/enforce", "1")),
    ("security modules", DECIDES, "fapolicyd", offers.unit("fapolicyd.service", "active", "enabled")),
    ("accounts", STOPS, "there is a user steward already", offers.user("steward", 1001, "/bin/sh", "Stew Ard")),
    ("accounts", STOPS, "uid 5002 belongs to tomcat", offers.numbers({"5002": "tomcat"}, {})),
    ("accounts", STOPS, "gid 5000 belongs to zorg", offers.numbers({}, {"5000": "zorg"})),
    (
        "accounts",
        STOPS,
        "user steward has shell /usr/sbin/nologin and needs /bin/sh",
        _all(offers.user("steward", 999, "/usr/sbin/nologin"), offers.placed),
    ),
    ("accounts", TELLS, "a directory as well", offers.file("/etc/nsswitch.conf", "passwd: files sss\n")),
    ("login", STOPS, "/etc/nologin", offers.marked("/etc/nologin")),
    ("login", TELLS, "shell /usr/bin/fish", offers.user("beheer", 1000, "/usr/bin/fish")),
    ("login", TELLS, "sudo looks .* and not in /usr/local/bin", offers.said("sudo", "PATH=/usr/sbin:/usr/bin\n")),
    (
        "ssh",
        STOPS,
        "says no settings: /etc/ssh/sshd_config line 3",
        offers.said("sshd_login", "/etc/ssh/sshd_config line 3: no\n"),
    ),
    ("ssh", STOPS, "PAM does not let steward in", offers.people("keyed", PAM)),
    ("ssh", DECIDES, "PAM does not let steward in", offers.people("others", PAM)),
    ("ssh", TELLS, "AllowUsers without steward", offers.people("opened", "sshd has AllowUsers without steward")),
    (
        "ssh",
        DECIDES,
        "by password",
        _replaced("sshd_login", "passwordauthentication no", "passwordauthentication yes"),
    ),
    ("ssh", DECIDES, "asks for publickey,keyboard-interactive", FACTORS),
    ("engine", STOPS, "cannot be read", offers.engine(unreadable="a comma too many")),
    ("engine", STOPS, "its Docker is a snap", offers.engine(snap=True)),
    (
        "engine",
        STOPS,
        "podman-docker cannot stay beside",
        lambda d: d["engine"].update(excluding={"podman-docker": ["docker.io"]}),
    ),
    ("engine", STOPS, "does not answer", lambda d: [offers.engine()(d), d["engine"].update(info={})]),
    ("engine", STOPS, "userns-remap", offers.engine(settings={"userns-remap": "default"})),
    ("engine", STOPS, "userns-remap", offers.engine({"security": ["userns"]})),
    ("engine", STOPS, "rootless", offers.engine({"security": ["rootless"]})),
    ("engine", STOPS, "containerd's store", offers.engine(STORE)),
    ("engine", STOPS, "not started at boot", offers.engine(enabled=False, **BUSY)),
    ("engine", STOPS, "does not run", _stopped),
    ("engine", TELLS, r"1 containers of yours: web \(running, nginx:1\); networks shop", offers.engine(**BUSY)),
    ("engine", TELLS, r"daemon.json \(bip, icc\)", offers.engine(settings={"icc": False, "bip": "10.0.0.1/24"})),
    ("engine", TELLS, "Podman", offers.adds("packages", "ii |podman|5.4\n")),
    ("firewall", DECIDES, "inet filter input drops", offers.said("rules", DROPS)),
    ("firewall", DECIDES, "inet firewalld filter_INPUT drops", offers.said("rules", FIREWALLD)),
    (
        "firewall",
        DECIDES,
        "inet filter input drops",
        offers.said(
            "rules", DROPS + "\t\ttcp dport { 80, 8000-8442 } accept\n\t\ttcp dport 8443 reject\n\t}\n}\n" + OURS
        ),
    ),
    ("firewall", TELLS, "rules of the old kind", offers.file("/proc/net/ip_tables_names", "filter\nnat\n")),
    ("ports", STOPS, "nginx listens at TCP 8443", _listening("nginx", 8443)),
    (
        "ports",
        STOPS,
        "container shop publishes TCP 8443",
        offers.engine(containers=[["shop", "running", "x:1", "0.0.0.0:8443->443/tcp"]]),
    ),
    (
        "ports",
        STOPS,
        "sends what comes for TCP 8443 elsewhere: `tcp dport 8443 redirect to :9443`",
        offers.said("rules", DIVERTS),
    ),
    ("ports", TELLS, "an HAProxy of yours listens at 443", _listening("haproxy", 443)),
    ("names", DECIDES, "no address is known here of mesh", offers.peers(addresses=[], dns=[])),
    ("names", TELLS, "only /etc/hosts knows mesh", offers.peers(dns=[])),
    ("ways to others", DECIDES, "shows what cannot be read", offers.peers(certificate="AAAA")),
    ("ways to others", TELLS, r"8443 \(timed out\)", offers.peers(certificate="", failed="timed out")),
    ("packages", STOPS, "podman-docker cannot stay beside", offers.adds("simulated", "Remv podman-docker [5.4]\n")),
    (
        "packages",
        STOPS,
        "apt knows no haproxy",
        _replaced("candidates", "Candidate: 3.0.11-1+deb13u5", "Candidate: (none)"),
    ),
    ("packages", STOPS, "unmet dependencies", offers.said("simulated", "E: Unmet: unmet dependencies.\n")),
    (
        "packages",
        TELLS,
        "installation disc",
        offers.file("/etc/apt/sources.list", "deb cdrom:[Debian]/ trixie main\n"),
    ),
    (
        "packages",
        TELLS,
        r"refused by http://x \(404 Not",
        lambda d: d["sources"].update({"http://x": "404 Not Found"}),
    ),
    ("packages", DECIDES, "no source of apt", lambda d: d["sources"].update(dict.fromkeys(d["sources"], "timed out"))),
    ("packages", TELLS, r"no answer from http://x \(timed", lambda d: d["sources"].update({"http://x": "timed out"})),
    (
        "publication",
        DECIDES,
        r"ggd-nog.example/gerda/ does not give out a publication \(timed out\)",
        lambda d: d.update(place="timed out"),
    ),
    ("packages", TELLS, "no lists yet", offers.said("candidates", "")),
    ("management", DECIDES, r"Puppet \(package puppet\)", offers.adds("packages", "ii |puppet|8.4\n")),
    ("management", DECIDES, "/etc/cron.d/pull", offers.said("pulls", "/etc/cron.d/pull\n")),
    ("management", STOPS, "/srv/tool names /etc/ssh/sshd_config.d", offers.said("keepers", "/srv/tool")),
    ("management", TELLS, "/etc/default/docker", offers.file("/etc/default/docker", "# Managed by Ansible\n")),
    ("management", TELLS, "etckeeper", offers.adds("packages", "ii |etckeeper|1.18\n")),
]


@pytest.mark.parametrize(("part", "severity", "seen", "change"), FOUND, ids=[f"{row[0]}: {row[2]}" for row in FOUND])
def test_what_an_owner_has_is_found(part: str, severity: Severity, seen: str, change: Change) -> None:
    before, after = (offers.examined(offers.changed(*changes)).findings for changes in ((), (change,)))
    found = [one for one in after if (one.part, one.severity) == (part, severity) and re.search(seen, one.seen)]
    assert len(found) == 1, after
    assert found[0] not in before
    assert found[0].why
    assert found[0].remedy or severity is TELLS


# A part that is its owner's, and some change of the good server → what is found then.
OWNED: list[tuple[str, str, Severity, str, Change]] = [
    ("accounts", "accounts", STOPS, "user steward is missing", lambda _: None),
    ("engine", "engine", STOPS, "it has no docker.io", lambda _: None),
    ("time", "clock", STOPS, "nothing keeps its clock", offers.said("virtual", "kvm\n")),
    ("journal", "disk", DECIDES, "keeps nothing", offers.said("journal", "[Journal]\nStorage=none\n")),
    ("journal", "disk", DECIDES, "may take", offers.said("journal", "SystemMaxUse=40G\n")),
    ("firewall", "firewall", STOPS, "none names TCP 8443", offers.said("rules", DROPS)),
    ("firewall", "firewall", DECIDES, "everybody reaches TCP 8443: no rule drops", offers.said("rules", "")),
    ("firewall", "firewall", TELLS, "not all of what your rules", offers.said("rules", DROPS + "\t\tjump services\n")),
]


@pytest.mark.parametrize(
    ("owned", "part", "severity", "seen", "change"), OWNED, ids=[f"{row[0]}: {row[3]}" for row in OWNED]
)
def test_a_part_that_its_owner_sets_is_judged_and_its_sheet_says_what_to_set(
    owned: str, part: str, severity: Severity, seen: str, change: Change
) -> None:
    """While it is ours none of this is found: we set it."""
    one, ours = (offers.examined(offers.changed(change), *owners) for owners in ((owned,), ()))
    found = [row for row in one.findings if (row.part, row.severity) == (part, severity) and seen in row.seen]
    assert len(found) == 1, one.findings
    assert found[0] not in ours.findings
    text = "\n".join(paper.lines(one))
    assert "yours to set, as servers.yml says (`managed`)" in text
    assert f"\n  {owned} " in text
    assert "yours to set, as" not in "\n".join(paper.lines(ours))


def test_a_clock_that_is_wrong_is_found_whichever_way() -> None:
    for ahead in (machine.CLOCK_SECONDS, -machine.CLOCK_SECONDS):
        (found,) = [one for one in offers.examined(offers.GOOD, ahead=ahead).findings if one.part == "clock"]
        assert (found.severity, "differs 5.0 s" in found.seen) == (STOPS, True)
    assert not offers.examined(offers.GOOD, ahead=machine.CLOCK_SECONDS - 1).of(STOPS)


def test_a_tool_that_deals_with_drop_ins_of_sshd_stops_until_somebody_says_whose_sshd_is() -> None:
    """What is removed each minute would be verified now, and nobody could log in tomorrow."""
    for managed in ({"sshd": True}, {"sshd": False}):
        found = offers.examined(TOOL, managed=managed)
        assert found.of(STOPS) == []
        assert "/srv/tool names" in " ".join(one.seen for one in found.of(TELLS))
    stopped = table.stops(offers.examined(TOOL, managed={"firewall": False}).findings)
    assert "`managed: {sshd: false}`" in stopped


def test_every_row_of_the_table_is_found_by_some_test() -> None:
    changes = [change for *_, change in FOUND]
    offered = [offers.examined(offers.changed(change)) for change in changes]
    offered.append(offers.examined(offers.GOOD, ahead=60))
    offered += [offers.examined(offers.changed(change), owned) for owned, *_, change in OWNED]
    offered.append(offers.examined(TOOL, managed={"sshd": False}))
    unfound = [
        f"{part.name}: {row.why}"
        for part in table.PARTS
        for row in part.rows
        if not any(row.found(one.facts, one.wanted) for one in offered)
    ]
    assert unfound == []


def test_a_good_server_has_nothing_to_decide_and_each_part_is_said_once() -> None:
    found = offers.examined(offers.GOOD)
    assert [one for one in found.findings if one.severity in (STOPS, DECIDES)] == []
    assert [one.part for one in found.of(GOOD)] == [part.name for part in table.PARTS]
    assert table.stops(found.findings) == ""
    assert found.verdict == "a station can be placed here"


def test_a_hardened_server_is_no_hopeless_one_and_all_that_its_owner_set_is_said() -> None:
    found = offers.examined(offers.HARDENED)
    assert found.of(STOPS) == []
    decides = [(one.part, one.seen) for one in found.of(DECIDES)]
    parts = ["ssh"] * 2 + ["firewall", "ways to others", "management"]
    assert [part for part, _ in decides] == parts
    told = " ".join(seen for _, seen in decides)
    for word in ("-:ALL:ALL", "8443", "OU=inspectie"):
        assert word in told
    tells = " ".join(one.seen for one in found.of(TELLS))
    for word in ("AllowGroups without steward", "sftp"):
        assert word in tells, "our drop-in opens these"


def test_what_stops_is_one_sentence_for_each_reason_with_a_remedy() -> None:
    found = offers.examined(offers.changed(*offers.HOPELESS))
    reasons = table.stops(found.findings)
    assert len(found.of(STOPS)) == 6
    assert "Debian GNU/Linux 12 (bookworm)" in reasons
    assert "offer a server or a virtual machine with Debian 13" in reasons
    assert "java listens at TCP 8443" in reasons
    assert found.verdict.startswith("no station can be placed here: 6 in the way")


def test_accounts_that_a_station_left_behind_are_nobody_else_s() -> None:
    """After `destroy` they stay, since files of the organisation belong to them: whoever comes back finds them."""
    station = offers.user("station", 5001, "/usr/sbin/nologin", "Agent of the datastation")
    numbers = offers.numbers({"5001": "station"}, {"5000": "station"})
    left = _all(station, numbers, offers.user("steward", 998, "/bin/sh", "Steward of the datastation"))
    assert offers.examined(offers.changed(left)).of(STOPS) == []
    other = _all(offers.user("station", 5001, "/bin/sh", "The railway station"), numbers)
    assert [found.part for found in offers.examined(offers.changed(other)).of(STOPS)] == ["accounts"]


def test_a_server_that_is_ours_already_is_not_in_its_own_way() -> None:
    ours = _all(
        offers.placed,
        offers.user("steward", 998, "/bin/sh"),
        offers.user("station", 5001, "/usr/sbin/nologin"),
        offers.unit("werkplaats-gateway.service", "active", "enabled"),
        _listening("haproxy", 8443),
    )
    assert offers.examined(offers.changed(ours)).of(STOPS) == []


def test_a_port_that_a_rule_of_the_owner_names_is_not_said_to_be_closed() -> None:
    for rule in ("tcp dport 8443 accept", "tcp dport { 22, 8443 } accept"):
        assert not offers.examined(offers.changed(offers.said("rules", DROPS + rule))).of(DECIDES), rule
    other = offers.examined(offers.changed(offers.said("rules", DROPS + "tcp dport { 22, 18443 } accept")))
    assert [one.part for one in other.of(DECIDES)] == ["firewall"]


def test_what_others_wrote_is_one_line_of_a_length() -> None:
    shell = "/bin/sh\n\x1b[2J" + "x" * 450
    found: list[Finding] = list(offers.examined(offers.changed(offers.user("beheer", 1, shell))).findings)
    (login,) = [one for one in found if one.part == "login" and one.severity is TELLS]
    assert login.seen.isprintable()
    assert len(login.seen) < 500


def test_what_is_ours_in_the_engine_s_settings_is_what_the_role_ever_placed() -> None:
    role = yaml.safe_load((ROLES / "container_engine" / "defaults" / "main.yml").read_text())
    assert {*role["container_engine_settings"], *role["container_engine_settings_before"]} == engine.SETTINGS
