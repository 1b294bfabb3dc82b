"""Which stations drain, by what their `station` commands tell: one that does not run, that starts, that refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

import pytest

from tests.harness import stations
from werkplaats.operations.look import station_says
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import drain
from werkplaats.operations.upgrade.failure import Code, StoppedError

# As the command prints it of an agent that is not there, and of one that is.
AWAY: dict[str, object] = {"error": "/run/werkplaats/control/agent.sock: the agent does not answer", "exit": 4}
STATUS: dict[str, object] = {"networks": {}, "sessions": 0, "computer": True, "exit": 1}
DRAINS: dict[str, object] = {"draining": 120, "exit": 0}


class Told:
    """Remotes of which each station tells, of a command, one document after another: the last one again and again."""

    def __init__(self, **told: list[dict[str, object]]) -> None:
        self.told = told
        self.asked: list[str] = []

    def ask_all(self, organisations: Iterable[str], *command: str) -> dict[str, remote.Answer]:
        verb = "end" if "--end" in command else command[1]
        self.asked += [f"{verb} {one}" for one in organisations]
        left = self.told.get(verb, [{}])
        document = left.pop(0) if len(left) > 1 else left[0]
        return {one: remote.Done(json.dumps(document), "", int(str(document.get("exit", 0)))) for one in organisations}


def waited(told: Told, *organisations: str) -> list[str]:
    drain.Drain(cast(remote.Remotes, told), lambda _: None).wait(organisations, 5)
    return told.asked


def test_one_whose_agent_is_away_runs_no_session_and_is_not_waited_for() -> None:
    """A kill between two containers left a station with none, and no rollback or resume could pass it."""
    assert waited(Told(drain=[AWAY], status=[AWAY]), "ggd") == ["drain ggd", "status ggd", "status ggd"]


def test_one_that_answers_just_after_it_was_asked_is_asked_once_more() -> None:
    told = Told(drain=[AWAY, DRAINS], status=[STATUS])
    assert waited(told, "ggd") == ["drain ggd", "status ggd", "drain ggd", "status ggd"]


def test_one_that_answers_and_does_not_drain_stops_it_and_the_others_take_part_again() -> None:
    told = Told(drain=[{"error": "its release cannot drain", "exit": 2}], status=[STATUS])
    with pytest.raises(StoppedError, match="its release cannot drain") as stopped:
        waited(told, "ggd", "mst")
    assert (stopped.value.failure.code, stopped.value.failure.organisation) == (Code.DRAIN, "ggd")
    assert told.asked[-1] == "end mst"


def test_they_drain_until_what_is_done_meanwhile_is_over_and_take_part_again_also_where_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty-five that were replaced on a slow machine took longer than a lease, and a session began among them."""
    monkeypatch.setattr(drain, "RENEW", 0.01)
    told = Told(drain=[DRAINS, AWAY, DRAINS], status=[AWAY])

    def replaced() -> None:
        with drain.Drain(cast(remote.Remotes, told), lambda _: None).held(["ggd", "mst"], 5):
            stations.wait_until(lambda: told.asked.count("drain mst") > 3, "the lease to be given anew")
            raise OSError("the engine fails")

    with pytest.raises(OSError, match="the engine fails"):
        replaced()
    assert told.asked[-2:] == ["end ggd", "end mst"]


def test_what_the_command_says_of_an_agent_that_is_away_is_no_status() -> None:
    assert station_says.status_of(remote.Done(json.dumps(AWAY), "", 4)) == {}
    assert station_says.status_of(remote.Done(json.dumps(STATUS), "", 1)) == STATUS
