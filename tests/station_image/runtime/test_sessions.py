"""Sessions through real gateways: who computes, who contributes, who sees the result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.region import Region
from tests.harness.stations import Station, replace, wait_until

pytestmark = pytest.mark.slow


def right(answer: dict[str, Any]) -> bool:
    return answer["exit"] == 0 and answer["result"]["correct"] is True and not answer["left_out"]


@pytest.mark.parametrize(("network", "contributors"), [("drie", 5), ("vijf", 6), ("zeven", 8)])
def test_three_five_and_seven_parties_compute_the_right_sum(region: Region, network: str, contributors: int) -> None:
    answer = region["ggd"].ask("session", "--network", network)
    assert right(answer), answer
    assert len(answer["contributors"]) == contributors


def test_an_organisation_without_inbound_port_contributes_proposes_and_gets_the_result(region: Region) -> None:
    answer = region["huisarts"].ask("session", "--network", "drie")
    assert right(answer), answer
    assert region["huisarts"].id in answer["contributors"]


def test_results_reach_the_result_parties_alike_whether_they_compute_or_not_and_nobody_else(region: Region) -> None:
    receivers = ("huisarts", "gelre", "yunio")
    chosen = [word for name in receivers for word in ("--results-to", name)]
    answer = region["ggd"].ask("session", "--network", "drie", *chosen)
    assert answer["exit"] == 0
    assert "result" not in answer, "the proposer is no result party"
    found = {name: _result(station, answer["session"]) for name, station in region.stations.items()}
    assert {name for name, result in found.items() if result} == set(receivers)
    assert len(set(found.values()) - {""}) == 1
    assert json.loads(found["gelre"])["result"]["correct"] is True


def _result(station: Station, session: str) -> str:
    path = station.root / "data" / "out" / session / "result.json"
    return path.read_text() if path.exists() else ""


def test_rounds_make_a_session_longer_and_it_stays_right(region: Region) -> None:
    answer = region["gelre"].ask("session", "--network", "drie", "--rounds", "200")
    assert right(answer), answer


def test_every_link_is_called_and_polls_are_asked_over_their_own_connection(region: Region) -> None:
    answer = region["ggd"].ask("links")
    assert answer["exit"] == 0, answer
    assert {row["way"] for row in answer["links"]} == {"call", "poll"}
    assert {row["peer"] for row in answer["links"]} == {
        station.id for name, station in region.stations.items() if name != "ggd"
    }


def test_a_link_to_a_station_that_is_off_is_named_with_the_reason(region: Region) -> None:
    region["carint"].kill()
    answer = region["ggd"].ask("links")
    assert answer["exit"] == 1
    assert [row["peer"] for row in answer["links"] if not row["ok"]] == [region["carint"].id]
    assert all(row["why"] for row in answer["links"] if not row["ok"])


def test_status_tells_networks_peers_and_the_last_session(region: Region) -> None:
    session = region["ggd"].ask("session", "--network", "drie")["session"]
    for name in ("gelre", "huisarts"):
        status = region[name].status("drie")
        assert status["last_session"]["session"] == session
        assert status["peers"][region["ggd"].id]["seconds_ago"] < 30
        assert status["release"] == "dev"


def test_a_computer_that_was_killed_is_told_though_its_socket_is_still_there(region: Region) -> None:
    """`up` took it for one that runs, and verified what was not up yet."""
    station = region["yunio"]
    assert station.control("status")["computer"]
    station.kill("computer")
    assert not station.control("status")["computer"]
    station.start("computer")
    wait_until(lambda: station.control("status")["computer"], "the computer to be seen", 60)


def test_a_fourth_acceptance_at_once_is_refused_and_one_makes_way_for_who_has_none(region: Region) -> None:
    running = [region[name].propose(rounds=6000) for name in ("ggd", "ggd", "sensire")]
    for proposal in running:
        proposal.until_computing(3)
    third = region["ggd"].ask("session", "--network", "drie")
    fourth = region["sensire"].ask("session", "--network", "drie")
    assert (third["exit"], fourth["exit"]) == (3, 3)
    assert "3 acceptance sessions already" in fourth["error"]
    assert right(region["gelre"].ask("session", "--network", "drie"))
    *two, other = (proposal.answer() for proposal in running)
    assert right(other)
    assert sorted(map(right, two)) == [False, True]
    [ended] = [answer["reason"] for answer in two if not right(answer)]
    assert ended == "its place was given to a station that had none; try again"


def test_a_changed_definition_is_in_force_without_a_restart(region: Region) -> None:
    three, less = ("ggd", "gelre", "sensire"), ("ggd", "gelre", "sensire", "huisarts")
    region.network("drie", three, less, others=["yunio"])
    try:
        answer = region["ggd"].ask("session", "--network", "drie")
        assert right(answer)
        assert region["yunio"].id not in answer["contributors"]
    finally:
        region.network("drie", three, (*three, "yunio", "huisarts"))


def test_a_station_that_accepted_another_definition_refuses_and_names_the_field(region: Region) -> None:
    three, all_five = ("ggd", "gelre", "sensire"), ("ggd", "gelre", "sensire", "yunio", "huisarts")
    region.write_view("drie", region["gelre"], three, three, all_five)
    try:
        answer = region["ggd"].ask("session", "--network", "drie")
        assert answer["exit"] == 3
        assert list(answer["reasons"]) == [region["gelre"].id]
        assert "contributors" in answer["reasons"][region["gelre"].id]
    finally:
        region.network("drie", three, all_five)


def test_a_definition_that_cannot_be_read_leaves_the_last_one_in_force_and_status_says_so(region: Region) -> None:
    path = region["gelre"].root / "networks.d" / "drie" / "network.json"
    before = json.loads(path.read_text())
    assert region["gelre"].ask("status")["problem"] == ""
    replace(path, {"network": "drie"})
    try:
        assert "last good one" in region["gelre"].ask("status")["problem"]
        assert right(region["ggd"].ask("session", "--network", "drie"))
    finally:
        replace(path, before)
    assert region["gelre"].ask("status")["problem"] == ""


def test_without_a_network_it_is_about_the_home_network(region: Region) -> None:
    answer = region["ggd"].ask("session", "--rounds", "1")
    assert right(answer)
    home = region["ggd"].id.rpartition(".")[0]
    assert answer["contributors"] == region["ggd"].ask("session", "--network", home, "--rounds", "1")["contributors"]
    assert answer["contributors"] != region["ggd"].ask("session", "--network", "zeven", "--rounds", "1")["contributors"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", "nergens"], "nergens"),
        (["--network", "drie", "--analysis", "onbekend"], "onbekend"),
        (["--network", "drie", "--rounds", "0"], "rounds"),
        (["--network", "drie", "--results-to", "niemand"], "niemand"),
    ],
)
def test_wrong_use_is_answered_by_a_sentence(region: Region, words: list[str], said: str) -> None:
    answer = region["ggd"].ask("session", *words)
    assert answer["exit"] == 2
    assert said in answer["error"]
