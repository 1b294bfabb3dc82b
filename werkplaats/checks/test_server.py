"""The server: engine, accounts, access, firewall, clock."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

CLOCK_SECONDS = 5  # certificates and sessions are about times; more than this and people should look


def test_the_engine_keeps_containers_over_its_own_restart_and_opens_no_network(host: Any) -> None:
    info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert info["LiveRestoreEnabled"], "live-restore is off: a restart of the engine would end the station"
    networks = host.check_output("docker network ls --format '{{.Name}}'").split()
    assert sorted(networks) == ["host", "none"], "the engine has a network that a station could be put on"


@pytest.mark.parametrize(("name", "number"), [("station", 5001), ("computer", 5002)])
def test_the_accounts_of_the_station_cannot_log_in(host: Any, name: str, number: int) -> None:
    user = host.user(name)
    assert user.uid == number
    assert user.shell.endswith("nologin")


def test_sshd_lets_nobody_in_by_password(host: Any) -> None:
    settings = host.check_output("sshd -T").splitlines()
    assert "passwordauthentication no" in settings
    assert "permitrootlogin no" in settings or "permitrootlogin without-password" in settings


def test_the_firewall_has_our_own_table(host: Any, station: dict[str, Any]) -> None:
    if station.get("managed", {}).get("firewall", True) is False:
        pytest.skip("the owner manages the firewall of this server")
    assert host.run("nft list table inet werkplaats").rc == 0


def test_the_clock_is_right_to_a_few_seconds(host: Any) -> None:
    difference = abs(float(host.check_output("date +%s.%N")) - time.time())
    assert difference < CLOCK_SECONDS, f"the clock differs {difference:.1f} s from this machine's"
