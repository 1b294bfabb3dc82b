from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.publication import publications
from tests.werkplaats.operations.look import test_packages
from werkplaats.operations.look import packages, station_says, status, verify
from werkplaats.operations.reach import remote
from werkplaats.operations.reach.servers import Server


def station(
    days: int | None = 100, *, server: str = "", seen_by: str = "server", accepted: str = ""
) -> status.StationStatus:
    return status.StationStatus("ggd", "ggd", server, "", "", days, "", "", "dev", "", accepted, (), seen_by)


@pytest.mark.parametrize(("days", "told"), [(-1, "has expired"), (0, "ends in 0 days"), (29, "ends in 29 days")])
def test_a_certificate_with_less_than_a_month_is_not_well(days: int, told: str) -> None:
    assert not station(days).good
    assert told in status.lines([station(days)])[0]


@pytest.mark.parametrize(("days", "told"), [(-1, "has expired, and no peer is let in"), (39, "ends in 39 days")])
def test_a_list_on_the_server_that_has_ended_or_will_soon_is_not_well(days: int, told: str) -> None:
    late = dataclasses.replace(station(), list_days=days)
    assert not late.good
    assert f"revocation list on the server: {told}" in status.lines([late])[0]
    assert dataclasses.replace(station(), list_days=40).good


def test_a_month_is_enough_and_a_station_without_a_certificate_is_none_the_worse() -> None:
    assert station(30).good
    assert station(None).good


def test_a_station_of_another_operator_is_unknown_and_not_bad() -> None:
    other = station(seen_by="nobody")
    assert other.good
    assert "run by another operator" in status.lines([other])[0]


def test_a_server_of_this_operator_that_is_away_is_bad() -> None:
    away = station(server="cannot be reached", seen_by="nobody")
    assert not away.good
    assert "server: cannot be reached" in status.lines([away])[0]


@pytest.fixture
def network(tmp_path: Path) -> Any:
    return SimpleNamespace(name="gerda", publication=tmp_path / "gerda", trusted=tmp_path / "kept")


def test_without_a_publication_no_certificate_is_known_and_nothing_is_wrong(network: Any) -> None:
    assert status.certificates(network) == status.Certificates({}, "")


def test_days_are_not_taken_from_a_publication_that_is_refused(network: Any) -> None:
    publications.put(network.publication, publications.Maker("gerda").relayed({"definition.json": b"{}"}))
    (network.publication / "metadata" / "timestamp.json").write_text("{}")
    found = status.certificates(network)
    assert found.days == {}
    assert "timestamp.json cannot be read as a publication" in found.wrong


def test_a_station_that_no_other_lets_in_is_not_well() -> None:
    out = dataclasses.replace(station(None), out="no station of gerda any more by publication 3")
    assert not out.good
    assert "no station of gerda any more by publication 3" in status.lines([out])[0]


def test_the_digest_that_organisations_compare_is_shown_once_with_all_that_have_it() -> None:
    digest = "sha256:" + "0" * 64
    assert status.lines([station(accepted=digest), station(accepted=digest)])[2:] == [f"accepted: {digest} by ggd, ggd"]
    assert not station(accepted=status.UNREADABLE).good
    assert len(status.lines([station()])) == 1


CUT = "cannot compute: thuiszorg is cut"


class Stations:
    """One server, whose station says `told` in `station status` and `station register`."""

    servers = {"ggd": Server("ggd", "192.0.2.1", "")}  # noqa: RUF012

    packages = "{}"

    def __init__(self, **told: Any) -> None:
        self.told = {"networks": {"n": {"problem": ""}}, "sound": True, **told}

    def ask(self, _: str, *command: str, **__: Any) -> remote.Done:
        if command[0] == "docker":
            rows = [{"id": p, "name": f"/station-{p}", "state": "running", "image": "i"} for p in ("agent", "computer")]
            return remote.Done("\n".join(map(json.dumps, rows)))
        if command[0] == "systemctl":
            return remote.Done("active\nactive")
        if command[0] == packages.PROGRAM:
            return remote.Done(self.packages)
        return remote.Done(json.dumps(self.told)) if command[0] == "station" else remote.Done("", "", 1)

    def ask_all(self, organisations: Any, *command: str) -> dict[str, remote.Done]:
        return {o: self.ask(o, *command) for o in organisations}


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({}, []),
        ({"networks": {"n": {"problem": CUT}}}, [f"network: {CUT}"]),
        ({"problem": "networks.d cannot be used: x"}, ["network: networks.d cannot be used: x"]),
        ({"register": {"problem": "line 1 is not as it was written"}}, ["register: line 1 is not as it was written"]),
    ],
)
def test_a_station_that_says_that_it_cannot_take_part_is_not_well(told: dict[str, Any], wrong: list[str]) -> None:
    """Status said "well" of stations that computed nothing any more."""
    stations: Any = Stations(**told)
    network: Any = SimpleNamespace(
        name="n", compiled=SimpleNamespace(stations={"ggd": SimpleNamespace(operator="ggd")})
    )
    [found] = status.read(network, stations, {}, status.Certificates({}, ""))
    assert found.wrong == wrong


def test_a_server_that_is_behind_is_not_well_and_one_that_may_wait_longer_is() -> None:
    rows = [test_packages.row("haproxy", "gateway", "2020-01-01"), test_packages.row("nano", "rest", "2020-01-01")]
    network: Any = SimpleNamespace(
        name="n", compiled=SimpleNamespace(stations={"ggd": SimpleNamespace(operator="ggd")})
    )
    stations: Any = Stations()
    stations.packages = json.dumps({**test_packages.NOTHING, "packages": rows, "lists": "2999-01-01"})
    [found] = status.read(network, stations, {}, status.Certificates({}, ""))
    assert [line.partition(" waits")[0] for line in found.wrong] == ["the gateway", "Debian"]
    assert [line for line in status.lines([found]) if line.strip().startswith("security update haproxy 2 (has 1)")]
    stations.servers = {"ggd": dataclasses.replace(stations.servers["ggd"], updates_within=90_000)}
    [found] = status.read(network, stations, {}, status.Certificates({}, ""))
    assert found.wrong == []


def test_what_was_cut_off_a_register_is_told_and_the_station_is_well() -> None:
    mended = dataclasses.replace(station(), mended=7)
    assert mended.good
    assert "entry 7 of its register says what was cut off" in status.lines([mended])[0]
    assert "cut off" not in status.lines([station()])[0]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({}, []),
        ({"networks": {"n": {"problem": CUT}}}, [CUT]),
        ({"sound": False, "problem": ""}, [station_says.SILENT]),
        ({"register": {"problem": "entry 9 is not there any more"}}, ["entry 9 is not there any more"]),
        ({"register": {"problem": "no entry"}, "sound": False}, [station_says.SILENT]),
    ],
)
def test_verify_asks_every_station_of_itself_and_has_its_register_read(told: dict[str, Any], wrong: list[str]) -> None:
    stations: Any = Stations(**told)
    network: Any = SimpleNamespace(name="n")
    found = verify._of_themselves(network, stations, ["ggd"])
    assert len(found) == 2
    assert [verdict.reason for verdict in found if not verdict.good] == wrong
