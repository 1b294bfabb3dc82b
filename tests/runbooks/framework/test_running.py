"""Steps: shown, taken where they are not done, gone on with after a kill, taken back, asked about, one at a time."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from base import errors
from runbooks.framework import record, running, seen
from runbooks.framework.incident import Fit, Incident
from runbooks.framework.steps import Case, Step, StepError
from tests.runbooks import views
from werkplaats.operations.home import vault
from werkplaats.operations.reach.servers import UnreachableError


@dataclasses.dataclass
class Network:
    name: str
    vault: vault.Vault


class World:
    """What there is, in files, so that another process sees it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def make(self, name: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(f"make {name}\n")
        (self.folder / name).touch()

    def remove(self, name: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(f"remove {name}\n")
        (self.folder / name).unlink(missing_ok=True)

    @property
    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines() if self.has("log") else []


def step(world: World, name: str, **more: Any) -> Step:
    given: dict[str, Any] = {
        "key": name,
        "words": f"make {name}",
        "done": lambda _: world.has(name),
        "run": lambda _: world.make(name),
        "rollback": lambda _, __: world.remove(name),
        "patience": 0.0,
    }
    return Step(**{**given, **more})


def incident(world: World, *steps: Step) -> Incident:
    def fits(_: seen.Seen) -> Iterator[Fit]:
        if not all(one.done(cast(Case, None)) for one in steps):
            yield Fit("ggd", 90, ("something is missing",))

    return Incident("missing", "server", world.folder, "Missing", "organisation", (), "", "", {}, fits, lambda _: steps)


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "world").mkdir()
    return World(tmp_path / "world")


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(running, "HEALED_SECONDS", 0.0)
    network = cast(Any, Network("toets", vault.Vault("toets", tmp_path / "vault")))
    said: list[str] = []
    return Case(network, cast(Any, None), "ggd", said.append, views.network, lambda _: views.server())


def yes(_: str) -> str:
    return "ggd"


def kinds(told: record.Record) -> list[str]:
    return [one.kind for one in record.read(told.path).entries]


def test_a_dry_run_tells_what_is_done_and_changes_nothing(world: World, case: Case) -> None:
    steps = (step(world, "one"), step(world, "two"))
    world.make("one")
    assert [one.done for one in running.planned(case, steps)] == [True, False]
    assert world.log == ["make one"]
    assert not (case.network.vault.folder / record.FOLDER).exists()


def test_a_step_of_which_nothing_can_be_seen_is_shown_as_that(world: World, case: Case) -> None:
    def away(_: Case) -> bool:
        raise UnreachableError("ggd: no route")

    (only,) = running.planned(case, (step(world, "one", done=away),))
    assert only.done is None
    assert "cannot be seen now" in only.line()


def test_what_is_done_already_is_left_alone_and_the_rest_is_done_in_order(world: World, case: Case) -> None:
    world.make("two")
    one = incident(world, step(world, "one"), step(world, "two"), step(world, "three"))
    told = running.execute(one, case, "why", yes)
    assert world.log == ["make two", "make one", "make three"]
    assert kinds(told) == ["began", "runs", "begins", "done", "already", "begins", "done", "ended"]


def test_a_step_that_fails_stops_the_run_and_the_next_one_goes_on_in_the_same_record(world: World, case: Case) -> None:
    def fail(_: Case) -> None:
        raise StepError("the machine is on fire")

    first, broken = step(world, "one"), step(world, "two", run=fail)
    with pytest.raises(errors.HalfWayError, match="on fire"):
        running.execute(incident(world, first, broken), case, "why", yes)
    told = running.execute(incident(world, first, step(world, "two")), case, "why", yes)
    assert world.log == ["make one", "make two"]
    assert len(record.every(told.path.parent)) == 1


def test_a_step_that_does_not_show_is_no_success(world: World, case: Case) -> None:
    with pytest.raises(errors.HalfWayError, match="does not show"):
        running.execute(incident(world, step(world, "one", run=lambda _: None)), case, "why", yes)


def test_where_every_step_is_taken_and_it_still_fits_it_is_not_over(world: World, case: Case) -> None:
    one = incident(world, step(world, "one"))
    always = dataclasses.replace(one, fits=lambda _: iter([Fit("ggd", 90, ("still broken",))]))
    with pytest.raises(errors.HalfWayError, match="still broken"):
        running.execute(always, case, "why", yes)


def test_a_way_back_undoes_what_was_recorded_backwards_and_says_what_stays(world: World, case: Case) -> None:
    world.make("two")
    stays = step(world, "four", rollback=None, no_way_back="nobody wants it back")
    one = incident(world, step(world, "one"), step(world, "two"), step(world, "three"), stays)
    running.execute(one, case, "why", yes)
    told = running.rollback(one, case, "it was wrong")
    assert world.log[-2:] == ["remove three", "remove one"]
    assert world.has("two")
    assert world.has("four")
    assert "stays" in kinds(told)
    running.rollback(one, case, "once more")
    assert world.log.count("remove one") == 1


def test_without_a_record_there_is_no_way_back(world: World, case: Case) -> None:
    with pytest.raises(errors.UsageError, match="nothing is recorded"):
        running.rollback(incident(world, step(world, "one")), case, "why")


def test_a_way_back_gets_what_was_there_before(world: World, case: Case) -> None:
    got: list[dict[str, str]] = []
    back = step(world, "one", before=lambda _: {"was": "failed"}, rollback=lambda _, kept: got.append(dict(kept)))
    one = incident(world, back)
    running.execute(one, case, "why", yes)
    running.rollback(one, case, "why")
    assert got == [{"was": "failed"}]


def test_of_a_step_that_began_twice_the_way_back_is_to_what_was_there_at_first(world: World, case: Case) -> None:
    """The second time it finds what it did itself; and what it finds besides then is its own to take back too."""
    got: list[dict[str, str]] = []
    found = iter([{"agent": "exited"}, {"agent": "running", "computer": "paused"}, {"agent": "dead"}])
    more = {"before": lambda _: next(found), "rollback": lambda _, kept: got.append(dict(kept))}
    broken = incident(world, step(world, "one", run=lambda _: None, **more))
    for _ in range(2):
        with pytest.raises(errors.HalfWayError):
            running.execute(broken, case, "why", yes)
    running.rollback(broken, case, "why")
    assert got == [{"agent": "exited", "computer": "paused"}]
    running.rollback(broken, case, "once more")
    assert len(got) == 1, "it was taken back already"


def test_what_was_begun_again_after_a_way_back_is_taken_back_again(world: World, case: Case) -> None:
    got: list[dict[str, str]] = []
    found = iter([{"was": "off"}, {"was": "dim"}])
    more = {"before": lambda _: next(found), "rollback": lambda _, kept: got.append(dict(kept))}
    told = record.begin(case.network.vault.folder / record.FOLDER, "toets", "missing", "ggd")
    told.add("begins", step="one", words="make one", kept=next(found))
    told.add("returns", step="one")
    told.add("returned", step="one")
    told.add("begins", step="one", words="make one", kept=next(found))
    running.rollback(incident(world, step(world, "one", **more)), case, "why")
    assert got == [{"was": "dim"}]


def test_a_step_that_the_runbook_has_no_more_stays_and_all_others_are_taken_back(world: World, case: Case) -> None:
    running.execute(incident(world, step(world, "one"), step(world, "two")), case, "why", yes)
    told = running.rollback(incident(world, step(world, "one")), case, "why")
    assert not world.has("one")
    assert [one.told["step"] for one in told.of_kind("stays")] == ["two"]


@pytest.mark.parametrize(
    ("about", "subject", "what"),
    [
        ("organisation", "ggd", views.network({"ggd": seen.Server(reached=False, why="no route")})),
        ("link", "ggd → ziekenhuis", views.network({"ggd": seen.Server(reached=False, why="no route")})),
        ("link", "ggd → ziekenhuis", views.network({"ggd": views.server(agent="hangs")}, silent=["ggd"])),
    ],
    ids=["server away", "server of a link away", "agent of a link silent"],
)
def test_what_cannot_be_seen_is_not_healed(world: World, case: Case, about: Any, subject: str, what: seen.Seen) -> None:
    """Nothing fits a server that says nothing."""
    one = dataclasses.replace(incident(world), about=about)
    dark = dataclasses.replace(case, subject=subject, look=lambda: what)
    with pytest.raises(errors.HalfWayError, match=r"cannot be looked at|says nothing"):
        running.execute(one, dark, "why", yes)


@pytest.mark.parametrize("typed", ["", "yes", "y", "ziekenhuis"])
def test_what_a_person_must_say_yes_to_is_not_done_by_another_word(world: World, case: Case, typed: str) -> None:
    one = incident(world, step(world, "one", decides="all of it goes"))
    with pytest.raises(errors.RefusedError, match="nobody said yes"):
        running.execute(one, case, "why", lambda _: typed)
    assert not world.has("one")
    running.execute(one, case, "why", yes)
    assert world.has("one")


def test_a_second_run_on_the_same_target_is_refused_with_who_is_there(world: World, case: Case) -> None:
    one = incident(world, step(world, "one"))
    with running.target(case, "another"), pytest.raises(errors.LockedError, match="another"):
        running.execute(one, case, "why", yes)
    link = dataclasses.replace(case, subject="ggd → ziekenhuis")
    with running.target(link, "a link"), pytest.raises(errors.LockedError):
        running.execute(one, case, "why", yes)


def killed_at(world: World, name: str, moment: str) -> Step:
    """A step in which the process ends, before or after what it does."""

    def run(_: Case) -> None:
        if moment == "after":
            world.make(name)
        os.kill(os.getpid(), signal.SIGKILL)

    return step(world, name, run=run)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_after_a_kill_in_any_step_the_next_run_goes_on_and_the_way_back_undoes_all(
    world: World, case: Case, name: str, moment: str
) -> None:
    every = ("one", "two", "three")
    steps = [killed_at(world, one, moment) if one == name else step(world, one) for one in every]
    broken = incident(world, *steps)
    process = multiprocessing.get_context("fork").Process(target=_quietly(broken, case))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    whole = incident(world, *(step(world, one) for one in every))
    told = running.execute(whole, case, "why", yes)
    assert sorted(world.log) == ["make one", "make three", "make two"]
    assert len(record.every(told.path.parent)) == 1
    running.rollback(whole, case, "why")
    assert not any(world.has(one) for one in every)


def _quietly(one: Incident, case: Case) -> Callable[[], None]:
    return lambda: void(running.execute(one, case, "why", yes))


def void(_: object) -> None:
    return


def test_a_step_without_a_way_back_says_why() -> None:
    with pytest.raises(ValueError, match="way back"):
        Step(key="k", words="w", done=lambda _: True, run=lambda _: None)
    with pytest.raises(ValueError, match="by hand"):
        Step(key="k", words="w", done=lambda _: True)
