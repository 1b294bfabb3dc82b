"""Accepted definitions: read again when they change, and never one that cannot be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.station_image.runtime.views import Small


def test_a_network_is_read_again_when_its_file_was_replaced(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert networks.find("n").definition == "sha256:0"
    small.write("n.a", definition="sha256:1")
    assert networks.find("n").definition == "sha256:1"
    assert networks.gateway_uid == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2},
        {"threshold": 0},
        {"self": "n.z"},
        {"computing": ["n.a", "n.b", "n.z"]},
        {"computing": ["n.a", "n.a", "n.b"]},
        {"stations": []},
        {"stations": {"n.a": {"statement_key": "AAAA"}}},
    ],
)
def test_a_definition_that_cannot_be_right_is_not_taken_and_the_file_named(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    before = networks.find("n")
    small.write("n.a", **changes)
    assert networks.find("n") == before
    assert "network.json" in networks.problem


def test_a_network_that_was_taken_away_is_gone(tmp_path: Path) -> None:
    small = Small.make(tmp_path)
    networks = small.networks("n.a")
    assert list(networks.current()) == ["n"]
    (small.folder / "n.a" / "n" / "network.json").unlink()
    assert not networks.current()
