"""Whose the accounts are that a station needs."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from on_server import accounts
from station_image.runtime.base import contract
from tests.harness import starters

THERE: dict[str, Any] = {
    "users": {
        "station": {"uid": 5001, "gid": 5000, "shell": "/usr/sbin/nologin"},
        "computer": {"uid": 5002, "gid": 5000, "shell": "/usr/sbin/nologin"},
        "werkplaats-gateway": {"uid": 99, "gid": 99, "shell": "/usr/sbin/nologin"},
        "steward": {"uid": 991, "gid": 991, "shell": "/bin/sh"},
        "scientist": {"uid": 992, "gid": 992, "shell": "/bin/sh"},
        "beheer": {"uid": 1000, "gid": 1000, "shell": "/bin/bash", "about": ""},
    },
    "groups": {
        "station": {"gid": 5000, "members": []},
        "station-control": {"gid": 990, "members": ["steward", "scientist"]},
    },
    "uids": {"5001": "station", "5002": "computer"},
    "gids": {"5000": "station"},
    "login": "beheer",
    "placed": False,
}
for name, about in accounts.ABOUT.items():
    THERE["users"][name]["about"] = about
NOBODY: dict[str, Any] = {"users": {}, "groups": {}, "uids": {}, "gids": {}, "login": "root", "placed": False}


def there(**users: dict[str, Any]) -> dict[str, Any]:
    """With other fields of some users."""
    found = copy.deepcopy(THERE)
    for name, fields in users.items():
        found["users"][name] |= fields
    return found


@pytest.mark.parametrize("ours", [True, False])
def test_accounts_in_order_are_in_nobody_s_way_also_those_that_a_station_left_behind(ours: bool) -> None:
    assert accounts.faults(THERE, ours=ours) == []


def test_a_server_without_any_gets_them_or_its_owner_is_told_of_each() -> None:
    assert accounts.faults(NOBODY, ours=True) == []
    told = accounts.faults(NOBODY, ours=False)
    assert {remedy for _, remedy in told} == {"accounts are the owner's here, make it so"}
    assert {seen for seen, _ in told} == {
        *("group station is missing", "group station-control is missing"),
        *(f"user {name} is missing" for name in accounts.ABOUT),
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (there(station={"uid": 1000}), "user station has 1000:5000 and needs 5001:5000"),
        (there(steward={"shell": "/bin/bash", "about": "Stew Ard"}), "user steward has shell /bin/bash and needs"),
        (there(station={"about": "The railway station"}), "there is a user station already"),
        (THERE | {"uids": {"5002": "tomcat"}}, "uid 5002 belongs to tomcat and is needed for computer"),
        (THERE | {"gids": {"5000": "zorg"}}, "gid 5000 belongs to zorg and is needed for station"),
        (THERE | {"groups": THERE["groups"] | {"station": {"gid": 7, "members": []}}}, "group station has gid 7"),
    ],
)
def test_a_name_or_number_of_somebody_else_s_is_in_the_way(found: dict[str, Any], said: str) -> None:
    told = accounts.faults(found, ours=True)
    assert any(said in seen and "that account is somebody else's" in remedy for seen, remedy in told)


def test_once_something_of_ours_is_there_what_an_account_says_of_itself_does_not_count() -> None:
    """Its owner may have made it, and called it otherwise."""
    found = there(station={"about": "Datastation"})
    assert accounts.faults(found | {"placed": True}, ours=True) == []
    assert accounts.faults(found, ours=False) == []


def test_an_account_of_ours_that_hardening_closed_is_not_called_somebody_else_s() -> None:
    closed = there(steward={"shell": "/usr/sbin/nologin"})
    assert accounts.faults(closed, ours=True) == []
    assert accounts.closed(closed) == ["steward"]
    assert accounts.faults(closed, ours=False) == [
        ("user steward has shell /usr/sbin/nologin and needs /bin/sh", "accounts are the owner's here, make it so")
    ]


def test_who_may_ask_the_station_is_said_by_a_group() -> None:
    groups = THERE["groups"] | {"station-control": {"gid": 1, "members": ["steward"]}}
    told = accounts.differences(THERE | {"groups": groups})
    assert told == ["user scientist is not in group station-control"]


def test_they_are_those_that_the_role_makes() -> None:
    made = (starters.ROLE / "templates/etc/sysusers.d/werkplaats.conf.j2").read_text()
    for name, about in accounts.ABOUT.items():
        [line] = [line for line in made.splitlines() if line.startswith(f"u {name} ")]
        assert f'"{about}"' in line
        if name in accounts.USERS:
            assert line.split()[2] == f"{accounts.USERS[name][0]}:station"
    assert f"g station {accounts.GROUPS['station']}" in made


def test_containers_know_them_by_the_same_numbers() -> None:
    assert accounts.GROUPS == {contract.GROUP: contract.GROUP_ID}
    assert accounts.USERS == {
        contract.AGENT_USER: (contract.AGENT_UID, contract.GROUP_ID),
        contract.COMPUTER_USER: (contract.COMPUTER_UID, contract.GROUP_ID),
    }
    assert accounts.PEOPLE == (contract.STEWARD, contract.SCIENTIST)
    assert (accounts.CONTROL, accounts.GATEWAY) == (contract.CONTROL_GROUP, contract.GATEWAY_USER)


def test_this_machine_is_read() -> None:
    found = accounts.read()
    assert set(found) == set(THERE)
    assert found["users"][found["login"]]["shell"]
