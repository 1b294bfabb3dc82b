"""Whoever was refused for another's session is next, for a while, and keeps nobody else waiting for good."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from station_image.runtime.session import turns

MEETING = [{"one", "other"}, {"one", "beside"}]


def plan(proposer: str, question: str) -> Any:
    return SimpleNamespace(network="n", proposer=proposer, question=question)


def test_a_place_is_not_renewed_by_sessions_about_something_else_that_its_owner_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Gains: with two questions, of which one meets the other's, nobody else is ever answered."""
    now = 0.0
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(turns, "opened", SimpleNamespace(meet=lambda a, b: {a.question, b.question} in MEETING))
    kept = turns.Turns()
    kept.wait(plan("liar", "one"), running=True)
    kept.end(plan("honest", "other"))
    refused = 0
    for minute in range(60):
        now = minute * 60.0
        refused += kept.before(plan("honest", "other"))
        kept.begin(plan("liar", "beside"))
        kept.end(plan("liar", "beside"))
    assert refused == turns.TURN / 60
