"""A house for each table of situations, with a guest for each that the selected tests ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guests import house
from tests.guests.situations import Situation
from tests.harness import notes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask what every guest is asked of each situation of the module."""
    chosen = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "situation"]
    if "situation" in metafunc.fixturenames and not chosen:
        metafunc.parametrize("situation", metafunc.module.SITUATIONS, ids=lambda one: one.name)


@pytest.fixture(scope="module", autouse=True)
def _locale(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module's operator has of the variables of locale(7): `LOCALE` of the module."""
    with pytest.MonkeyPatch.context() as own:
        for name, value in getattr(request.module, "LOCALE", {}).items():
            own.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def guests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.House]:
    """Servers of the situations of all selected tests of a module: with `-k NAME` only that one is booted.

    More would not fit: a region has 25 organisations.
    """
    items = (item for item in request.session.items if getattr(item, "module", None) is request.module)
    asked = [item.callspec.params.get("situation") for item in items if hasattr(item, "callspec")]
    situations = {one.name: one for one in asked if isinstance(one, Situation)}
    for made in house.made(tmp_path_factory.mktemp("guests"), list(situations.values())):
        yield made
        seconds = ", ".join(f"{what} {taken:.0f}" for what, taken in made.seconds.items())
        notes.of(request.config).append(f"{len(situations)} guests beside 3 others, seconds: {seconds}")
