from __future__ import annotations

from pathlib import Path

import pytest

from on_server.follow import main, telling
from on_server.follow.places import Paths
from tests.on_server.follow.served import Served

ROW = {"problem": ""}


@pytest.mark.parametrize(
    ("ago", "active", "why"),
    [
        (10.0, 5000.0, ""),
        (None, 10.0, ""),  # since a boot it has not come to run yet
        (899.0, 5000.0, ""),
        (901.0, 5000.0, "the follower ended no run for 901 s, and it is to each 300 s"),
        (None, 901.0, "the follower ended no run for 901 s"),
        (10.0, None, "werkplaats-follow.timer does not run"),
    ],
)
def test_a_follower_that_did_not_run_within_three_intervals_is_a_fault(
    ago: float | None, active: float | None, why: str
) -> None:
    found = telling.faults(300, ago, active, {"proeftuin": ROW})
    assert [line[: len(why)] for line in found] == [why] * bool(why)


def test_where_it_looks_every_few_seconds_a_run_may_take_a_minute() -> None:
    assert telling.faults(10, 59.0, 5000.0, {}) == []
    assert "it is to each 10 s" in telling.faults(10, 61.0, 5000.0, {})[0]


def test_what_went_wrong_in_the_last_run_is_a_fault() -> None:
    assert telling.faults(300, 1.0, 1.0, {"proeftuin": {"problem": "what was read is not placed: why"}}) == [
        "proeftuin: what was read is not placed: why"
    ]


def test_what_was_in_the_way_and_is_gone_is_told_no_more_once_it_is_looked_at_again(server: Served) -> None:
    main.run(server.paths, server.ask, lambda: "the gateway did not take it", server.fetch)
    assert server.told["problem"] == "the gateway did not take it"
    main.again(server.paths, server.ask, server.reload)
    assert (server.told["problem"], server.reloads) == ("", 1)
    main.again(server.paths, server.ask, server.reload)
    assert server.reloads == 1, "it looked where nothing was wrong"


def test_people_are_told_who_applied_what_and_from_where_and_what_waits() -> None:
    applied = {"by": "werkplaats-follow", "at": "2026-03-01T10:00:00Z", "number": 7, "from": "/inbox"}
    row = {"applied": applied, "waits": ["gelre joins"], "sources": {"/inbox": "", "/relayed": "it is older"}}
    assert telling.lines(row) == [
        "publication 7 was applied by werkplaats-follow at 2026-03-01T10:00:00Z, from /inbox",
        "waits for the operator's `werkplaats accept`: gelre joins",
        "/relayed: it is older",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"networks": []}', '{"networks": {"a": 1}}', "[" * 100_000])
def test_what_was_told_and_is_damaged_counts_as_nothing(tmp_path: Path, text: str) -> None:
    paths = Paths(tmp_path)
    paths.told.parent.mkdir(parents=True)
    paths.told.write_text(text)
    assert telling.before(paths) == {}
