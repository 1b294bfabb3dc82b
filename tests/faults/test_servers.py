"""Servers that stop, start again and go away: the next session works without anybody touching anything."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness import fuzzing, sandboxes, servers

pytestmark = pytest.mark.servers
ORGANISATIONS = ("ggd", "huisartsen", "thuiszorg", "ziekenhuis")


@pytest.fixture(autouse=True)
def _servers_run_afterwards(toets: sandboxes.Sandbox) -> Iterator[None]:
    yield
    for organisation in ORGANISATIONS:
        servers.docker("start", toets.container(organisation))
    toets.works_again()


@pytest.mark.parametrize("organisation", fuzzing.cases(ORGANISATIONS, 1))
def test_after_a_reboot_of_one_server_the_next_session_works(toets: sandboxes.Sandbox, organisation: str) -> None:
    servers.docker("restart", toets.container(organisation))
    toets.works_again()


def test_after_a_reboot_of_all_servers_at_once_the_next_session_works(toets: sandboxes.Sandbox) -> None:
    servers.docker("restart", *(toets.container(organisation) for organisation in ORGANISATIONS))
    toets.works_again()


@pytest.mark.parametrize(
    "units",
    fuzzing.cases(
        [
            ("werkplaats-gateway", "docker"),
            ("docker", "werkplaats-gateway"),
            ("werkplaats-gateway",),
            ("docker",),
        ],
        1,
    ),
    ids=" then ".join,
)
def test_gateway_and_engine_restart_in_any_order(toets: sandboxes.Sandbox, units: tuple[str, ...]) -> None:
    # systemd gives up on a unit that is started too often within a minute, which no administrator does.
    toets.on("ggd", "systemctl", "reset-failed", *(f"{unit}.service" for unit in units))
    for unit in units:
        done = toets.on("ggd", "systemctl", "restart", unit)
        assert done.returncode == 0, done.stderr
    toets.works_again()


def test_a_server_that_is_off_is_named_and_the_rest_is_done(toets: sandboxes.Sandbox) -> None:
    servers.docker("stop", toets.container("huisartsen"))
    plan = json.loads(toets.run("plan", "--json", expect=5).stdout)
    assert set(plan["left_out"]) == {"huisartsen"}
    verified = json.loads(toets.run("verify", "--json", expect=1).stdout)
    wrong = [v for v in verified["verdicts"] if not v["good"]]
    assert {v["subject"] for v in wrong if v["kind"] == "check"} == {"huisartsen"}
    assert any("huisartsen" in v["reason"] for v in wrong if v["kind"] == "session")
    status = {one["organisation"]: one for one in json.loads(toets.run("status", "--json", expect=1).stdout)}
    assert [o for o, one in status.items() if not one["good"]] == ["huisartsen"]


def test_with_a_server_off_up_names_it_and_mends_another_in_the_same_run(toets: sandboxes.Sandbox) -> None:
    settings = "/etc/werkplaats/gateway/compiled/base.cfg"
    assert toets.on("thuiszorg", "sed", "--in-place", "1i # edited by hand", settings).returncode == 0
    assert toets.on("ziekenhuis", "docker", "rm", "--force", "station-computer").returncode == 0
    servers.docker("stop", toets.container("huisartsen"))
    told = toets.up(expect=5)
    assert set(told["left_out"]) == {"huisartsen"}
    assert set(told["changes"]["configured"]) == {"thuiszorg"}
    assert [(c["operation"], c["name"]) for c in told["changes"]["stations"]] == [("create", "ziekenhuis-computer")]
    assert "edited by hand" not in toets.on("thuiszorg", "cat", settings).stdout
    assert {v["subject"] for v in told["found"] if v["kind"] == "check"} == {"huisartsen"}
