"""One set of servers, made once, serves every test that needs a whole network: `toets`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import sandboxes


@pytest.fixture(scope="session")
def toets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network `toets.sandbox`, up and verified; destroyed at the end."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("toets"), "toets")
    made.up()
    yield made
    made.run("destroy", "--yes", expect=None)
