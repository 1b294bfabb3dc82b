"""Backups that were fetched: no server changes them afterwards, and none brings a file of another name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import errors
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.restored import fetch

FIRST, SECOND = "gerda.gelre_20261129T081200Z.age", "gerda.gelre_20261130T081200Z.age"
BACKUP = {"to": "/srv/backups", "every": 24, "keep": 3}


@dataclasses.dataclass
class Server:
    """A server of which the folder of backups shows this: name → content."""

    files: dict[str, bytes]
    servers: dict[str, servers.Server] = dataclasses.field(
        default_factory=lambda: {
            name: servers.Server(name, f"station.{name}.example", "", backup=BACKUP) for name in ("gelre", "sensire")
        }
    )
    odd: str = ""
    """Who lists backups of which none can be read."""

    def ask(self, organisation: str, *command: str) -> remote.Done:
        assert command == ("ls", "-1", "/srv/backups")
        if organisation == self.odd:
            return remote.Done(f"{FIRST.replace('gelre', organisation)}\n")
        return remote.Done("".join(f"{name}\n" for name in self.files))

    def run(self, _: str, command: Sequence[str], **_seconds: float) -> tuple[int, bytes, bytes]:
        content = self.files.get(Path(command[1]).name)
        return (1, b"", b"gone") if content is None else (0, content, b"")


@pytest.fixture
def network() -> Any:
    stations = {name: SimpleNamespace(id=f"gerda.{name}") for name in ("gelre", "sensire")}
    return SimpleNamespace(compiled=SimpleNamespace(stations=stations))


def test_what_was_fetched_stays_whatever_a_server_shows_later(network: Any, tmp_path: Path) -> None:
    """What the attack gains: whoever takes a server over has the way back from before that vanish or changed."""
    server: Any = Server({FIRST: b"one"})
    assert fetch.fetch(network, server, ["gelre"], tmp_path) == ({"gelre": [FIRST]}, {})
    server.files = {FIRST: b"changed", SECOND: b"two"}
    assert fetch.fetch(network, server, ["gelre"], tmp_path) == ({"gelre": [SECOND]}, {})
    server.files = {}
    assert fetch.fetch(network, server, ["gelre"], tmp_path) == ({"gelre": []}, {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {FIRST: b"one", SECOND: b"two"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.age", ".bashrc", f"../{FIRST}", f"{FIRST}.sh", FIRST.replace("gelre", "ander")),
        *(FIRST.replace("20261129", f"2025112{nine}") for nine in ("\uff19", "\u0669")),
        FIRST.replace("2026", "9026"),
    ],
    ids=ascii,
)
def test_a_server_that_lists_something_else_brings_nothing(network: Any, tmp_path: Path, name: str) -> None:
    server: Any = Server({name: b"evil"})
    assert fetch.fetch(network, server, ["gelre"], tmp_path / "kept") == ({"gelre": []}, {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_of_many_the_newest_are_fetched_as_many_as_are_kept(network: Any, tmp_path: Path) -> None:
    """What the attack gains: a server that shows thousands fills its operator's disk."""
    names = [f"gerda.gelre_{year}0101T000000Z.age" for year in range(2000, 2027)]
    server: Any = Server(dict.fromkeys([*names, FIRST.replace("2026", "9026")], b"one"))
    assert fetch.fetch(network, server, ["gelre"], tmp_path) == ({"gelre": names[-3:]}, {})


def test_a_server_of_which_nothing_can_be_read_keeps_nobody_from_the_others(network: Any, tmp_path: Path) -> None:
    server: Any = Server({FIRST: b"one"}, odd="sensire")
    new, lost = fetch.fetch(network, server, ["sensire", "gelre"], tmp_path)
    assert new == {"sensire": [], "gelre": [FIRST]}
    assert "gerda.sensire_20261129T081200Z.age cannot be read: gone" in lost["sensire"]


def test_one_that_is_gone_meanwhile_is_told() -> None:
    server: Any = Server({})
    with pytest.raises(errors.UsageError, match="cannot be read: gone"):
        fetch.read(server, "gelre", FIRST)


def test_a_server_that_is_to_make_none_is_told_with_what_to_write(network: Any) -> None:
    server: Any = Server({})
    server.servers["gelre"] = dataclasses.replace(server.servers["gelre"], backup=None)
    with pytest.raises(errors.UsageError, match=r"says nothing of backups"):
        fetch.listed(network, server, "gelre")
