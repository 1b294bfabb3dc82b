"""Drills in a world of files: drawn, caused, hinted at, answered, mended, scored, certified; ended after any kill."""

from __future__ import annotations

import dataclasses
import datetime
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from base import canonical, errors
from runbooks.drills import causes, certificate, score, training
from runbooks.drills import drill as drills
from runbooks.framework import diagnosis, found, record, running
from runbooks.framework.incident import Fit
from tests.runbooks import views
from werkplaats import cli
from werkplaats.operations.home import locks

NETWORK = "toets.sandbox"
INCIDENT, GGD = "gateway-down", ("ggd",)
BEGAN = datetime.datetime(2027, 1, 4, 3, tzinfo=datetime.UTC)


class World:
    """Servers on which one thing can be wrong, in a file, so that another process sees it too."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seconds = folder, 0
        self.wrong, self.records = folder / "wrong", folder / record.FOLDER
        self.killed = ""

    def shell(self, organisation: str, line: str) -> None:
        written = record.unfinished(self.records, drills.NAME, NETWORK)
        assert written
        assert [*written.of_kind("causes")], "what is caused is written down before it is"
        if line == "break" and self.killed == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if line == "refuse":
            raise errors.HalfWayError(f"{organisation} does not do that")
        self.wrong.write_text(organisation) if line == "break" else self.wrong.unlink(missing_ok=True)
        if line == "break" and self.killed == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    def look(self) -> list[diagnosis.Found]:
        if not self.wrong.exists():
            return []
        return [diagnosis.Found(found.find(INCIDENT), Fit(self.wrong.read_text(), 95, ("it is inactive",)))]

    @property
    def ground(self) -> drills.Ground:
        def lock(purpose: str) -> locks.Lock:
            return locks.Lock(self.folder / "lock", NETWORK, purpose)

        place = cast(causes.Place, self)
        return drills.Ground(NETWORK, self.records, place, self.look, lambda: "", lock, lambda _: None)

    def mend(self) -> None:
        """By its runbook."""
        mended(self)
        self.wrong.unlink()

    def begin(self, *told: str) -> drills.Drill:
        return drills.begin(self.ground, drills.Drawn(causes.CAUSES[0], GGD, 17, told))


def mended(world: World) -> None:
    told = record.begin(world.records, NETWORK, INCIDENT, "ggd")
    told.add("runs", reason="a drill", who="a on b", evidence=["it is inactive"])
    told.add(record.ENDED, outcome="healed")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    cause = causes.Cause(
        INCIDENT, "its unit stopped", causes.anybody, causes.line("break"), causes.line("mend"), by_people=True
    )
    monkeypatch.setattr(causes, "CAUSES", (cause,))
    monkeypatch.setattr(canonical, "now", lambda: BEGAN + datetime.timedelta(seconds=made.seconds))
    monkeypatch.setattr(running, "HEALED_SECONDS", 0.0)
    monkeypatch.setattr(drills, "WELL_SECONDS", 0.0)
    return made


def at(world: World, seconds: int, do: Callable[[], object]) -> None:
    world.seconds = seconds
    do()


def test_a_drill_is_walked_from_a_surprise_to_a_certificate(world: World) -> None:
    world.begin()
    folder = world.records
    at(world, 30, lambda: training.looked(folder, NETWORK, []))
    at(world, 40, lambda: training.looked(folder, NETWORK, world.look()))
    at(world, 50, lambda: training.hint(folder, NETWORK))
    with pytest.raises(errors.RefusedError, match="asks what is wrong"):
        training.rang(world.ground)
    assert not training.answer(folder, NETWORK, f"{INCIDENT}:ziekenhuis")
    world.seconds = 60
    drill = drills.current(folder, NETWORK)
    assert drill
    assert not drill.known("incident")
    assert training.answer(folder, NETWORK, f"{INCIDENT}:ggd")
    drill, why = training.done(world.ground)
    assert "it is not over: 1 incident fits" in why
    assert drill.known("subject")
    at(world, 90, world.mend)
    world.seconds = 120
    drill, why = training.done(world.ground)
    assert why == ""
    told = record.read(drill.record.path)  # the chain holds
    assert told.entries[-1].told == {"outcome": "passed"}
    paths = certificate.write(world.folder / "drills", drill, record.every(folder), "")
    document = json.loads(paths[1].read_text())
    names = ("detected", "diagnosed", "recovered", "points", "verdict", "costs", "seed", "surprise", "twin_of")
    assert [document[name] for name in names] == [
        *(40, 60, 90, 85, "passed", ["5: hint 1", "10: a wrong answer: gateway-down:ziekenhuis"], 17, True, "toets")
    ]
    assert document["record"]["head"] == told.head
    assert [one["id"].partition("-")[2] for one in document["runbooks"]] == ["gateway-down-ggd"]
    text = paths[0].read_text()
    assert text.startswith("# Certificate of training\n")
    assert "| recovered | after 90 s |" in text
    assert "has it come about, for training: gateway-down of ggd: its unit stopped" in text
    with pytest.raises(errors.UsageError, match="no drill goes on"):
        drills.end(world.ground)


def hinted(world: World) -> None:
    for _ in score.HINTS:
        training.hint(world.records, NETWORK)


def another(world: World) -> None:
    record.begin(world.records, NETWORK, "disk-full", "ggd").add("runs", reason="?", who="a on b", evidence=[])


@pytest.mark.parametrize(
    ("done", "points", "seconds"),
    [
        (((60, World.mend),), 100, (60, 60, 60)),
        (((500, World.mend),), 90, (500, 500, 500)),
        (((60, another), (3000, World.mend)), 60, (3000, 3000, 3000)),
        (((10, hinted), (60, World.mend)), 50, (60, 60, 60)),
        (((60, lambda world: world.wrong.unlink()), (70, lambda _: None)), 80, (None, None, 70)),
    ],
    ids=["at once", "late", "another runbook, and very late", "every hint", "mended by other means"],
)
def test_a_score_is_taken_from_the_records(
    world: World, done: tuple[tuple[int, Any], ...], points: int, seconds: tuple[int | None, ...]
) -> None:
    at(world, -60, lambda: another(world))  # of before the drill: it counts for nothing
    at(world, -60, lambda: mended(world))
    at(world, 0, world.begin)
    for second, what in done:
        at(world, second, lambda what=what: what(world))  # type: ignore[misc]
    drill, why = training.done(world.ground)
    assert why == ""
    assert drill.scored
    assert drill.scored.told["points"] == points
    assert tuple(drill.scored.told[what] for what in score.LATE) == seconds
    assert drill.scored.told["verdict"] == ("passed" if points >= score.PASSES else "not passed")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_drill_that_was_killed_while_it_began_can_be_ended(world: World, moment: str) -> None:
    world.killed = moment
    process = multiprocessing.get_context("fork").Process(target=lambda: void(world.begin()))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    world.killed = ""
    for refused in (lambda: training.hint(world.records, NETWORK), lambda: training.done(world.ground)):
        with pytest.raises(errors.RefusedError, match="interrupted while"):
            refused()
    with pytest.raises(errors.RefusedError, match="goes on in"):
        world.begin()
    told, left = drills.end(world.ground)
    assert (left, world.wrong.exists()) == ("", False)
    assert told.entries[-1].told == {"outcome": drills.EARLY}
    world.begin()


def void(_: object) -> None:
    return


def test_one_that_is_interrupted_after_its_score_keeps_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.begin()
    world.mend()
    whole, broken = causes.CAUSES[0], dataclasses.replace(causes.CAUSES[0], undo=causes.line("refuse"))
    monkeypatch.setattr(causes, "CAUSES", (broken,))
    with pytest.raises(errors.HalfWayError, match="does not do that"):
        training.done(world.ground)
    monkeypatch.setattr(causes, "CAUSES", (whole,))
    world.seconds = 9000
    assert drills.end(world.ground)[0].entries[-1].told == {"outcome": "passed"}


def test_one_that_cannot_be_caused_says_how_it_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(causes.CAUSES[0], act=causes.line("refuse"))
    monkeypatch.setattr(causes, "CAUSES", (broken,))
    with pytest.raises(errors.HalfWayError, match="--end puts everything right"):
        world.begin()
    drills.end(world.ground)


def test_none_begins_where_all_is_not_well_or_another_goes_on_and_nothing_is_changed(world: World) -> None:
    world.wrong.write_text("ziekenhuis")
    with pytest.raises(errors.RefusedError, match=r"is not well.*gateway-down of ziekenhuis"):
        world.begin()
    assert record.every(world.records) == []
    world.wrong.unlink()
    world.begin()
    before = [one.head for one in record.every(world.records)]
    with pytest.raises(errors.RefusedError, match="goes on in"):
        world.begin()
    assert [one.head for one in record.every(world.records)] == before


def test_whom_the_runbook_has_rung_does_it_once_they_can_be_told_what(world: World) -> None:
    world.begin("incident", "subject")
    training.answer(world.records, NETWORK, f"{INCIDENT}:ggd")
    assert training.rang(world.ground)
    assert not world.wrong.exists()


def test_of_a_drill_that_was_named_an_answer_says_where(world: World) -> None:
    world.begin("incident")
    with pytest.raises(errors.UsageError, match="say of whom"):
        training.answer(world.records, NETWORK, INCIDENT)
    with pytest.raises(errors.UsageError, match="there is no incident"):
        training.answer(world.records, NETWORK, "flood:ggd")
    assert [*record.every(world.records)[0].of_kind("answered")] == []


def drawn(seed: int, incident: str = "", target: causes.Ends = ()) -> drills.Drawn:
    return drills.draw(("thuiszorg", "ggd", "huisartsen", "ziekenhuis"), views.ORGANISATIONS, seed, incident, target)


def test_a_seed_draws_the_same_again_and_seeds_draw_everything() -> None:
    every = [drawn(seed) for seed in range(400)]
    assert every == [drawn(seed) for seed in range(400)]
    assert {one.cause for one in every} == {*causes.CAUSES}
    assert {one.ends[0] for one in every} == {"huisartsen", *views.ORGANISATIONS}
    for one in every:
        assert one.ends in [*one.cause.subjects(("huisartsen", *views.ORGANISATIONS), views.ORGANISATIONS)]
    assert {one.ends for one in every if one.cause.subjects is not causes.anybody}.isdisjoint({("huisartsen",)})


def test_a_target_is_drawn_as_diagnosis_names_it_and_another_is_refused_with_those_that_can_be() -> None:
    both = [drawn(seed, "partition", ("ziekenhuis", "ggd")) for seed in range(20)]
    assert {one.ends for one in both if one.cause.both} == {("ggd", "ziekenhuis")}
    assert {one.ends for one in both if not one.cause.both} == {("ziekenhuis", "ggd")}
    with pytest.raises(errors.UsageError, match="it can be at: ggd, thuiszorg, ziekenhuis"):
        drawn(1, "firewall-closed", ("huisartsen",))
    with pytest.raises(errors.UsageError, match="there is no drill of 'flood'; there are: agent-stuck, "):
        drawn(1, "flood")


@pytest.fixture
def given(tmp_path: Path) -> Callable[[causes.Cause], drills.Drill]:
    def made(cause: causes.Cause) -> drills.Drill:
        ends = next(iter(cause.subjects(views.ORGANISATIONS, views.ORGANISATIONS)))
        return drills.Drill(record.begin(tmp_path, NETWORK, drills.NAME, NETWORK), cause, ends, 1, ())

    return made


def test_hints_go_from_what_names_nothing_to_commands_that_are_ones(
    given: Callable[[causes.Cause], drills.Drill],
) -> None:
    parser = cli.parser()
    for cause in causes.CAUSES:
        hints = training.hints(given(cause))
        assert len(hints) == len(score.HINTS)
        assert not any(cause.incident in one for one in hints[:2]), cause
        assert f"it is {cause.incident}." in hints[3]
        commands = [one.strip() for one in hints[-1].splitlines()[1:]]
        assert any("--execute" in one for one in commands)
        for one in commands:
            parser.parse_args(one.replace('"a drill"', "why").split()[1:])
