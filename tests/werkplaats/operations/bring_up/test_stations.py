"""A server that goes away while its station is looked at is left out with a reason, and the others go on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stacks import drive, parts, plans
from stacks.components import station
from stacks.stations import program
from werkplaats.operations.bring_up import stations
from werkplaats.operations.reach import remote, servers

IMAGE = "sha256:" + "1" * 64
WANTED = {"ggd": IMAGE, "zorg": IMAGE}
AWAY = servers.UnreachableError("zorg: No route to host")


class Servers:
    """Engines that run a station each; what is removed, and who went away at which question."""

    def __init__(self, state: str = "running") -> None:
        self.servers = {one: servers.Server(one, f"{one}.example", "SHA256:x") for one in ("ggd", "zorg")}
        self.config = Path("/nowhere/ssh_config")
        self.state = state
        self.away_at = ""
        self.removed: list[str] = []

    def open_for_engine(self, organisations: Iterable[str]) -> None:
        """Nobody is asked anything here."""

    def ask_all(self, organisations: Iterable[str], *_: str) -> dict[str, Any]:
        return {o: AWAY if (o, self.away_at) == ("zorg", "look") else self._engine(o) for o in organisations}

    def ask(self, organisation: str, *command: str) -> remote.Done:
        if (organisation, self.away_at) == ("zorg", "remove"):
            raise AWAY
        if command[-1] == parts.GOING_BACK:
            return remote.Done("0123456789ab" if (organisation, self.away_at) == ("zorg", "end") else "")
        self.removed.append(command[-1])
        return remote.Done()

    def _engine(self, organisation: str) -> remote.Done:
        rows = [
            {"id": f"{organisation}-{part.name}", "name": f"/station-{part.name}", "state": self.state, "image": IMAGE}
            for part in parts.PARTS
        ]
        return remote.Done("\n".join(json.dumps(row) for row in rows))


class Stack:
    """What Pulumi would be asked; nothing was declared before."""

    state = Path("/nowhere")

    def __init__(self, images: Iterable[str]) -> None:
        self.images = set(images)
        self.asked: dict[str, Any] = {}

    def require_known(self, *_: Any) -> None: ...

    def recover(self, _: Any) -> None: ...

    def forget_others(self, _: Any) -> list[str]:
        return []

    def others(self, organisations: Iterable[str]) -> list[str]:
        return sorted({"ggd", "zorg", "weg"} - set(organisations))

    def preview(self, **asked: Any) -> drive.Outcome:
        self.asked = asked
        return drive.Outcome(())

    def identifiers(self) -> set[str]:
        return {f"{organisation}-{part.name}" for organisation in ("ggd", "zorg") for part in parts.PARTS}

    def up(self, _: Any, **asked: Any) -> drive.Outcome:
        self.asked = asked
        return drive.Outcome(())


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> list[Stack]:
    made: list[Stack] = []

    def make(*words: Any) -> Stack:
        made.append(Stack(words[-1]))
        return made[-1]

    monkeypatch.setattr(stations, "_stack", make)
    return made


def up(servers: Servers) -> dict[str, str]:
    network: Any = SimpleNamespace(name="proef")
    remotes: Any = servers
    engine: Any = None
    return stations.up(network, remotes, engine, WANTED, lambda _: None)[1]


@pytest.mark.parametrize(("away_at", "state"), [("look", "running"), ("remove", "exited")])
def test_a_server_that_goes_away_is_left_out(stacks: list[Stack], away_at: str, state: str) -> None:
    servers = Servers(state)
    servers.away_at = away_at
    assert up(servers) == {"zorg": str(AWAY)}
    assert stacks[-1].images == {"ggd"}
    assert stacks[-1].asked["leave_out"] == ["zorg"]
    assert stacks[-1].asked["drifted"] == (["ggd"] if state == "exited" else [])


def test_no_station_is_made_beside_what_may_yet_write_what_it_keeps(stacks: list[Stack]) -> None:
    """An upgrade whose server went away leaves its agent stopped, and `up` would have it work again."""
    servers = Servers("exited")
    servers.away_at = "end"
    lost = up(servers)
    assert lost.keys() == {"zorg"}
    assert "may still write what its station keeps" in lost["zorg"]
    assert not [one for one in servers.removed if one.startswith("zorg")]
    assert stacks[-1].images == {"ggd"}


def test_what_does_not_run_is_removed_and_made_anew(stacks: list[Stack]) -> None:
    servers = Servers("exited")
    assert up(servers) == {}
    assert servers.removed == [f"{o}-{part.name}" for o in ("ggd", "zorg") for part in parts.PARTS]
    assert stacks[-1].asked == {"leave_out": [], "drifted": ["ggd", "zorg"]}


def test_a_station_that_runs_what_was_declared_before_is_not_read_again(
    stacks: list[Stack], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As it is in an upgrade: each reading is a run of the engine, while that station drains."""
    monkeypatch.setattr(Stack, "state", tmp_path)
    newer = "sha256:" + "2" * 64
    specs = [station.StationSpec(one, "", (), image) for one, image in (("ggd", IMAGE), ("zorg", newer))]
    plans.write(tmp_path / drive.PLAN, program.StationsPlan("hoger", tuple(specs)))
    network: Any = SimpleNamespace(name="proef")
    remotes: Any = Servers()
    engine: Any = None
    stations.up(network, remotes, engine, dict.fromkeys(WANTED, newer), lambda _: None)
    assert stacks[-1].asked["drifted"] == ["zorg"]


