"""What guarded-change leaves behind; that it takes back, keeps and waits is seen on servers (tests/roles)."""

from __future__ import annotations

from pathlib import Path

import pytest

from on_server import guard


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a server of which ssh and firewall are its owner's: nothing of ours is in it."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(guard, "BASE", tmp_path / "etc/werkplaats/baseline")
    monkeypatch.setattr(guard, "LOCK", tmp_path / "run/werkplaats/guard.lock")
    absent = tmp_path / "absent"
    changes = [guard.Change("ssh", absent, absent, ("false",), ("false",), ("false",))]
    monkeypatch.setattr(guard, "CHANGES", changes)
    return tmp_path / "etc"


def test_where_ssh_and_firewall_are_the_owner_s_nothing_is_made_in_etc(etc: Path) -> None:
    assert guard.apply(1) == []
    guard.undo()
    assert not guard.confirm()
    assert not etc.exists()
