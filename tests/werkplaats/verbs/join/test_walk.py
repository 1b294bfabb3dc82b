"""The table of steps: what is done is found by looking, and whoever leaves goes on where it was left."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from base import errors
from tests.werkplaats.operations.join.conftest import ORGANISATION, Published
from werkplaats.operations.home import places
from werkplaats.operations.join import beginning, brought, standing
from werkplaats.verbs.join import walk as walks

NAMES = ("publication", "server", "examine", "prepare", "request", "certificate", "accept", "up", "verify", "people")
ELSEWHERE = '{host: 192.0.2.1, host_key: "SHA256:' + "A" * 43 + '"}'


def test_the_steps_are_those_that_the_guide_has() -> None:
    assert tuple(step.name for step in walks.STEPS) == NAMES


class Pretended:
    """Steps that only note that they were done; one of them stops by what `stop` does."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.stop: dict[str, Callable[[], walks.Waits | None]] = {}

    def steps(self) -> list[walks.Step]:
        return [self._step(name) for name in NAMES]

    def _step(self, name: str) -> walks.Step:
        def do(_: walks.Walk) -> walks.Waits | None:
            waits = self.stop.pop(name, lambda: None)()
            if waits is None:
                self.done.append(name)
            return waits

        return walks.Step(name, "you", 1, "…", lambda _: name in self.done, do)


def run(steps: list[walks.Step]) -> tuple[int, list[str]]:
    said: list[str] = []
    walk = walks.Walk(argparse.Namespace(organisation=ORGANISATION), None)  # type: ignore[arg-type]  # no step asks
    return walks.go(walk, steps, said.append), said


def _interrupt() -> walks.Waits | None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_at_a_step_leaves_the_ones_before_it_done_and_the_next_run_goes_on(name: str) -> None:
    pretended = Pretended()
    pretended.stop[name] = _interrupt
    with pytest.raises(KeyboardInterrupt):
        run(pretended.steps())
    assert pretended.done == list(NAMES[: NAMES.index(name)])
    code, said = run(pretended.steps())
    assert (code, pretended.done) == (errors.DONE, list(NAMES))
    assert [line.split()[0] for line in said] == ["done"] * NAMES.index(name) + ["now"] * len(
        NAMES[NAMES.index(name) :]
    )


def test_who_waits_is_told_for_what_and_what_comes_then() -> None:
    pretended = Pretended()
    pretended.stop["certificate"] = lambda: walks.Waits("the coordinator approves it")
    code, said = run(pretended.steps())
    assert code == errors.REFUSED
    assert [line.split()[0] for line in said] == ["now"] * 6 + ["the", "then"]
    assert said[6].strip() == "the coordinator approves it"


REQUEST: Any = object()
HELD = standing.Standing(request=REQUEST, fetched=True, published="SHA256:A", waits=("who computes",))
STANDINGS = {
    "nothing is on it": (standing.Standing(), "examine"),
    "it is away": (standing.Standing(lost="no route"), "examine"),
    "keys": (standing.Standing(request=REQUEST), "request"),
    "a request": (standing.Standing(request=REQUEST, fetched=True), "certificate"),
    "keys that are not those of the publication": (dataclasses.replace(HELD, refused="WARNING"), "certificate"),
    "a certificate": (HELD, "accept"),
    "a certificate, and the request's file is gone": (dataclasses.replace(HELD, fetched=False), "accept"),
    "accepted": (dataclasses.replace(HELD, waits=()), "up"),
}


@pytest.fixture
def placed(handed_over: Published, home: places.Home, tmp_path: Path) -> walks.Walk:
    """Whoever has placed the publication, and said where the server is."""
    with brought.opened(handed_over.folder) as found:
        begun = beginning.read(found, home, ORGANISATION)
        beginning.place(begun, begun.published.root, ORGANISATION)
        begun = beginning.read(found, home, ORGANISATION)
    path = home.inventories / "proeftuin" / "servers.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{ORGANISATION}: {ELSEWHERE}\n")
    return walks.Walk(argparse.Namespace(organisation=ORGANISATION, home=tmp_path / "home", yes=False), begun)


@pytest.mark.parametrize(("stands", "next_one"), STANDINGS.values(), ids=STANDINGS)
def test_what_is_next_follows_from_how_the_server_stands(
    placed: walks.Walk, stands: standing.Standing, next_one: str
) -> None:
    placed._standing = stands
    assert next(step.name for step in walks.STEPS if not step.done(placed)) == next_one


def test_the_command_that_goes_on_can_be_typed_as_it_is_printed(placed: walks.Walk) -> None:
    file = Path("from the coordinator.tar")
    walk = dataclasses.replace(
        placed, begun=dataclasses.replace(placed.begun, brought=dataclasses.replace(placed.begun.brought, place=file))
    )
    home = ["--home", str(placed.given.home)]
    assert shlex.split(walk.again) == ["werkplaats", *home, "join", str(file), "--organisation", ORGANISATION]


def test_who_has_joined_while_an_upgrade_goes_on_is_told_what_moves_the_station(placed: walks.Walk) -> None:
    placed._standing = dataclasses.replace(HELD, waits=(), runs=True)
    assert placed.next == "werkplaats status proeftuin"
    placed._standing = dataclasses.replace(HELD, waits=(), runs=True, moves_to="1.1.0")
    assert placed.next == f"werkplaats upgrade start proeftuin --to 1.1.0 --only {ORGANISATION}"


def test_before_anything_is_there_the_publication_is_next(handed_over: Published, home: places.Home) -> None:
    with brought.opened(handed_over.folder) as found:
        walk = walks.Walk(argparse.Namespace(organisation=ORGANISATION), beginning.read(found, home, ORGANISATION))
    assert not walks.STEPS[0].done(walk)
    assert not walks.STEPS[1].done(walk)


def test_a_server_without_keys_is_left_where_its_organisation_has_a_station(
    published: Published, home: places.Home
) -> None:
    """Another operator runs it, or somebody has the name wrong: two servers of one name end each other's links."""
    published.coordinator.approve(ORGANISATION)
    published.publish()
    with brought.opened(published.folder) as found:
        walk = walks.Walk(argparse.Namespace(organisation=ORGANISATION), beginning.read(found, home, ORGANISATION))
    walk._standing = standing.Standing()
    waits = walks._examine(walk)
    assert waits
    assert "has a certificate of keys of huisartsen already, and this server has none" in waits.why
    assert waits.code == errors.REFUSED


def test_the_command_that_goes_on_is_of_the_same_folder_and_as_a_shell_takes_it(placed: walks.Walk) -> None:
    """It went on in another folder of the operator's, or with half the name of a stick."""
    began = dataclasses.replace(placed.begun.brought, place=Path("/media/NO NAME/gerda.tar"))
    placed.begun = dataclasses.replace(placed.begun, brought=began)
    words = f"join '/media/NO NAME/gerda.tar' --organisation {ORGANISATION}"
    assert placed.again == f"werkplaats --home {placed.given.home} {words}"
    placed.given.home = None
    assert placed.again == f"werkplaats {words}"
