"""Computers for all tests of analyses, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.station_image.runtime.analyses.parties import Parties


@pytest.fixture(scope="session")
def parties() -> Iterator[Parties]:
    found = Parties()
    try:
        yield found
    finally:
        found.stop()
