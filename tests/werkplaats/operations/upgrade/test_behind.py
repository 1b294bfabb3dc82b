"""Who is told to be behind, and what that blocks from when."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.network_topology.test_diff import SOUND
from werkplaats.operations.look import status
from werkplaats.operations.upgrade import behind

UNTIL = datetime.date(2027, 2, 1)
MOVING = SOUND.model_copy(update={"release": "1.1.0", "upgrading_from": "1.0.0", "upgrading_until": UNTIL})
SPEAK = {"1.0.0": (2,), "1.1.0": (2, 3), "2.0.0": (3,)}


def told(release: str, today: datetime.date, definition: Any = MOVING) -> list[str]:
    releases = {name: SimpleNamespace(protocols=numbers) for name, numbers in SPEAK.items()}
    published = cast("Any", SimpleNamespace(definition=definition, releases=releases))
    return behind.sentences(published, [behind.Runs("ggz", "GGZ Proefdorp", release, "ggd")], today)


def test_who_moved_is_not_told() -> None:
    assert told("1.1.0", UNTIL) == []


@pytest.mark.parametrize(
    ("release", "today", "text"),
    [
        ("1.0.0", UNTIL, "runs release 1.0.0, which it may until 2027-02-01; it computes with all"),
        (
            *("1.0.0", UNTIL + datetime.timedelta(days=1)),
            "runs release 1.0.0, which it might until 2027-02-01: it is behind; it computes with all",
        ),
        (
            *("2.0.0", UNTIL),
            "runs release 2.0.0, which the definition does not name: its operator accepts what is published, and "
            "upgrades; it computes with all",
        ),
        (
            *("0.9.0", UNTIL),
            "runs release 0.9.0, which the definition does not name: its operator accepts what is published, and "
            "upgrades; it may compute with the others or not: its release is not published here",
        ),
        ("", UNTIL, "nobody here knows which release it runs"),
    ],
)
def test_who_did_not_is_told_with_what_that_blocks_from_when(release: str, today: datetime.date, text: str) -> None:
    (line,) = told(release, today)
    assert line.startswith("ggz (GGZ Proefdorp): ")
    assert line.removeprefix("ggz (GGZ Proefdorp): ") == text


def test_who_speaks_no_protocol_of_those_who_moved_computes_with_none_of_them() -> None:
    moved = MOVING.model_copy(update={"release": "2.0.0"})
    (line,) = told("1.0.0", UNTIL, moved)
    assert line.endswith("; it computes with nobody who runs 2.0.0")


def station(organisation: str, release: str, seen_by: str) -> status.StationStatus:
    return status.StationStatus(organisation, organisation, "", "", "", 90, "", "", release, "", "", (), seen_by)


STATIONS = [station("ggd", "1.1.0", "server"), station("ggz", "1.0.0", "ggd"), station("thuiszorg", "", "nobody")]


def marked(definition: Any) -> list[status.StationStatus]:
    releases = {name: SimpleNamespace(protocols=numbers) for name, numbers in SPEAK.items()}
    earlier = releases.get(definition.upgrading_from)
    published = cast("Any", SimpleNamespace(definition=definition, releases=releases, earlier=earlier))
    return behind.marked(STATIONS, published, UNTIL)


def test_while_an_upgrade_goes_on_status_says_who_has_not_moved() -> None:
    found = marked(MOVING)
    assert [one.late for one in found] == [
        "",
        "runs release 1.0.0, which it may until 2027-02-01; it computes with all",
        "nobody here knows which release it runs",
    ]
    assert f"{'':<24} {found[1].late}" in status.lines(found)
    assert all(one.good for one in found), "to be behind is told, and is no fault of a server"


def test_at_other_times_that_nobody_knows_a_release_is_no_news() -> None:
    ended = MOVING.model_copy(update={"release": "2.0.0", "upgrading_from": "", "upgrading_until": None})
    assert [bool(one.late) for one in marked(ended)] == [True, True, False]
