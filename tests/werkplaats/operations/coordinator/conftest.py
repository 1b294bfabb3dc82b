"""A coordinator with vault, records and CA."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publication import profile
from tests.harness.coordinator import (
    Coordinator,
    approve,
    coordinator,
    definition,
    make_coordinator,
    new_keys,
    openssl_verify,
    trusted_and_list,
)

__all__ = [
    "approve",
    "coordinator",
    "definition",
    "make_coordinator",
    "new_keys",
    "openssl_verify",
    "trusted_and_list",
]


@pytest.fixture
def bare(coordinator: Coordinator, tmp_path: Path) -> Any:
    """What a step asks of a network, of which nobody is approved and nothing is published."""
    (tmp_path / "publications").mkdir()
    return SimpleNamespace(
        name="proeftuin",
        vault=coordinator.vault,
        inventory=coordinator.records.folder,
        definition=coordinator.definition,
        publication=tmp_path / "publications" / "proeftuin",
        trusted=tmp_path / "read.json",
        questions={},
        figures={},
        made_here=False,
        tier=profile.REGION,
        ships=True,
    )
