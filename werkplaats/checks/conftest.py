"""What each server should be, from the file that WERKPLAATS_EXPECTED names: organisation → host variables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

Expected = dict[str, Any]


@pytest.fixture
def station(host: Any) -> Expected:
    """The compiled data of the server that is being checked, as the roles got it."""
    expected: dict[str, Expected] = json.loads(Path(os.environ["WERKPLAATS_EXPECTED"]).read_text())
    return expected[host.backend.host.name]
