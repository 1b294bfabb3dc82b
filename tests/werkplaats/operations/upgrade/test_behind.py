"""Who is told to be behind, and what that blocks from when."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.network_topology.test_diff import SOUND
from werkplaats.operations.look import status
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import behind

UNTIL = datetime.date(2027, 2, 1)
MOVING = SOUND.model_copy(update={"release": "1.1.0", "upgrading_from": "1.0.0", "upgrading_until": UNTIL})
SPEAK = {"1.0.0": (2,), "1.1.0": (2, 3), "2.0.0": (3,)}


def told(release: str, today: datetime.date, definition: Any = MOVING) -> list[str]:
    releases = {name: SimpleNamespace(protocols=numbers) for name, numbers in SPEAK.items()}
    published = cast("Any", SimpleNamespace(definition=definition, releases=releases))
    return behind.sentences(published, [behind.Runs("ggz", "GGZ Proefdorp", release, "ggd")], today)


def test_who_moved_is_not_told() -> None:
    assert told("1.1.0", UNTIL) == []


@pytest.mark.parametrize(
    ("release", "today", "text"),
    [
        ("1.0.0", UNTIL, "runs release 1.0.0, which it may until 2027-02-01; it computes with all"),
        (
            *("1.0.0", UNTIL + datetime.timedelta(days=1)),
            "runs release 1.0.0, which it might until 2027-02-01: it is behind; it computes with all",
        ),
        (
            *("2.0.0", UNTIL),
            "runs release 2.0.0, which the definition does not name: its operator accepts what is published, and "
            "upgrades; it computes with all",
        ),
        (
            *("0.9.0", UNTIL),
            "runs release 0.9.0, which the definition does not name: its operator accepts what is published, and "
            "upgrades; it may compute with the others or not: its release is not published here",
        ),
        ("", UNTIL, "nobody here knows which release it runs"),
    ],
)
def test_who_did_not_is_told_with_what_that_blocks_from_when(release: str, today: datetime.date, text: str) -> None:
    (line,) = told(release, today)
    assert line.startswith("ggz (GGZ Proefdorp): ")
    assert line.removeprefix("ggz (GGZ Proefdorp): ") == text


def test_who_speaks_no_protocol_of_those_who_moved_computes_with_none_of_them() -> None:
    moved = MOVING.model_copy(update={"release": "2.0.0"})
    (line,) = told("1.0.0", UNTIL, moved)
    assert line.endswith("; it computes with nobody who runs 2.0.0")


class Servers:
    """The server of ggd, whose agent tells of itself and of its peers."""

    def __init__(self, **runs: str) -> None:
        self.runs, self.asked = runs, list[str]()
        self.heard: dict[str, str] = {}

    def ask_all(self, organisations: list[str], *command: str, **_: Any) -> dict[str, remote.Done]:
        assert organisations == ["ggd"]
        self.asked.append(command[1])
        links = [{"peer": f"n.{one}", "ok": True, "why": "", "release": release} for one, release in self.runs.items()]
        heard = {"n": {f"n.{one}": release for one, release in self.heard.items()}}
        said = {"status": {"networks": {"n": {"release": "1.1.0"}}}, "links": {"links": links, "heard": heard}}[
            command[1]
        ]
        return {"ggd": remote.Done(json.dumps(said))}


def stations() -> list[status.StationStatus]:
    def one(organisation: str, release: str, seen_by: str) -> status.StationStatus:
        return status.StationStatus(organisation, organisation, "", "", "", 90, "", "", release, "", "", (), seen_by)

    return [one("ggd", "1.1.0", "server"), one("ggz", "", "nobody"), one("thuiszorg", "", "nobody")]


def marked(servers: Servers, definition: Any) -> list[status.StationStatus]:
    compiled = SimpleNamespace(
        stations={one: SimpleNamespace(operated_by=one) for one in ("ggd", "ggz", "thuiszorg")},
        operators={one: one for one in ("ggd", "ggz", "thuiszorg")},
    )
    network = cast("Any", SimpleNamespace(name="n", compiled=compiled))
    releases = {name: SimpleNamespace(protocols=numbers) for name, numbers in SPEAK.items()}
    earlier = releases.get(definition.upgrading_from)
    published = cast("Any", SimpleNamespace(definition=definition, releases=releases, earlier=earlier))
    return behind.marked(network, cast("Any", servers), stations(), published, UNTIL)


def test_while_an_upgrade_goes_on_status_has_what_peers_tell_of_stations_that_others_operate() -> None:
    found = marked(Servers(ggz="1.0.0"), MOVING)
    assert [(one.release, one.seen_by, one.late) for one in found] == [
        ("1.1.0", "server", ""),
        ("1.0.0", "ggd", "runs release 1.0.0, which it may until 2027-02-01; it computes with all"),
        ("", "nobody", "nobody here knows which release it runs"),
    ]
    assert f"{'':<24} {found[1].late}" in status.lines(found)
    assert all(one.good for one in found), "to be behind is told, and is no fault of a server"


def test_of_stations_without_a_link_it_is_known_by_a_computing_party() -> None:
    servers = Servers(ggz="1.0.0")
    servers.heard = {"thuiszorg": "1.1.0", "ggz": "0.9.0"}
    assert [one.release for one in marked(servers, MOVING)] == ["1.1.0", "1.0.0", "1.1.0"], "itself knows best"


def test_what_a_peer_tells_is_no_more_than_a_line_of_text() -> None:
    (_, told, _) = marked(Servers(ggz="1.0.0\x1b[2J\nggd: well"), MOVING)
    assert told.release == "1.0.0\N{REPLACEMENT CHARACTER}[2J ggd: well"


def test_at_other_times_nobody_is_asked_for_it_and_the_own_stations_are_looked_at() -> None:
    servers = Servers(ggz="1.0.0")
    ended = MOVING.model_copy(update={"release": "2.0.0", "upgrading_from": "", "upgrading_until": None})
    found = marked(servers, ended)
    assert servers.asked == []
    assert [one.late for one in found] == [
        "runs release 1.1.0, which the definition does not name: its operator accepts what is published, and "
        "upgrades; it computes with all",
        "",
        "",
    ]
