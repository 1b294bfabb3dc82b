"""What a server's packages are said to be, and when they are too late."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from werkplaats.operations.look import packages
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import packages as upgrade

TODAY = datetime.date(2026, 3, 20)
REMEDY = "`werkplaats upgrade start NETWORK --servers` brings it"
SERVER = servers.Server("ggd", "192.0.2.1", "")
NOTHING: dict[str, Any] = {
    "day": "2026-03-20", "packages": [], "lists": "2026-03-19", "unlisted": "", "unreached": "", "old": [],
    "reboot": [], "ours": {"gateway": True, "engine": True}, "runs": {"gateway": True, "engine": True}, "boot": "b 1",
}  # fmt: skip


def row(name: str, part: str, since: str = "2026-03-06", **more: Any) -> dict[str, Any]:
    return {
        **{"name": name, "part": part, "installed": "1", "candidate": "2", "security": True, "held": False},
        **{"since": since, **more},
    }


def found(*rows: dict[str, Any], server: servers.Server = SERVER, **more: Any) -> packages.Found:
    return packages.read(json.dumps({**NOTHING, "packages": rows, **more}), server)


def test_nothing_is_said_of_a_server_that_has_all() -> None:
    assert packages.lines(found(), TODAY) == packages.overdue(found(), TODAY) == []
    assert upgrade.steps(found()) == []


@pytest.mark.parametrize(("since", "late"), [("2026-03-06", False), ("2026-03-05", True)])
def test_fourteen_days_may_pass_and_not_one_more(since: str, late: bool) -> None:
    told = packages.overdue(found(row("haproxy", "gateway", since), row("nano", "rest", "2026-03-19")), TODAY)
    assert told == [f"the gateway waits for haproxy 2 for 15 days, and may for 14; {REMEDY}"] * late
    assert packages.overdue(found(row("haproxy", "gateway", "2026-03-05")), TODAY, 15) == []


def test_a_server_says_how_many_days_each_waits() -> None:
    told = packages.lines(found(row("haproxy", "gateway"), row("nano", "rest", "2026-03-19", held=True)), TODAY)
    assert told == [
        "security update haproxy 2 (has 1), known for 14 days",
        "security update nano 2 (has 1), known for 1 day, held back",
    ]


def test_who_could_bring_it_is_named() -> None:
    held = found(row("haproxy", "gateway", "2026-01-01", held=True))
    assert packages.overdue(held, TODAY)[0].endswith("`apt-mark unhold haproxy`")
    owners = found(row("docker-ce", "engine", "2026-01-01"), ours={"gateway": True, "engine": False})
    assert packages.overdue(owners, TODAY)[0].endswith("it is its owner's there, who upgrades it")
    assert upgrade.steps(held) == upgrade.steps(owners) == []
    assert [len(upgrade.left(one)) for one in (held, owners)] == [1, 1]


def test_what_the_inventory_leaves_to_the_owner_is_looked_at_only() -> None:
    owners = servers.Server("ggd", "192.0.2.1", "", managed={"updates": False, "engine": False})
    rows = (row("nano", "rest"), row("runc", "engine"), row("haproxy", "gateway"))
    assert [str(step) for step in upgrade.steps(found(*rows, server=owners))] == [
        "fetch of gateway: haproxy 2",
        "gateway: haproxy 2",
    ]
    assert len(upgrade.steps(found(*rows))) == 6


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"lists": "2026-03-01"}, "its list of Debian's security archive is of 2026-03-01; let its apt reach a mirror"),
        (
            {"lists": "", "unlisted": "2026-03-01"},
            "its list of Debian's security archive is not there; let its apt reach a mirror",
        ),
        ({"lists": "", "unlisted": "2026-03-18"}, ""),
    ],
)
def test_a_server_that_no_mirror_tells_anything_is_late_too(more: dict[str, Any], said: str) -> None:
    """It would be up to date for ever."""
    assert packages.overdue(found(**more), TODAY) == ([said] if said else [])


def test_what_was_replaced_and_still_runs_has_a_step_of_its_own() -> None:
    told = found(old=["docker.service", "ssh.service"], reboot=["ssh.service runs what an upgrade replaced"])
    assert [(one.name, one.drain) for one in upgrade.steps(told)] == [("engine", True), ("reboot", True)]
    assert not upgrade.steps(told)[0].way_back


def test_a_server_that_has_not_looked_or_talks_nonsense_is_not_known() -> None:
    for answer in (remote.Done("{}"), remote.Done("[", "", 0), remote.Done("", "", 127)):
        assert packages.told(answer, SERVER) is None
    assert packages.told(remote.Done(json.dumps(NOTHING)), SERVER) == found()
