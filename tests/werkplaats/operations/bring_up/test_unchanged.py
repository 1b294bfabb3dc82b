"""Which servers need no playbook: only those of which neither data, nor roles, nor the server itself have changed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from werkplaats.operations.bring_up import unchanged
from werkplaats.operations.reach.servers import UnreachableError

HOSTS: dict[str, dict[str, Any]] = {"ggd": {"id": "a"}, "zorg": {"id": "b"}}


class Servers:
    """Stand-ins that answer with the digest that they are given."""

    def __init__(self) -> None:
        self.digests: dict[str, Any] = {"ggd": "1", "zorg": "2"}

    def ask_all(self, organisations: Any, *_: str) -> dict[str, Any]:
        return {o: self._answer(self.digests[o]) for o in organisations}

    @staticmethod
    def _answer(digest: Any) -> Any:
        return digest if isinstance(digest, Exception) else SimpleNamespace(stdout=f"{digest}\n", exited=not digest)


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def notes(tmp_path: Path, servers: Servers) -> unchanged.Notes:
    made = unchanged.Notes(tmp_path / "run", servers)  # type: ignore[arg-type]
    made.keep(HOSTS)
    return made


def test_what_was_left_so_needs_nothing(notes: unchanged.Notes) -> None:
    assert notes.unchanged(HOSTS) == {"ggd", "zorg"}


@pytest.mark.parametrize("digest", ["other", "", UnreachableError("gone")])
def test_a_server_that_is_another_or_does_not_say_is_configured(
    notes: unchanged.Notes, servers: Servers, digest: Any
) -> None:
    servers.digests["ggd"] = digest
    assert notes.unchanged(HOSTS) == {"zorg"}


def test_other_data_for_a_server_are_seen(notes: unchanged.Notes) -> None:
    assert notes.unchanged({**HOSTS, "zorg": {"id": "c"}}) == {"ggd"}


def test_another_role_is_seen(notes: unchanged.Notes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    monkeypatch.setattr(unchanged, "ROOT", tmp_path)
    monkeypatch.setattr(unchanged, "SOURCES", ("roles",))
    notes.keep(HOSTS)
    assert notes.unchanged(HOSTS) == {"ggd", "zorg"}
    (tmp_path / "roles/main.yml").write_text("---\n")
    assert notes.unchanged(HOSTS) == set()


def test_a_run_that_was_killed_leaves_no_note(notes: unchanged.Notes) -> None:
    notes.forget(["ggd"])
    assert notes.unchanged(HOSTS) == {"zorg"}


def test_a_note_that_cannot_be_read_counts_as_none(notes: unchanged.Notes, tmp_path: Path) -> None:
    (tmp_path / "run/unchanged.json").write_text("{")
    assert notes.unchanged(HOSTS) == set()
