from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.pki import Signer
from werkplaats.operations.coordinator import repository as writing
from werkplaats.operations.look import status


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
    return SimpleNamespace(name="gerda", publication=tmp_path / "gerda")


def test_without_a_publication_no_certificate_is_known_and_nothing_is_wrong(network: Any) -> None:
    assert status.certificates(network) == status.Certificates({}, "")


def test_days_are_not_taken_from_a_publication_that_is_refused(network: Any) -> None:
    signer = Signer()
    writing.write(network.publication, "gerda", 1, signer.with_ca({}), lambda content: signer.sign(content, "gerda"))
    (network.publication / "index.json.sig").unlink()
    found = status.certificates(network)
    assert found.days == {}
    assert "index.json.sig is missing" in found.wrong


def test_a_station_that_no_other_lets_in_is_not_well() -> None:
    out = dataclasses.replace(station(None), out="no station of gerda any more by publication 3")
    assert not out.good
    assert "no station of gerda any more by publication 3" in status.lines([out])[0]


def test_the_digest_that_organisations_compare_is_shown_once_with_all_that_have_it() -> None:
    digest = "sha256:" + "0" * 64
    assert status.lines([station(accepted=digest), station(accepted=digest)])[2:] == [f"accepted: {digest} by ggd, ggd"]
    assert not station(accepted=status.UNREADABLE).good
    assert len(status.lines([station()])) == 1
