"""Firewall rules, what a server lacks and has wrong, and where programs lie."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from plugins.action import server_part as action
from plugins.filter import baseline
from tests.plugins.filter.facts import facts

ALL = {"accounts": True, "sshd": True, "firewall": True, "time": True}


def row(port: int, *addresses: str, **more: Any) -> dict[str, Any]:
    return {"direction": "in", "protocol": "tcp", "port": port, "addresses": list(addresses), **more}


def test_a_port_is_open_to_its_sources_and_closed_to_all_others() -> None:
    rules = baseline.firewall_rules([row(8443, "192.0.2.7/32"), row(8443, "2001:db8::/32"), row(80, direction="out")])
    assert rules == [
        "tcp dport 8443 ip saddr { 192.0.2.7/32 } accept",
        "tcp dport 8443 ip6 saddr { 2001:db8::/32 } accept",
        "tcp dport 8443 counter drop",
    ]


@given(st.lists(st.ip_addresses(v=4).map(lambda address: f"{address}/32"), min_size=1, max_size=20))
def test_nft_takes_every_set_of_addresses_since_none_overlap(addresses: list[str]) -> None:
    accept, _drop = baseline.firewall_rules([row(1, *addresses, "192.0.2.0/24", "192.0.2.0/25")])
    listed = accept.split("{")[1].split("}")[0].split(",")
    assert len(listed) == len(set(listed))
    assert "192.0.2.0/25" not in accept


@pytest.mark.parametrize("bad", [row(0), row(8443, protocol="tcp; drop"), row(8443, "192.0.2.1/24"), row(8443, "x")])
def test_a_row_that_is_none_is_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="firewall row"):
        baseline.firewall_rules([bad])


def faults(people: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """Of a server whose owner manages everything."""
    return baseline.baseline_faults(facts(**changes), dict.fromkeys(ALL, False), 5, people or {})


def test_a_server_in_order_has_no_faults() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"release": {"id": "ubuntu", "pretty_name": "Ubuntu 24.04"}}, "runs Ubuntu 24.04; stations run on Debian 13"),
        ({"clock_difference": 7.0}, "clock differs 7.0 s"),
        ({"users": {"jan": {"uid": 5001, "gid": 1}}}, "uid 5001 belongs to jan and is needed for station"),
        ({"units": {}}, "nothing keeps its clock"),
        ({"groups": {}}, "group station is missing; accounts are the owner's here"),
        ({"users": {}}, "user steward is missing; accounts are the owner's here"),
        (
            {"users": {"steward": {"uid": 1000, "gid": 1, "shell": "/bin/bash"}}},
            "has shell /bin/bash and needs /bin/sh",
        ),
        ({"groups": {"station-control": {"gid": 1, "members": []}}}, "user scientist is not in group station-control"),
        ({"kept_out": ["sshd has no sftp"]}, "sshd has no sftp"),
    ],
)
def test_a_fault_is_a_sentence_with_a_remedy(change: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults(**change))


def test_what_is_the_owner_s_is_not_placed() -> None:
    assert baseline.baseline_without(ALL) == []
    assert baseline.baseline_without(ALL | {"sshd": False}) == ["/etc/werkplaats/baseline/sshd.conf"]
    assert baseline.baseline_packages(facts(packages={}), ALL | {"time": False, "firewall": False}) == ["openssl"]
    assert baseline.baseline_packages(facts(packages={}), ALL) == ["openssl", "nftables", "systemd-timesyncd"]
    with pytest.raises(AnsibleFilterError, match="ssh is none of"):
        baseline.managed_parts({"ssh": False})


def test_people_who_have_keys_get_no_more_than_their_command_from_the_owner_s_sshd() -> None:
    people = {"steward": {"keys": ["…"], "from": ["192.0.2.0/24"]}}
    [*found] = faults(people)
    assert len(found) == 4
    assert any("sshd has forcecommand unset for steward and needs /usr/local/bin/station-account" in f for f in found)
    right = {
        "authenticationmethods": "publickey",
        "authorizedkeysfile": "/etc/werkplaats/people/%u",
        "forcecommand": "/usr/local/bin/station-account steward",
        "permittty": "no",
    }
    assert faults(people, sshd_people={"steward": right}) == []
    assert faults(people, sshd_people={"steward": right | {"permittty": "yes"}}) != []


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
    variables: dict[str, Any] = {"rules": [], "login": "beheer"}
    made = {file["path"]: file for file in action.render(role, {"variables": variables, **files})}
    for path in ("/usr/local/bin/station", "/usr/local/bin/station-account", "/usr/local/sbin/guarded-change"):
        text = base64.b64decode(made[path]["content"]).decode()
        assert text.startswith("#!/usr/bin/python3 -IS\n")
        assert f"from {baseline.PACKAGE}.{baseline.COMMANDS[path]} import main" in text


def test_an_account_of_ours_that_hardening_closed_is_opened_again_and_not_called_somebody_else_s() -> None:
    users = facts()["users"]
    closed = users["steward"] | {"shell": "/usr/sbin/nologin", "about": "Steward of the datastation"}
    mended = facts(users=users | {"steward": closed})
    assert baseline.baseline_faults(mended, ALL, 5, {}) == []
    assert baseline.account_commands(mended, ALL) == [["usermod", "--shell", "/bin/sh", "steward"]]
    [owner_s] = baseline.baseline_faults(mended, ALL | {"accounts": False}, 5, {})
    assert owner_s == (
        "user steward has shell /usr/sbin/nologin and needs /bin/sh; accounts are the owner's here, make it so"
    )
    other = facts(users=users | {"steward": closed | {"about": "Stew Ard"}})
    [line] = baseline.baseline_faults(other, ALL, 5, {})
    assert "that account is somebody else's" in line


@pytest.mark.parametrize(
    ("login", "pattern"),
    [("beheer", "beheer"), ("j.jansen@zorg.example", "j.jansen?zorg.example"), ("ZORG\\jan s,!*", "ZORG?jan?s???")],
)
def test_a_login_of_a_directory_is_a_pattern_that_sshd_reads_as_that_login(login: str, pattern: str) -> None:
    assert baseline.login_pattern(login) == pattern


def test_accounts_are_made_only_where_one_is_missing() -> None:
    assert baseline.account_commands(facts(), ALL) == []
    assert baseline.account_commands(facts(users={}), ALL) == [["systemd-sysusers", "/etc/sysusers.d/werkplaats.conf"]]
    assert baseline.account_commands(facts(users={}), ALL | {"accounts": False}) == []
