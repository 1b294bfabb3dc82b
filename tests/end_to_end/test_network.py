"""A network from its definition to a joint computation, through the command, as its users do it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from tests import sandboxes

pytestmark = pytest.mark.servers
ORGANISATIONS = {"ggd", "ziekenhuis", "thuiszorg", "huisartsen"}


def test_every_organisation_contributes_to_the_joint_computation(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("session", "--json").stdout)
    assert told["good"]
    assert {name.rsplit(".", 1)[-1] for name in told["session"]["contributors"]} == ORGANISATIONS


def test_a_second_up_changes_nothing(toets: sandboxes.Sandbox) -> None:
    told = toets.up()
    assert told["changes"] == {"servers": [], "configured": {}, "stations": []}
    assert told["verified"]
    print({"again, seconds": told["seconds"], "phases": told["phases"]})


def test_a_plan_of_a_network_that_is_as_it_should_be_has_no_change(toets: sandboxes.Sandbox) -> None:
    plan = json.loads(toets.run("plan", "--json").stdout)
    assert plan == {"servers": [], "waiting": [], "configuration": [], "stations": [], "questions": [], "left_out": {}}


def test_verify_looks_at_every_compiled_link_and_every_server(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("verify", "--json").stdout)
    assert told["good"], [v for v in told["verdicts"] if not v["good"]]
    links = {v["name"] for v in told["verdicts"] if v["kind"] == "link"}
    assert len(links) == 9  # 3 computing parties both ways, and 1 contributor to each of them
    assert {v["subject"] for v in told["verdicts"] if v["kind"] == "check"} == ORGANISATIONS


def test_status_shows_every_station_well(toets: sandboxes.Sandbox) -> None:
    told = json.loads(toets.run("status", "--json").stdout)
    assert {one["organisation"] for one in told} == ORGANISATIONS
    assert all(one["good"] and one["certificate_days"] > 170 and one["release"] == "dev" for one in told), told


def test_the_map_is_a_picture_with_every_organisation(toets: sandboxes.Sandbox) -> None:
    picture = toets.run("map").stdout
    ElementTree.fromstring(picture)  # noqa: S314 - we drew it
    for name in ("GGD Proeftuin", "Ziekenhuis Proeftuin", "Thuiszorg Proeftuin", "Huisartsengroep Proeftuin"):
        assert name in picture


def test_a_second_up_at_the_same_time_is_refused_and_told_who_holds_the_lock(toets: sandboxes.Sandbox) -> None:
    first = toets.start("up", toets.name, "--yes", "--all-steps", "--json")
    lock = toets.vault / "lock"
    while first.poll() is None and not lock.read_text().strip():
        pass
    second = toets.run("up", "--yes", "--all-steps", expect=3)
    assert f"is locked by process {first.pid}" in second.stderr
    assert "since" in second.stderr
    out, err = first.communicate(timeout=300)
    assert first.returncode == 0, out + err


def test_a_container_removed_behind_its_back_is_made_again_and_nothing_else_is(toets: sandboxes.Sandbox) -> None:
    assert toets.on("ziekenhuis", "docker", "rm", "--force", "station-computer").returncode == 0
    told = toets.up()
    assert [(c["operation"], c["name"]) for c in told["changes"]["stations"]] == [("create", "ziekenhuis-computer")]
    assert told["verified"]


def test_a_file_of_the_gateway_edited_on_a_server_is_put_right(toets: sandboxes.Sandbox) -> None:
    settings = "/etc/werkplaats/gateway/compiled/base.cfg"
    assert toets.on("thuiszorg", "sed", "--in-place", "1i # edited by hand", settings).returncode == 0
    told = toets.up()
    assert set(told["changes"]["configured"]) == {"thuiszorg"}
    assert told["verified"]
