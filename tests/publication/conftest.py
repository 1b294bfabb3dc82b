"""A coordinator that makes what is read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from network_topology import model
from publication import identity, verified
from tests.harness.coordinator import approve, coordinator, definition, make_coordinator, new_keys
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import publish as publishing

__all__ = ["approve", "approved", "coordinator", "definition", "make_coordinator", "new_keys", "publish"]


@pytest.fixture
def publish(coordinator: Any, tmp_path: Path) -> Callable[..., verified.Verified]:
    def do(definition: model.Definition | None = None, releases: Any = RELEASES) -> verified.Verified:
        return publishing.publish(
            tmp_path / "publication", definition or coordinator.definition, releases, coordinator.authority
        )

    return do


@pytest.fixture
def approved(coordinator: Any, approve: Callable[..., Any]) -> dict[str, identity.Identity]:
    return {organisation: approve(organisation) for organisation in coordinator.definition.stations}
