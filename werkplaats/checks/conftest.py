"""What each server should be, from the file that `--expected` names: organisation → host variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Expected = dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The file with the compiled data of all servers."""
    parser.addoption("--expected", type=Path, required=True, help="JSON: organisation → host variables")


@pytest.fixture(scope="session")
def expected(request: pytest.FixtureRequest) -> dict[str, Expected]:
    """The compiled data of every server."""
    found: dict[str, Expected] = json.loads(request.config.getoption("expected").read_text())
    return found


@pytest.fixture
def station(host: Any, expected: dict[str, Expected]) -> Expected:
    """The compiled data of the server that is being checked, as the roles got it."""
    return expected[host.backend.host.name]
