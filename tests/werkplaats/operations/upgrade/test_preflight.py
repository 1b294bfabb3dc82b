"""What is looked at before anything moves: clocks, by what servers say, which may be anything."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import cast

import pytest

from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import preflight

NOW = 1_800_000_000.0


class Clocks:
    """Servers that say so, each of which is asked for ten seconds."""

    def __init__(self, told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._told, self._now = told, NOW
        monkeypatch.setattr(time, "time", lambda: self._now)

    def ask_all(self, organisations: Iterable[str], *_: str) -> dict[str, remote.Done]:
        self._now += 10
        return {one: remote.Done(self._told[one]) for one in organisations}


@pytest.mark.parametrize(
    ("shows", "said"),
    [
        (f"{NOW:.0f}\n", ""),
        (f"{NOW + 10:.0f}", ""),
        (f"{NOW - 60:.0f}", ""),
        (f"{NOW + 70:.0f}", ""),
        (f"{NOW - 61:.0f}", "its clock is 61 s behind"),
        (f"{NOW + 71:.0f}", "its clock is 61 s ahead"),
        ("", "it does not say what its clock shows"),
        ("noon", "it does not say what its clock shows"),
        ("١٨٠٠٠٠٠٠٠٠", "it does not say what its clock shows"),
        ("9" * 5000, "it does not say what its clock shows"),
    ],
)
def test_a_clock_is_held_against_the_moments_at_which_it_was_asked(
    shows: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Clocks({"ggd": shows}, monkeypatch)
    off = preflight.clocks(cast("remote.Remotes", there), ["ggd"])
    assert preflight.clock(off["ggd"]) == said


@pytest.mark.parametrize(
    ("off", "wrong"),
    [
        ({}, False),
        ({"ggd": None}, False),
        ({"ggd": 0.0}, False),
        ({"ggd": 90.0}, True),
        ({"ggd": 90.0, "ziekenhuis": 0.0}, False),
        ({"ggd": 90.0, "ziekenhuis": 0.0, "huisartsen": -90.0}, True),
        ({"ggd": 90.0, "ziekenhuis": None, "huisartsen": -90.0}, True),
        ({"ggd": 90.0, "ziekenhuis": 0.0, "huisartsen": 3.0}, False),
    ],
    ids=str,
)
def test_where_most_servers_differ_from_it_the_own_clock_is_taken_for_wrong(
    off: dict[str, float | None], wrong: bool
) -> None:
    assert bool(preflight.own_clock(off)) is wrong
