"""One house with a guest for each situation that the selected tests ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guests import house
from tests.guests.situations import Situation
from tests.harness import notes


@pytest.fixture(scope="session")
def guests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.House]:
    """Servers of the situations of all selected tests: with `-k NAME` only that one is booted."""
    asked = [item.callspec.params.get("situation") for item in request.session.items if hasattr(item, "callspec")]
    situations = {one.name: one for one in asked if isinstance(one, Situation)}
    for made in house.made(tmp_path_factory.mktemp("guests"), list(situations.values())):
        yield made
        seconds = ", ".join(f"{what} {taken:.0f}" for what, taken in made.seconds.items())
        notes.of(request.config).append(f"{len(situations)} guests beside 3 others, seconds: {seconds}")
