"""A server to log in to, for the tests of how servers are reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.werkplaats.operations.reach.test_remote import Sshd, key


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    made = Sshd(key(tmp_path, "host"))
    yield made
    made.close()
