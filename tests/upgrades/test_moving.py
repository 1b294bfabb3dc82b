"""A network moves to another release while sessions go on, and back: two real releases, built from the tree.

One story at running servers, in order: each test goes on where the one before it ended. They differ in a version of the
session protocol and in a format of what stations keep.
"""

from __future__ import annotations

import json

import pytest

from tests.harness import going
from tests.station_image.builder.releases import NEWER, OLDER
from tests.upgrades.conftest import ORGANISATIONS, Keeps, Moving, on

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_a_release_that_the_definition_does_not_name_moves_nothing(hoger: Moving) -> None:
    assert hoger.images == on(OLDER)
    done = hoger.network.run("upgrade start", "--to", NEWER, "--yes", expect=2)
    assert f"names release {OLDER}, not {NEWER}; write `release: {NEWER}`" in done.stderr
    assert hoger.images == on(OLDER)


def test_while_the_definition_names_both_up_moves_no_station(hoger: Moving) -> None:
    hoger.defined(NEWER, OLDER)
    told = hoger.network.up()
    assert told["verified"], told
    assert told["changes"]["stations"] == []
    assert hoger.images == on(OLDER)


def test_what_would_be_done_is_shown_in_waves_and_nothing_is(hoger: Moving) -> None:
    told = hoger.step("start", "--to", NEWER, "--dry-run")
    assert told["failures"] == []
    assert told["upgrade"]["waves"] == [["huisartsen"], ["ggd"], ["ziekenhuis"], ["thuiszorg"]]
    assert len(told["seconds"]) == 4
    status = hoger.step("status")
    assert status["upgrade"] is None
    assert [one["release"] for one in status["releases"]] == [OLDER] * 4
    assert all("which it may until 2099-12-31; it computes with all" in line for line in status["behind"])
    assert len(status["behind"]) == 4


def test_all_stations_move_while_sessions_go_on_and_none_fails_and_all_go_back_so(hoger: Moving) -> None:
    before = hoger.keeps
    assert all(one.opened for one in before.values()), "a question was asked, and what was opened is kept"
    with going.Sessions(hoger.network, "ziekenhuis") as sessions:
        sessions.until(1)
        told = hoger.step("start", "--to", NEWER, "--yes")
        assert (told["upgrade"]["phase"], told["upgrade"]["tried"]) == ("done", 4)
        sessions.until(sessions.good + 1)
        assert hoger.images == on(NEWER)
        assert hoger.step("status")["behind"] == []
        formats(before, hoger.keeps, 4)
        back = hoger.step("rollback", "--yes")
        assert (back["upgrade"]["phase"], back["upgrade"]["to"]["release"]) == ("done", OLDER)
        sessions.until(sessions.good + 1)
    assert (sessions.failed, sessions.left_out) == ([], set())
    assert hoger.images == on(OLDER)
    formats(before, hoger.keeps, 3)
    hoger.good()


def formats(before: dict[str, Keeps], after: dict[str, Keeps], version: int) -> None:
    """What is kept is what was, in this format; registers only grew."""
    for one in ORGANISATIONS:
        assert {*before[one].files.splitlines()} <= {*after[one].files.splitlines()}
        assert after[one].register.startswith(before[one].register)
        if version == 3:
            assert after[one].opened == before[one].opened
        else:
            assert after[one].opened != before[one].opened
            found = json.loads(after[one].opened)
            assert json.dumps(found).count('"at"') == before[one].opened.count('"at"')


def test_where_all_run_it_there_is_nothing_to_do(hoger: Moving) -> None:
    told = hoger.step("start", "--to", OLDER, "--yes")
    assert told["upgrade"]["stations"] == {}
    assert told["upgrade"]["phase"] == "done"
    assert hoger.images == on(OLDER)


@pytest.mark.soak
def test_who_is_late_when_an_upgrade_ends_is_named_and_left_as_it_is(hoger: Moving) -> None:
    hoger.step("start", "--to", NEWER, "--only", "huisartsen", "--yes")
    hoger.defined(NEWER)
    told = hoger.network.up(expect=3)
    assert told["changes"]["stations"] == []
    assert {*told["waiting"]} == {"ggd", "thuiszorg", "ziekenhuis"}
    move = f"its station runs release {OLDER}: werkplaats upgrade start {hoger.network.name} --to {NEWER} --only ggd"
    assert told["waiting"]["ggd"] == [f"{move} moves it"]
    assert hoger.images == on(OLDER) | {"huisartsen": on(NEWER)["huisartsen"]}
    hoger.defined(NEWER, OLDER)
    assert hoger.network.up()["verified"]
    hoger.step("rollback", "--yes")
    assert hoger.images == on(OLDER)
