"""A network that publishes a later release, made once."""

from __future__ import annotations

import pytest

from tests.werkplaats.operations.upgrade.published import Region


@pytest.fixture(scope="session")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    """Nobody changes it."""
    return Region.founded(tmp_path_factory.mktemp("beforehand"))
