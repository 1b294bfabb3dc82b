"""One server that is up, made once and copied: the keys of a network cost a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.coordinator import coordinator, definition, make_coordinator
from tests.on_server.follow import served

__all__ = ["coordinator", "definition", "make_coordinator", "server"]


@pytest.fixture(scope="session")
def made_servers(tmp_path_factory: pytest.TempPathFactory) -> served.Made:
    return served.Made(tmp_path_factory.mktemp("served"))


@pytest.fixture
def server(made_servers: served.Made, coordinator: Any, tmp_path: Path) -> served.Served:
    return made_servers.server(tmp_path, coordinator)
