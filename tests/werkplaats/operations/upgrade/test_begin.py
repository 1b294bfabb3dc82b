"""What would be begun, and what a rollback would take back: of what servers tell, each of which is asked once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import cast

import pytest

from base import errors
from network_topology import model
from stacks import parts
from tests.werkplaats.operations.upgrade.test_state import NEW, NEWEST, OLD, upgrade
from werkplaats.operations.home import networks
from werkplaats.operations.look import observed
from werkplaats.operations.reach import remote
from werkplaats.operations.release import find
from werkplaats.operations.upgrade import begin, canary, packages, preflight, state

WAVES = (("thuiszorg",), ("huisartsen", "ggd"))
STATIONS = {
    "thuiszorg": state.Station(brought=("gateway", "engine")),
    "huisartsen": state.Station(),
    "ggd": state.Station(seconds=3.0, brought=("gateway",)),
}
MOVED = upgrade(to=None, earlier=None, waves=WAVES, stations=STATIONS, phase=state.Phase.PAUSED)


@pytest.fixture
def remotes() -> remote.Remotes:
    """All servers, each of which is there."""
    return cast("remote.Remotes", SimpleNamespace(servers=dict.fromkeys(STATIONS), probe=dict))


def back(remotes: remote.Remotes, before: state.Upgrade) -> state.Upgrade:
    return begin.back(networks.find("proeftuin"), remotes, before).upgrade


def test_packages_go_back_where_this_upgrade_brought_them_and_who_got_them_last_first(remotes: remote.Remotes) -> None:
    found = back(remotes, MOVED)
    assert (found.waves, found.back, found.to) == ((("ggd",), ("thuiszorg",)), True, None)
    assert {one: at.brought for one, at in found.stations.items()} == {
        "ggd": ("gateway",),
        "thuiszorg": ("gateway", "engine"),
    }


def test_a_station_that_may_drain_since_a_kill_takes_part_again_by_that(remotes: remote.Remotes) -> None:
    killed = MOVED.at("huisartsen", state.Step.DRAINS)
    assert back(remotes, killed).waves == (("ggd", "huisartsen"), ("thuiszorg",))


def test_where_nothing_came_that_has_a_way_back_that_is_said(remotes: remote.Remotes) -> None:
    nothing = {one: state.Station() for one in STATIONS}
    with pytest.raises(errors.RefusedError, match="brought nothing that has a way back; bring newer versions"):
        back(remotes, MOVED.model_copy(update={"stations": nothing}))


def test_one_that_goes_back_and_stopped_goes_on_and_one_that_went_is_refused(remotes: remote.Remotes) -> None:
    once = back(remotes, MOVED)
    again = back(remotes, once.now(state.Phase.ABORTED))
    assert (again.waves, again.back, again.phase) == (once.waves, True, state.Phase.RUNNING)
    with pytest.raises(errors.RefusedError, match="went back to the packages of before already"):
        back(remotes, once.now(state.Phase.DONE))


def test_parts_that_come_are_kept_each_once() -> None:
    kept = MOVED.at("huisartsen", state.Step.PACKAGES, part="gateway").at("huisartsen", state.Step.STARTS)
    kept = kept.at("huisartsen", state.Step.PACKAGES, part="gateway").at("huisartsen", state.Step.MOVED, 1.0)
    assert kept.stations["huisartsen"].brought == ("gateway",)


def test_what_is_taken_back_is_what_was_brought_last_the_gateway_first() -> None:
    gateway = packages.Step("gateway", "gateway", (("haproxy", "3.0.11-2"),), way_back=True)
    engine = packages.Step("engine", "engine", (("docker.io", "26.1"), ("runc", "1.3")), drain=True, way_back=True)
    newer = packages.Step("engine", "engine", (("runc", "1.4"),), drain=True, way_back=True)
    rest = packages.Step("rest", "rest", (("libssl3t64", "3.5"),))
    assert packages.taking_back([engine.brought, gateway.brought]) == [gateway, engine]
    assert packages.taking_back([engine.brought, newer.brought]) == [newer]
    assert rest.brought == ""


class Engines:
    """Two servers whose stations run a release; every question to them is counted."""

    servers = dict.fromkeys(("ggd", "thuiszorg"))

    def __init__(self, image: str) -> None:
        rows = ({"id": part.name, "name": f"/station-{part.name}", "state": "running", "image": image}
                for part in parts.PARTS)  # fmt: skip
        self._told = {"inspect": "\n".join(map(json.dumps, rows)), "-c": "9" * 12, "+%s": str(int(time.time())),
                      "status": '{"computer": true, "networks": {}}'}  # fmt: skip
        self.asked = Counter[tuple[str, ...]]()

    def probe(self) -> dict[str, str]:
        return {}

    def ask_all(self, organisations: Iterable[str], *command: str) -> dict[str, remote.Done]:
        self.asked[command] += 1
        return dict.fromkeys(organisations, remote.Done(self._told.get(command[1], "")))


def planned_by(monkeypatch: pytest.MonkeyPatch, engines: Engines, published_as: model.Release) -> begin.Planned:
    """What would be begun where the release that runs is published so."""
    there = {"1": published_as}
    published = SimpleNamespace(definition=SimpleNamespace(), release=NEW, earlier=OLD, releases=there)
    monkeypatch.setattr(begin, "_published", lambda *_: published)
    monkeypatch.setattr(preflight, "image_of", lambda _: (None, []))
    monkeypatch.setattr(preflight, "accepted", lambda *_: [])
    monkeypatch.setattr(canary, "look", lambda *_: (canary.Works(sets=(1,)), ""))
    remotes = cast("remote.Remotes", engines)
    return begin.plan(networks.find("proeftuin"), remotes, NEW.release, begin.Options(), None)


def test_an_image_that_is_described_here_is_called_as_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever publishes described it anew, by another name."""
    monkeypatch.setattr(find, "every", lambda _: [OLD])
    planned = planned_by(monkeypatch, Engines(OLD.image_id), OLD.model_copy(update={"release": "1.0.9"}))
    assert (planned.failures, planned.upgrade.earlier) == ([], OLD)


