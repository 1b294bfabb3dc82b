"""What is told of stations that nobody here logs in to: by whom, how long ago, and what is not looked at."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from werkplaats.operations.look import agreement, others, status
from werkplaats.operations.reach import remote

SLUGS = ("ggd", "ggz", "thuiszorg", "vvt")
Row = dict[str, Any]


def row(peer: str, why: str = "", **more: Any) -> Row:
    return {"network": "n", "peer": f"n.{peer}", "ok": not why, "why": why, **more}


class Servers:
    """Servers of this operator, whose agents tell of themselves and of their peers."""

    def __init__(self, links: dict[str, list[Row]], heard: dict[str, str], ago: dict[str, int]) -> None:
        self.links, self.heard, self.ago = links, heard, ago
        self.asked: list[str] = []

    def ask_all(self, organisations: list[str], *command: str, **_: Any) -> dict[str, remote.Done]:
        self.asked.append(command[1])
        peers = {f"n.{one}": {"seconds_ago": ago} for one, ago in self.ago.items()}
        heard = {"n": {f"n.{one}": release for one, release in self.heard.items()}}
        status = {"networks": {"n": {"release": "1.1.0", "peers": peers}}}
        return {
            one: remote.Done(json.dumps({"status": status, "links": {"links": self.links[one], "heard": heard}}[verb]))
            if (verb := command[1]) in ("status", "links")
            else remote.Done()
            for one in organisations
        }


def station(organisation: str, seen_by: str = "nobody") -> status.StationStatus:
    return status.StationStatus(organisation, organisation, "", "", "", 90, "", "", "", "", "", (), seen_by)


def marked(
    links: list[Row], heard: dict[str, str] | None = None, ago: dict[str, int] | None = None
) -> dict[str, status.StationStatus]:
    network = cast("Any", SimpleNamespace(name="n", compiled=SimpleNamespace(stations=dict.fromkeys(SLUGS))))
    servers = Servers({"ggd": links}, heard or {}, ago or {})
    stations = [station("ggd", "server"), *map(station, SLUGS[1:])]
    return {one.organisation: one for one in others.marked(network, cast("Any", servers), stations, None)}


def test_one_that_answers_is_told_with_its_release_and_what_nobody_looked_at() -> None:
    found = marked([row("ggz", release="1.0.0")])["ggz"]
    assert (found.release, found.seen_by, found.good) == ("1.0.0", "ggd", True)
    assert found.told == ("its agent answers ggd", others.UNSEEN)
    assert f"{'':<24} its agent answers ggd" in status.lines([found])


def test_one_that_does_not_answer_is_not_well_and_how_long_ago_it_was_heard_is_said() -> None:
    found = marked([row("ggz", "connection refused")], ago={"ggz": 7265})["ggz"]
    assert found.wrong == ["mesh: ggd calls it in vain: connection refused; last heard 2:01:05 ago"]
    assert marked([row("ggz", "no route")])["ggz"].wrong == ["mesh: ggd calls it in vain: no route; never heard"]


def test_without_a_link_its_release_is_known_by_a_computing_party_and_who_calls_it_knows_better() -> None:
    found = marked([row("ggz", release="1.0.0")], {"thuiszorg": "1.1.0", "ggz": "0.9.0"}, {"vvt": 61})
    assert [found[one].release for one in SLUGS[1:]] == ["1.0.0", "1.1.0", ""]
    assert found["thuiszorg"].told[0].startswith("its release is known to ggd by a computing party")
    assert found["vvt"].told[0] == "no station that is reached here has a link with it; last heard 0:01:01 ago"
    assert found["vvt"].seen_by == "nobody"


def test_of_the_servers_that_status_read_only_what_their_agents_tell_is_asked() -> None:
    """What was accepted there was read with the rest."""
    network = cast("Any", SimpleNamespace(name="n", compiled=SimpleNamespace(stations=dict.fromkeys(SLUGS))))
    servers = Servers({"ggd": [row("ggz")]}, {}, {})
    others.marked(network, cast("Any", servers), [station("ggd", "server"), *map(station, SLUGS[1:])], None)
    assert servers.asked == ["status", "links"]


def test_where_every_server_is_looked_at_no_agent_is_asked_of_others() -> None:
    servers = Servers({}, {}, {})
    stations = [station("ggd", "server")]
    assert others.marked(cast("Any", None), cast("Any", servers), stations, None) == stations
    assert servers.asked == []


@pytest.mark.parametrize("release", ["1.0.0\x1b[2J\nggd: well"])
def test_what_a_peer_tells_is_no_more_than_a_line_of_text(release: str) -> None:
    assert marked([row("ggz", release=release)])["ggz"].release == "1.0.0\N{REPLACEMENT CHARACTER}[2J ggd: well"


def test_what_a_station_tells_of_its_peer_ends_nobodys_look_and_is_no_line_of_another() -> None:
    """Its server says what it likes: of how long ago no span of time can tell, and digests that are lines."""
    found = marked([row("ggz", "no route")], ago={"ggz": 10**30})
    assert [found[one].told[-1] for one in SLUGS[1:]] == [others.UNSEEN] * 3
    view = cast("Any", SimpleNamespace(parts={"definition": "sha256:0"}))
    told = agreement.Agreed({"ggd": view}, None).differs("ggd", "ggz", {"definition": "x\nggd: well"})
    assert told.startswith("the agent of ggz goes by definition x ggd: well, and ggd accepted sha256:0")
