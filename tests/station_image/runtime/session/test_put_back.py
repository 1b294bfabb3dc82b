"""A station whose server was put back from a snapshot, over real gateways: refused, agreed to, and working again."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from station_image.runtime.consent import back
from tests.harness.stations import Station, replace, wait_until
from tests.station_image.runtime.agreed import MEMBERS, Agreed

KEPT = ("state", "register", "allowances")


def copied(station: Station) -> Path:
    """What a backup has."""
    to = station.root / "copy"
    for name in KEPT:
        shutil.copytree(station.root / name, to / name)
    return to


def put_back(station: Station, copy: Path) -> None:
    station.kill("agent")
    for path in (one for name in KEPT for one in (station.root / name).iterdir()):
        path.unlink()
    for path in (one for name in KEPT for one in (copy / name).iterdir()):
        place = station.root / path.parent.name / path.name
        shutil.copy2(path, place)
        station.give_to_agent(place)
    shutil.rmtree(copy)
    station.restart("agent")


def agree(agreed: Agreed, member: str, network: str, statement: str) -> None:
    """As its steward does: read what sensire says, and agree to exactly that."""
    station = agreed["sensire"].id
    [other] = [row for row in agreed.tell(member, "back")["others"] if row["network"] == network]
    assert (other["statement"], other["station"], other["waits"]) == (statement, station, True)
    assert agreed.tell(member, "status")["exit"] == 1
    (agreed[member].root / "allowances" / f"{network}.{station}.agreed").write_text(
        json.dumps({"statement": statement})
    )
    assert agreed.tell(member, "agree", network=network, station=station)["exit"] == 0


@pytest.mark.slow
def test_a_station_that_was_put_back_is_refused_until_all_agreed_and_works_then(agreed: Agreed) -> None:
    station = agreed["sensire"]
    assert agreed.ask()["exit"] == 0
    copy = copied(station)
    document = agreed.asked()
    assert agreed.ask()["exit"] == 0
    put_back(station, copy)
    lost = wait_until(lambda: agreed.tell("sensire", "back")["lost"], "the others to show what it signed")
    whole = station.control("status")
    assert (whole["exit"], whole["register"]["problem"]) == (1, agreed.tell("sensire", "status")["register"]["problem"])
    assert "is not there any more" in whole["register"]["problem"]
    refused = agreed.ask()
    assert refused["exit"] == 3
    assert f"entry {lost['entries']}" in refused["reasons"][station.id]

    now = agreed.tell("sensire", "back")
    said = {"entries": now["entries"], "last": now["last"], "reason": "put back", "at": time.time()}
    replace(station.root / "allowances" / back.SAID, said)
    told = agreed.tell("sensire", "go_back")
    own = {row["network"]: row for row in told["own"]}
    assert own["drie"]["waits_for"] == [agreed["ggd"].id, agreed["gelre"].id]
    assert agreed.ask()["exit"] == 3, "nobody agreed yet"
    for network, row in own.items():
        for party in row["waits_for"]:
            agree(agreed, party.rpartition(".")[2], network, row["statement"])
    assert [row["waits_for"] for row in agreed.tell("sensire", "back")["own"]] == [[]] * 3
    wait_until(lambda: time.time() > own["drie"]["moment"] + 1, "the next second")
    agreed.allow(document, by=["sensire"])
    for member in ("ggd", "gelre", "sensire"):
        assert agreed.tell(member, "status")["register"]["problem"] == "", member

    answer = agreed.ask()
    assert answer["exit"] == 0, answer.get("reason")
    kinds = {
        member: [entry["kind"] for entry in agreed.tell(member, "register", last=100)["entries"]] for member in MEMBERS
    }
    assert {"lost", "went-back", "granted"} <= {*kinds["sensire"]}
    assert {"told", "agreed"} <= {*kinds["ggd"]} & {*kinds["gelre"]}
    assert all(agreed.tell(member, "register")["sound"] for member in MEMBERS)
