"""One set of servers, made once, serves every test that needs a whole network: `toets`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests import sandboxes

# Where a change is judged the examples are the same at every run; at a desk every run looks at new ones.
hypothesis.settings.register_profile("judged", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("judged")


@pytest.fixture(scope="session")
def toets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """The network `toets.sandbox`, up and verified; destroyed at the end."""
    made = sandboxes.sandbox(tmp_path_factory.mktemp("toets"), "toets")
    made.up()
    yield made
    made.run("destroy", "--yes", expect=None)