def test_an_engine_that_makes_no_station_is_left_out_with_a_remedy_and_what_others_got_counts(
    stacks: list[Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, later = drive.Change("create", "ggd-agent", "Container"), drive.Change("create", "ggd-computer", "Container")

    def make(stack: Stack, _: Any, **asked: Any) -> drive.Outcome:
        stack.asked = asked
        if "zorg" in asked["leave_out"]:
            return drive.Outcome((later,))
        raise drive.PartsError({"zorg": "Error pinging Docker server"}, drive.Outcome((made,)))

    monkeypatch.setattr(Stack, "up", make)
    network: Any = SimpleNamespace(name="proef")
    remotes: Any = Servers()
    engine: Any = None
    outcome, lost = stations.up(network, remotes, engine, WANTED, lambda _: None)
    assert lost.keys() == {"zorg"}
    assert (
        "Can't open user config file /nowhere/ssh_config: No such file or directory; see whether "
        "`ssh -F /nowhere/ssh_config zorg.engine sudo docker version` tells of a server" in lost["zorg"]
    )
    assert stacks[-1].images == {"ggd"}
    assert outcome == drive.Outcome((made, later))


def test_an_engine_that_removes_no_station_is_left_out_and_what_others_lost_counts(
    stacks: list[Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended the run: the servers of all others kept gateway, accounts and timers without their stations."""
    gone = drive.Change("delete", "ggd-agent", "Container")

    def remove(stack: Stack, _: Any, **asked: Any) -> drive.Outcome:
        stack.asked = asked
        raise drive.PartsError({"zorg": "Error pinging Docker server"}, drive.Outcome((gone,)))

    monkeypatch.setattr(Stack, "destroy", remove, raising=False)
    network: Any = SimpleNamespace(name="proef")
    remotes: Any = Servers()
    engine: Any = None
    outcome, stays = stations.destroy(network, remotes, engine, ["ggd", "zorg"], lambda _: None)
    assert outcome == drive.Outcome((gone,))
    assert stays.keys() == {"zorg"}
    assert stays["zorg"].startswith("its engine does not remove the station: ")
    with pytest.raises(drive.PartsError, match="zorg: Error pinging"):
        stations.destroy(network, remotes, engine, ["ggd"], lambda _: None)
    assert len(stacks) == 2


def test_a_failure_of_none_of_these_stations_ends_the_run(stacks: list[Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: Any, **__: Any) -> drive.Outcome:
        raise drive.PartsError({"weg": "Error pinging Docker server"}, drive.Outcome(()))

    monkeypatch.setattr(Stack, "up", make)
    with pytest.raises(drive.DriveError, match="weg: Error pinging"):
        up(Servers())
    assert len(stacks) == 1


def test_no_station_is_removed_where_the_state_that_knew_of_them_is_lost(
    stacks: list[Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run took them for what a killed one had left, and ended the sessions of all."""

    def lost(_: Any, what: str, there: Any) -> None:
        raise drive.LostStateError(what, there())

    monkeypatch.setattr(Stack, "require_known", lost)
    monkeypatch.setattr(Stack, "identifiers", lambda _: set())
    servers = Servers()
    with pytest.raises(drive.LostStateError, match=r"stations of proef is lost.*station-computer of zorg already"):
        up(servers)
    assert not servers.removed
    assert not stacks[-1].asked


def test_a_plan_removes_no_station_of_a_server_that_this_operator_does_not_run_any_more(stacks: list[Stack]) -> None:
    """`up` leaves it as it is, and `plan` said `remove agent of weg`."""
    network, remotes, engine = SimpleNamespace(), Servers(), None
    stations.plan(cast("Any", network), cast("Any", remotes), cast("Any", engine), {"ggd": IMAGE})
    assert stacks[-1].asked == {"leave_out": ["zorg", "weg"]}


def test_the_plan_of_a_run_for_some_keeps_the_image_of_the_others(tmp_path: Path) -> None:
    remotes: Any = SimpleNamespace(servers=("ggd", "zorg"), config=tmp_path / "ssh_config")
    network: Any = SimpleNamespace(
        name="gerda", compiled=SimpleNamespace(computes=("ggd",)), vault=SimpleNamespace(folder=tmp_path)
    )
    engine: Any = None
    newer = "sha256:" + "2" * 64
    for images in ({"ggd": IMAGE, "zorg": IMAGE}, {"ggd": newer}):
        plan = stations._stack(network, remotes, engine, images)._planned(["ggd", "zorg"])
    assert {spec.organisation: spec.image for spec in plan.stations} == {"ggd": newer, "zorg": IMAGE}


def test_a_station_of_a_cut_network_has_started_once_its_computer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends 1 for as long as the network computes nothing: `up` would wait its whole time at each."""
    monkeypatch.setattr(stations, "START_SECONDS", 0.05)
    told, said = {"ggd": True, "zorg": False}, list[str]()

    def ask_all(organisations: Iterable[str], *_: str) -> dict[str, remote.Done]:
        return {o: remote.Done(json.dumps({"computer": told[o], "networks": {}}), "", 1) for o in organisations}

    remotes: Any = SimpleNamespace(ask_all=ask_all)
    stations.wait(remotes, told, said.append)
    assert len(said) == 1
    assert said[0].startswith("zorg: ")
