"""Firewall rules, what a server lacks and has wrong, and where programs lie."""

from __future__ import annotations

import base64
import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from plugins.action import server_part as action
from plugins.filter import baseline
from tests.plugins.filter.facts import facts

ROLE = Path(__file__).parents[3] / "roles/baseline"
ALL = {"accounts": True, "sshd": True, "firewall": True, "time": True}


def row(port: int, *addresses: str, **more: Any) -> dict[str, Any]:
    return {"direction": "in", "protocol": "tcp", "port": port, "addresses": list(addresses), **more}


def test_a_port_is_open_to_its_sources_and_closed_to_all_others() -> None:
    rows: list[Any] = [row(8443, "192.0.2.7/32", "2001:db8::/32"), row(80, direction="out")]
    four, six = "tcp dport 8443 ip saddr { 192.0.2.7/32 }", "tcp dport 8443 ip6 saddr { 2001:db8::/32 }"
    rate = "tcp dport limit rate over 30/second burst 300 packets"
    assert baseline.firewall_rules(rows) == [
        f"{four} update @callers4 {{ ip saddr . {rate} }} drop",
        'tcp dport 8443 limit name ip saddr map { 192.0.2.7/32 : "port8443_1" } drop',
        f"{four} accept",
        f"{six} update @callers6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: . {rate} }} drop",
        'tcp dport 8443 limit name ip6 saddr map { 2001:db8::/32 : "port8443_1" } drop',
        f"{six} accept",
        "tcp dport 8443 counter drop",
    ]
    assert baseline.firewall_limits(rows) == ["limit port8443_1 { rate over 30/second burst 300 packets }"]


def test_a_source_and_all_of_one_caller_begin_what_those_need_who_may_call_from_there() -> None:
    """Rounded up to a power of two: who leaves changes no limit that only `up` brings."""
    every = [row(8443, "192.0.2.0/24", counterpart=str(number)) for number in range(4)]
    own = row(8443, "198.51.100.7/32", counterpart="own")
    rows = [*every, own]
    assert [int(*re.findall("burst ([0-9]+)", one)) for one in baseline.firewall_limits(rows)] == [7 * 300, 300]
    once = {one.split("{")[1]: one for one in baseline.firewall_rules(rows) if "update" in one}
    assert {found: re.findall("over ([0-9]+)/second", rule) for found, rule in once.items()} == {
        " 192.0.2.0/24 } update @callers4 ": ["120"],
        " 198.51.100.7/32 } update @callers4 ": ["30"],
    }
    for made in (baseline.firewall_rules, baseline.firewall_limits):
        assert made(rows) == made([*every[1:], own]) != made([*every[2:], own])


def test_of_ipv6_the_limits_are_of_all_that_a_caller_has_and_only_what_it_declares_is_let_in() -> None:
    wide, one = row(8443, "2001:db8::/32", counterpart="wide"), row(8443, "2001:db9::7/128", counterpart="one")
    _, together, let_in, _ = baseline.firewall_rules([wide, one])
    assert '2001:db9::/64 : "port8443_2"' in together
    assert let_in == "tcp dport 8443 ip6 saddr { 2001:db8::/32, 2001:db9::7/128 } accept"


def test_one_for_whom_the_set_has_no_room_left_comes_in() -> None:
    """A rule whose set is full does nothing: were it the one that accepts, who fills it would shut out all others."""
    rules = baseline.firewall_rules([row(8443, "192.0.2.7/32"), row(22, "2001:db8::/32")])
    assert {one.rpartition(" ")[2] for one in rules if "update" in one or "limit" in one} == {"drop"}
    assert not [one for one in rules if "update" in one and one.partition(" update")[0] + " accept" not in rules]


@given(st.lists(st.ip_addresses(v=4).map(lambda address: f"{address}/32"), min_size=1, max_size=20))
def test_nft_takes_every_set_of_addresses_since_none_overlap(addresses: list[str]) -> None:
    limit, together, accept, _drop = baseline.firewall_rules([row(1, *addresses, "192.0.2.0/24", "192.0.2.0/25")])
    listed = accept.split("{")[1].split("}")[0].split(",")
    assert len(listed) == len(set(listed))
    assert "192.0.2.0/25" not in accept
    assert limit.startswith(accept.removesuffix(" accept"))
    several = [ipaddress.IPv4Network(one) for one in re.findall('([0-9./]+) : "port1_1"', together)]
    whole = list(ipaddress.collapse_addresses(several))
    assert [str(one) for one in whole] == [one.strip() for one in listed]
    assert sum(one.num_addresses for one in several) == sum(one.num_addresses for one in whole)


@pytest.mark.parametrize("bad", [row(0), row(8443, protocol="tcp; drop"), row(8443, "192.0.2.1/24"), row(8443, "x")])
def test_a_row_that_is_none_is_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="firewall row"):
        baseline.firewall_rules([bad])


