"""One server that is up, made once and copied: the keys of a network cost a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.harness.coordinator import coordinator, definition, make_coordinator
from tests.on_server.follow import served

__all__ = ["coordinator", "definition", "make_coordinator", "server"]


@pytest.fixture
def server(coordinator: Any, tmp_path: Path) -> served.Served:
    return served.served(tmp_path / "server", coordinator, tmp_path / "publication")
