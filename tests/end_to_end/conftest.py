"""Two networks beside `toets`, for the tests that cut and destroy: a sandbox, and one that is none."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import sandboxes, servers
from tests.harness.sandboxes import up_step_by_step as up_step_by_step  # that of `los`, for those who go on with it


def everything() -> dict[str, set[str]]:
    """All that the local engine has, and the folders of open ssh connections; less what the test beside these makes."""
    names_of = {
        "containers": ("ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.ID}}"),
        "volumes": ("volume", "ls", "--format", "{{.Name}}"),
        "networks": ("network", "ls", "--no-trunc", "--format", "{{.Name}} {{.ID}}"),
    }
    there = {kind: servers.docker(*words).splitlines() for kind, words in names_of.items()}
    found = {kind: {line for line in lines if not line.startswith("kort")} for kind, lines in there.items()}
    return {**found, "ssh": {path.name for path in Path(os.environ["XDG_RUNTIME_DIR"]).glob("werkplaats-*")}}


@dataclasses.dataclass(frozen=True)
class Passing:
    """A network that is up and verified, and what there was on this machine before it."""

    network: sandboxes.Sandbox
    before: dict[str, set[str]]


@pytest.fixture(scope="session")
def weg(toets: sandboxes.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passing]:
    """The network `weg.sandbox`, to be destroyed."""
    assert toets.vault.exists()
    made = Passing(sandboxes.sandbox(tmp_path_factory.mktemp("weg"), "weg"), everything())
    assert made.network.up()["verified"]
    yield made
    made.network.run("destroy", "--yes", expect=None)


@pytest.fixture(scope="session")
def volg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network that is up, of which only the coordinator does anything then; its CA becomes another one, too."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("volg"), "volg")
    try:
        made.up()
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


ONLY_COMPUTES = "griep-zonder-thuiszorg"
"""A question of `los` to which thuiszorg puts in nothing: it only computes."""


@pytest.fixture(scope="session")
def los(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network that is not a sandbox, up and verified: it knows its servers, which existed, by its inventory only.

    First an engine and a login of it are in trouble and a server moves, then a computing party is revoked, leaves and
    comes back, at last it is destroyed.
    """
    definition = sandboxes.DEFINITION.rstrip() + sandboxes.MEMBER
    maker = sandboxes.sandbox(tmp_path_factory.mktemp("los"), "los", definition)
    questions = maker.definition.parent / "questions"
    text = (questions / f"{sandboxes.QUESTION}.yml").read_text()
    fewer = text.replace("ziekenhuis, thuiszorg, huisartsen]", "ziekenhuis, huisartsen]")
    (questions / f"{ONLY_COMPUTES}.yml").write_text(fewer)
    network = sandboxes.known_by_inventory(maker, "los")
    try:
        assert up_step_by_step(network)["verified"]
        shutil.copytree(maker.vault / "people", network.vault / "people")
        yield network
    finally:
        maker.run("destroy", "--yes")