def faults(**changes: Any) -> list[str]:
    """Of a server."""
    return baseline.baseline_faults(facts(**changes), 5)


def test_a_server_in_order_has_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"release": {"id": "ubuntu", "pretty_name": "Ubuntu 24.04"}}, "runs Ubuntu 24.04; stations run on Debian 13"),
        ({"clock_difference": 7.0}, "clock differs 7.0 s"),
        ({"faults": ["sshd has no sftp; set it there"]}, "sshd has no sftp; set it there"),
    ],
)
def test_a_fault_is_a_sentence_with_a_remedy(change: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults(**change))


def test_what_is_the_owner_s_is_not_placed() -> None:
    assert baseline.baseline_without(ALL) == []
    assert baseline.baseline_without(ALL | {"sshd": False}) == ["/etc/werkplaats/baseline/sshd.conf"]
    assert baseline.baseline_without(ALL | {"accounts": False}) == ["/etc/sysusers.d/werkplaats.conf"]
    always = ["openssl", "python3-cryptography", "python3-pydantic", "python3-tuf", "python3-yaml"]
    assert baseline.baseline_packages(facts(packages={}), ALL | {"time": False, "firewall": False}) == always
    assert baseline.baseline_packages(facts(packages={}), ALL) == [*always, "nftables", "systemd-timesyncd"]


def test_what_an_earlier_run_placed_of_a_part_goes_once_that_is_its_owner_s() -> None:
    assert baseline.baseline_absent(ALL) == []
    assert baseline.baseline_absent(ALL | {"sshd": False}) == ["/etc/werkplaats/baseline/sshd.conf"]
    gone = set(baseline.baseline_absent(ALL | {"firewall": False}))
    units = {f"/etc/systemd/system/{name}" for name in baseline.FIREWALL_UNITS}
    links = {link["path"] for link in baseline.baseline_links(ALL)} - {
        link["path"] for link in baseline.baseline_links(ALL | {"firewall": False})
    }
    base = "/etc/werkplaats/baseline"
    assert gone == {f"{base}/firewall.nft", f"{base}/firewall.loaded"} | units | links
    placed = {f"/{path.relative_to(ROLE / 'templates')}".removesuffix(".j2") for path in ROLE.rglob("*firewall*.j2")}
    assert placed <= gone
    assert baseline.firewall_commands(facts(table=True), ALL) == []
    assert baseline.firewall_commands(facts(table=False), ALL | {"firewall": False}) == []
    *_, last = baseline.firewall_commands(facts(table=True), ALL | {"firewall": False})
    assert last == ["nft", "delete", "table", "inet", "werkplaats"]


def test_programs_lie_where_their_starters_look_for_them(tmp_path: Path) -> None:
    folder = Path(__file__).parents[3] / baseline.PACKAGE
    files = baseline.program_files(str(folder))
    placed = {file["path"]: Path(file["source"]) for file in files["written"]}
    assert set(placed.values()) == set(folder.rglob("*.py"))
    for starter in files["rendered"]:
        library, module = starter["variables"]["library"], starter["variables"]["module"]
        source = placed[f"{library}/{module.replace('.', '/')}.py"]
        assert "\ndef main(" in source.read_text()
    with pytest.raises(AnsibleFilterError, match="take a complete copy"):
        baseline.program_files(str(tmp_path))


def test_a_starter_starts_its_module_and_nothing_that_its_surroundings_say() -> None:
    """The paths are what sshd, units and people know; -IS is what keeps an environment from bringing code in."""
    role = Path(__file__).parents[3] / "roles/baseline"
    files = baseline.program_files(str(role.parents[1] / baseline.PACKAGE))
    variables: dict[str, Any] = {"rules": [], "limits": [], "login": "beheer"}
    made = {file["path"]: file for file in action.render(role, {"variables": variables, **files})}
    for path in ("/usr/local/bin/station", "/usr/local/bin/station-account", "/usr/local/sbin/guarded-change"):
        text = base64.b64decode(made[path]["content"]).decode()
        assert text.startswith("#!/usr/bin/python3 -IS\n")
        assert f"from {baseline.PACKAGE}.{baseline.COMMANDS[path]} import main" in text


def test_an_account_of_ours_that_hardening_closed_is_opened_again_and_those_that_are_missing_are_made() -> None:
    made = ["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]
    opened = ["usermod", "--shell", "/bin/sh", "steward"]
    shell = "user steward has shell /usr/sbin/nologin and needs /bin/sh"
    for missing, closed, commands in (
        ([], [], []),
        ([shell], ["steward"], [opened]),
        (["user scientist is missing", shell], ["steward"], [made, opened]),
    ):
        server = facts(accounts={"missing": missing, "closed": closed})
        assert baseline.account_commands(server, ALL) == commands
        assert baseline.account_commands(server, ALL | {"accounts": False}) == []
