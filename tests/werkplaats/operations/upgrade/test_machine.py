"""An upgrade goes wave after wave, whatever cut it off before, and never past a session that failed."""

from __future__ import annotations

import datetime
import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import canonical, errors
from stacks import drive
from tests.werkplaats.operations.upgrade.test_state import upgrade
from werkplaats.operations.home import vault
from werkplaats.operations.reach.servers import UnreachableError
from werkplaats.operations.upgrade import canary, drain, machine, state
from werkplaats.operations.upgrade.failure import Code, StoppedError

WAVES = (("huisartsen",), ("ggd",), ("ziekenhuis", "thuiszorg"))
ALL = [one for wave in WAVES for one in wave]
WELL = (canary.Works(sets=(1,)), "")


class Fake:
    """Stations in memory: who moved, in which order; what a session comes to is `after`, and each try is counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, servers: Sequence[str] = ALL) -> None:
        self.moved, self.order, self.brought, self.tries = set[str](), list[str](), list[str](), 0
        self.fails: Exception | None = None
        self.after = WELL
        self.store = state.Store(vault.Vault("proeftuin", folder / "vault"))
        self.remotes = cast("Any", SimpleNamespace(servers=dict.fromkeys(servers)))
        monkeypatch.setattr(drain.Drain, "end", lambda *_: None)
        monkeypatch.setattr(canary, "look", self._look)

    def _look(self, *_: Any) -> tuple[canary.Works, str]:
        self.tries += 1
        return self.after

    def left(self, wave: Sequence[str]) -> list[str]:
        return [one for one in wave if one not in self.moved]

    def move(self, moves: Sequence[str], keep: machine.Keep) -> None:
        for one in moves:
            keep(one, state.Step.DRAINS)
            if self.fails:
                raise self.fails
            self.moved.add(one)
            self.order.append(one)

    def bring(self, wave: Sequence[str]) -> None:
        self.brought += wave

    def run(self, of: state.Upgrade, closes: Mapping[str, datetime.datetime] | None = None) -> state.Upgrade:
        return machine.Machine(cast("Any", None), self.remotes, self.store, self, lambda _: None, closes).run(of)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    return Fake(monkeypatch, tmp_path)


def begun(**update: object) -> state.Upgrade:
    stations = dict.fromkeys(ALL, state.Station())
    return upgrade(waves=WAVES, stations=stations, works=WELL[0], **update)


def test_all_move_in_their_order_with_a_session_after_each_wave(fake: Fake) -> None:
    done = fake.run(begun())
    assert (done.phase, done.tried, fake.tries, fake.order) == (state.Phase.DONE, 3, 3, ALL)
    assert fake.store.load() == done
    assert [*dict.fromkeys(fake.brought)] == ALL, "what a wave needs comes while the one before it is at it"
    assert all(at.step is state.Step.MOVED and at.seconds is not None for at in done.stations.values())


def test_nobody_moves_past_a_session_that_failed_however_often_it_is_resumed(fake: Fake) -> None:
    fake.after = (canary.Works(), "thuiszorg: went away")
    paused = fake.run(begun())
    for _ in range(3):
        assert paused.phase is state.Phase.PAUSED
        assert paused.failure
        assert (paused.failure.code, paused.failure.organisation) == (Code.CANARY, "huisartsen")
        assert fake.order == ["huisartsen"]
        paused = fake.run(paused)
    fake.after = WELL
    assert fake.run(paused).phase is state.Phase.DONE


def test_one_that_was_killed_between_a_move_and_its_session_tries_that_first(fake: Fake) -> None:
    fake.moved = {"huisartsen"}
    fake.after = (canary.Works(), "no sum")
    assert fake.run(begun()).phase is state.Phase.PAUSED
    assert fake.order == []


def test_who_goes_back_is_tried_once_at_the_end_for_what_is_wrong_may_be_why(fake: Fake) -> None:
    fake.after = (canary.Works(), "no sum")
    paused = fake.run(begun(back=True))
    assert (paused.phase, fake.tries, fake.order) == (state.Phase.PAUSED, 1, ALL)
    fake.after = WELL
    assert fake.run(paused).phase is state.Phase.DONE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoppedError(Code.LOAD, "ggd", "no space"), Code.LOAD),
        (UnreachableError("ggd: gone"), Code.UNREACHABLE),
        (drive.DriveError("it cannot"), Code.REPLACE),
        (errors.RefusedError("the publication was edited", "fetch it"), Code.FAILED),
        (errors.HalfWayError("ggd: a file cannot be written", "try again"), Code.FAILED),
        (errors.UsageError("no such release"), Code.FAILED),
        (OSError(errno.ENOSPC, "No space left on device"), Code.FAILED),
    ],
)
def test_what_stops_it_pauses_it_with_how_far_it_came(fake: Fake, error: Exception, code: Code) -> None:
    fake.fails = error
    paused = fake.run(begun())
    assert paused.phase is state.Phase.PAUSED
    assert paused.failure
    assert paused.failure.code is code
    assert paused.stations["huisartsen"].step is state.Step.DRAINS
    fake.fails = None
    assert fake.run(paused).failure is None


def test_a_disk_that_takes_no_state_is_said_and_the_upgrade_does_not_seem_to_run(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = fake.store.save

    def full(of: state.Upgrade) -> state.Upgrade:
        if of.phase is state.Phase.RUNNING:
            return save(of)
        raise OSError(errno.ENOSPC, "No space left on device")

    fake.fails = StoppedError(Code.LOAD, "ggd", "no space")
    monkeypatch.setattr(fake.store, "save", full)
    with pytest.raises(errors.HalfWayError, match=r"No space left.*upgrade resume proeftuin"):
        fake.run(begun())
    assert (found := fake.store.load())
    assert found.phase is state.Phase.ENDED


def test_it_pauses_after_the_wave_that_it_is_at_where_somebody_asks(fake: Fake) -> None:
    move = fake.move

    def asked(moves: Sequence[str], keep: machine.Keep) -> None:
        move(moves, keep)
        fake.store.ask_to_pause()

    fake.move = asked  # type: ignore[method-assign]
    paused = fake.run(begun())
    assert (paused.phase, paused.tried, paused.failure, fake.order) == (state.Phase.PAUSED, 1, None, ["huisartsen"])
    fake.move = move  # type: ignore[method-assign]
    assert fake.run(paused).phase is state.Phase.DONE


def test_no_wave_begins_once_the_window_of_who_is_in_it_closed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.datetime(2026, 12, 1, 1, 0, tzinfo=datetime.UTC)
    closes = began + datetime.timedelta(hours=1)
    now = [closes - datetime.timedelta(seconds=1)]
    monkeypatch.setattr(canonical, "now", lambda: now[0])
    move = fake.move

    def slowly(moves: Sequence[str], keep: machine.Keep) -> None:
        move(moves, keep)
        now[0] = closes

    fake.move = slowly  # type: ignore[method-assign]
    paused = fake.run(begun(), dict.fromkeys(ALL, closes))
    assert (paused.phase, paused.tried, fake.order) == (state.Phase.PAUSED, 1, ["huisartsen"]), (
        "the wave that began ended"
    )
    assert paused.failure
    assert (paused.failure.code, paused.failure.organisation) == (Code.WINDOW, "ggd")
    assert paused.failure.text == "wave 2 was not begun: its window closed at 2026-12-01T02:00:00Z"
    assert fake.run(paused, dict.fromkeys(ALL, closes)).failure == paused.failure
    assert fake.run(paused).phase is state.Phase.DONE, "somebody who resumes it has no window"


def test_nobody_moves_by_a_yes_beforehand_of_whom_none_was_said(fake: Fake) -> None:
    closes = canonical.now() + datetime.timedelta(hours=1)
    paused = fake.run(begun(), dict.fromkeys(["huisartsen"], closes))
    assert fake.order == ["huisartsen"]
    assert paused.failure
    assert paused.failure.line("proeftuin").startswith("ggd: wave 2 was not begun: nothing was said of it beforehand")
    everybody = fake.run(begun(), dict.fromkeys(ALL, closes))
    assert everybody.phase is state.Phase.DONE


def test_a_server_that_is_operated_no_more_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = Fake(monkeypatch, tmp_path, ["ggd"])
    assert fake.run(begun()).phase is state.Phase.DONE
    assert fake.order == ["ggd"]


@pytest.mark.parametrize(
    ("before", "after", "why", "said"),
    [
        (WELL[0], WELL[0], "", ""),
        (canary.Works(sets=(1,), without=("n.ggz",)), canary.Works(sets=(1,), without=("n.ggz",)), "", ""),
        (canary.Works(sets=(1,), without=("n.ggz",)), WELL[0], "", ""),
        (WELL[0], canary.Works(sets=(1,), without=("n.ggz",)), "", "n.ggz took part before, and does not any more"),
        (canary.Works(sets=(1, 2)), WELL[0], "", "set 2 of computing parties comes to no sum any more"),
        (WELL[0], canary.Works(), "ggd: went away", "ggd: went away"),
    ],
)
def test_only_what_worked_before_must_work_after(
    before: canary.Works, after: canary.Works, why: str, said: str
) -> None:
    assert canary.worse(before, after, why) == said
