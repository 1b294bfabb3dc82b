"""A prepared server waits for what it goes on with, and never longer than whoever would tell it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from plugins.action import awaited_station
from tests.roles import actions


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WERKPLAATS_EVENTS", str(tmp_path / "events"))
    return tmp_path / "events"


@pytest.mark.parametrize("station", [{"id": "net.een", "networks": []}, None])
def test_it_says_that_it_waits_and_goes_on_with_its_own_answer(tmp_path: Path, events: Path, station: Any) -> None:
    (tmp_path / "een.json").write_text(json.dumps(station))
    (tmp_path / "twee.json").write_text('"another server\'s"')
    result = actions.run(awaited_station, actions.Asked(), folder=str(tmp_path))
    assert result["station"] == station
    assert not result.get("changed")
    assert json.loads(events.read_text()) == {"host": "een", "status": "waits"}


@pytest.mark.usefixtures("events")
def test_when_the_run_is_over_it_waits_no_longer(tmp_path: Path) -> None:
    result = actions.run(awaited_station, actions.Asked(), folder=str(tmp_path / "gone"))
    assert result["failed"]
    assert "run it again" in result["msg"]


def test_an_answer_that_comes_later_is_waited_for(
    tmp_path: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(_: float) -> None:
        assert "waits" in events.read_text(), "it waits before it said so"
        (tmp_path / "een.json").write_text("{}")

    monkeypatch.setattr(time, "sleep", later)
    assert actions.run(awaited_station, actions.Asked(), folder=str(tmp_path))["station"] == {}
