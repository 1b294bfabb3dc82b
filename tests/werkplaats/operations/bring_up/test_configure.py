"""The gate where prepared servers wait for each other while the steps between are taken for all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from werkplaats.operations.bring_up import configure

THREE = {"een", "twee", "drie"}


class Between:
    """The steps between: notes with which failures it was asked, and answers for `een` only."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def __call__(self, failed: Mapping[str, str]) -> configure.HostVars:
        self.asked.append(dict(failed))
        return {"een": {"id": "net.een"}}


def answers(folder: Path) -> dict[str, Any]:
    assert not list(folder.glob("*.part")), "an answer that is half-way written"
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_all_are_answered_when_every_server_waits_and_none_before(tmp_path: Path) -> None:
    between = Between()
    gate = configure._Gate(tmp_path, set(THREE), between)
    for organisation in ("een", "twee"):
        gate.note(organisation, "changed", {})
        gate.note(organisation, "waits", {})
    gate.note("", "start", {})
    assert (between.asked, answers(tmp_path)) == ([], {})
    gate.note("drie", "waits", {})
    assert between.asked == [{}]
    assert answers(tmp_path) == {"een": {"id": "net.een"}, "twee": None, "drie": None}


def test_a_server_that_failed_is_not_waited_for_and_gets_no_answer(tmp_path: Path) -> None:
    between = Between()
    gate = configure._Gate(tmp_path, set(THREE), between)
    gate.note("een", "waits", {})
    gate.note("twee", "failed", {"twee": "no clock"})
    gate.note("drie", "unreachable", failed := {"twee": "no clock", "drie": "is off"})
    assert between.asked == [failed]
    assert answers(tmp_path) == {"een": {"id": "net.een"}}


def test_the_steps_are_taken_once_whatever_the_servers_say_after_it(tmp_path: Path) -> None:
    between = Between()
    gate = configure._Gate(tmp_path, {"een"}, between)
    gate.note("een", "waits", {})
    gate.note("een", "ok", {})
    gate.note("een", "failed", {"een": "the gateway does not start"})
    assert between.asked == [{}]


def test_when_all_failed_there_is_nobody_to_take_steps_for(tmp_path: Path) -> None:
    between = Between()
    gate = configure._Gate(tmp_path, {"een"}, between)
    gate.note("een", "failed", {"een": "no clock"})
    assert (between.asked, answers(tmp_path)) == ([], {})


def test_nobody_goes_on_and_nobody_waits_for_ever_when_a_step_between_raises(tmp_path: Path) -> None:
    def refused(_: Mapping[str, str]) -> configure.HostVars:
        raise LookupError("no passphrase")

    gate = configure._Gate(tmp_path, {"een", "twee"}, refused)
    gate.note("een", "waits", {})
    with pytest.raises(LookupError, match="no passphrase"):
        gate.note("twee", "waits", {})
    assert answers(tmp_path) == {"een": None, "twee": None}
    gate.note("een", "ok", {})


def test_without_steps_between_nothing_is_answered(tmp_path: Path) -> None:
    configure._Gate(tmp_path, {"een"}, None).note("een", "waits", {})
    assert answers(tmp_path) == {}


def test_a_waiting_server_is_neither_changed_nor_failed() -> None:
    result = configure.Result()
    for event in (
        {"status": "start"},
        {"host": "een", "role": "baseline", "task": "Accounts", "status": "changed", "changed": True},
        {"host": "een", "status": "waits"},
        {"host": "twee", "role": "baseline", "task": "Accounts", "status": "failed", "message": "no clock"},
        {"host": "drie", "role": "", "task": "Facts", "status": "unreachable", "message": "is off"},
    ):
        result.note(event)
    assert result.changed == {"een": 1}
    assert result.tasks == ["een: baseline: Accounts"]
    assert result.failed == {"twee": "baseline: Accounts: no clock", "drie": "Facts: is off"}
