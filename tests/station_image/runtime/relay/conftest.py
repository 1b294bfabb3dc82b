"""Stations of a small network, and who publishes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publication import reading
from station_image.runtime.relay import shelf, taking
from tests.publication import publications
from tests.station_image.runtime.relay.wired import FILES, NETWORK, OWN, Station
from tests.station_image.runtime.views import Small


@pytest.fixture
def maker() -> publications.Maker:
    return publications.Maker(NETWORK)


@pytest.fixture
def stations() -> dict[str, Any]:
    """All that can be asked, by name."""
    return {}


@pytest.fixture
def make(
    tmp_path: Path, stations: dict[str, Any], maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Station]:
    """A station that has publication 1."""
    monkeypatch.setattr(taking, "PAUSE", 0.0)
    small = Small.make(tmp_path / "small")
    first = maker.relayed(FILES, 1)

    def do(name: str) -> Station:
        made = Station(name, small, tmp_path / name, stations)
        made.publish(first)
        made.known = reading.read(first.get, publications.PLACE, NETWORK)[1]
        made.relay._giving._held[OWN] = shelf.look(made.place)
        return made

    return do