def test_what_would_be_begun_asks_each_server_once_of_each_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine was looked at twice, and what moves could be by another answer than what was looked at."""
    engines = Engines(OLD.image_id)
    planned = planned_by(monkeypatch, engines, OLD)
    assert sorted(one for wave in planned.upgrade.waves for one in wave) == ["ggd", "thuiszorg"]
    assert planned.failures == []
    assert {*engines.asked.values()} == {1}
    assert any(command[:2] == ("docker", "inspect") for command in engines.asked)


def test_who_the_upgrade_before_left_behind_moves_only_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`--only ggd` after one that ended between its waves: its other stations are no part of what was asked."""
    runs = {"thuiszorg": NEW.image_id, "huisartsen": OLD.image_id, "ziekenhuis": "", "ggd": OLD.image_id}
    there = cast("remote.Remotes", SimpleNamespace(servers=dict.fromkeys(runs), probe=dict))
    monkeypatch.setattr(observed, "observe", lambda _, asked: (dict.fromkeys(asked), {}))
    monkeypatch.setattr(preflight, "running", lambda seen: {one: runs[one] for one in seen})
    monkeypatch.setattr(canary, "look", lambda *_: (canary.Works(sets=(1,)), ""))
    waves = (("thuiszorg",), ("huisartsen",), ("ziekenhuis",))
    stations = {one: state.Station() for wave in waves for one in wave}
    before = upgrade(waves=waves, stations=stations, phase=state.Phase.ABORTED)
    held_back = begin._held_back(there, before, ["ggd"])
    assert held_back == ["huisartsen"], "one of which nobody knows is not taken for one that stayed"
    told = begin._Found(["ggd"], [], NEW, OLD, held_back)
    found = begin._planned(networks.find("proeftuin"), there, begin.Options(), before, told).upgrade
    assert found.waves == (("thuiszorg",), ("ziekenhuis",), ("ggd",))
    assert found.tried == 2
    assert [*found.stations] == ["thuiszorg", "ziekenhuis", "ggd"]


def test_what_somebody_went_back_from_is_known_until_somebody_moves_to_it_again() -> None:
    network, none = networks.find("proeftuin"), cast("remote.Remotes", SimpleNamespace(servers={}))

    def after(before: state.Upgrade, to: model.Release | None) -> state.Upgrade:
        return begin._planned(network, none, begin.Options(), before, begin._Found([], [], to)).upgrade

    moved = upgrade(phase=state.Phase.DONE)
    assert moved.unwanted == frozenset()
    gone_back = upgrade(phase=state.Phase.DONE, back=True, to=OLD, earlier=NEW)
    ended = upgrade(phase=state.Phase.ABORTED)
    for before in (gone_back, ended):
        packages_came = after(before, None)
        assert before.unwanted == packages_came.unwanted == {NEW.image_id}
        assert after(packages_came, NEW).unwanted == frozenset()
        assert after(packages_came, NEWEST).unwanted == {NEW.image_id}
