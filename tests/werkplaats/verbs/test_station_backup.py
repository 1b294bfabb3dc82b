"""`backup check` and `backup restore-station`: what is said of a station's backup before anything is done with it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from on_server.backup import place
from tests.harness import coordinator as harness
from tests.on_server.backup.station import Station
from werkplaats import cli
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.restored import placed
from werkplaats.operations.restored import station as stations

ENTRY = (
    'gelre: {{host: gelre.example, host_key: "SHA256:{key}", backup: {{recipients: [age1{public}], every: {every}}}}}\n'
)


@dataclasses.dataclass
class Home:
    """An operator's home with network gerda, and a backup that the station of gelre made of itself."""

    folder: Path
    made: Station
    backup: Path

    def run(self, *words: str) -> int:
        return cli.main(["--home", str(self.folder), "backup", *words])

    def check(self, *words: str, station: str = "gelre") -> int:
        return self.run("check", "gerda", "--station", station, "--identity", str(self.made.key), *words)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = tmp_path / "home"
    shutil.copytree(harness.NETWORKS / "gerda", folder / "networks" / "gerda")
    inventory = folder / "inventories" / "gerda" / "servers.yml"
    inventory.parent.mkdir(parents=True)
    inventory.write_text(ENTRY.format(key=43 * "A", public=58 * "q", every=24))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Station.make(tmp_path / "server")
    return Home(folder, made, made.backup())


@pytest.fixture(autouse=True)
def _parents(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()


def test_check_says_what_is_in_a_file_and_that_it_is_whole(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.check("--file", str(home.backup)) == 0
    said = capsys.readouterr().out
    assert "gerda.gelre, of " in said
    assert "whole" in said


def test_check_finds_one_that_is_too_old(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 60 * 3600)
    old = home.made.backup()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(home.folder.parent / "state"))
    assert home.check("--file", str(old)) == 1
    assert "wrong: it is 60 hours old, and one is due every 24" in capsys.readouterr().out


def test_check_finds_one_from_which_no_station_can_be_restored(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (home.made.root / place.KEYS[1]).unlink()
    (home.made.store / home.backup.name).unlink()
    assert home.check("--file", str(home.made.backup())) == 1
    assert f"/{place.KEYS[1]} is not in it" in capsys.readouterr().out


def test_what_is_named_wrong_is_refused_with_what_there_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.check("--file", str(home.backup), station="nobody") == 2
    assert home.check("--file", "nowhere.age") == 2
    assert home.check("--file", str(home.backup), station="sensire") == 3
    assert "is a backup of gerda.gelre, not of gerda.sensire" in capsys.readouterr().err
    assert home.run("fetch", "gerda", "backups", "--only", "sensire") == 2


def test_a_restore_of_what_is_no_backup_or_not_confirmed_begins_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placed, "restore", lambda *_: pytest.fail("it began"))
    words = ("restore-station", "gerda", "gelre", str(home.backup), "--identity", str(home.made.key))
    assert home.run(*words) == 3
    home.backup.write_bytes(home.backup.read_bytes()[:-1])
    assert home.run(*words, "--yes") == 3
    (home.made.root / place.KEYS[0]).unlink()
    home.backup.unlink()
    lacking = home.made.backup()
    assert home.run("restore-station", "gerda", "gelre", str(lacking), "--identity", str(home.made.key), "--yes") == 3


class Remotes:
    """A server that runs what it is sent on a root of the test, as root of a server would on its own."""

    def __init__(self, root: Path, *, accounts: bool = True) -> None:
        managed = {} if accounts else {"accounts": False}
        self.servers = {"gelre": servers.Server("gelre", "gelre.example", "", managed=managed)}
        self.root = root
        self.sent: list[Any] = []

    def run(self, _: str, command: list[str], given: bytes, __: float) -> tuple[int, bytes, bytes]:
        *interpreter, program, digest, accounts = command
        assert interpreter == ["python3", "-IS", "-c"]
        assert program == Path(place.__file__).read_text()
        self.sent.append(accounts)
        try:
            return 0, json.dumps(place.place(self.root, digest, given, "")).encode(), b""
        except place.PlaceError as error:
            return 1, b"", str(error).encode()


def test_the_first_thing_on_that_server_and_on_no_other_is_the_backup(home: Home, tmp_path: Path) -> None:
    backup = stations.opened(home.backup.read_bytes(), home.made.key, "gerda.gelre", "x")
    first, said = placed.Restoring("gelre", backup), list[str]()
    fresh: Any = Remotes(tmp_path / "fresh")
    (tmp_path / "fresh").mkdir()
    assert first(fresh, ["sensire"], said.append) == {}
    assert fresh.sent == []
    assert first(fresh, ["gelre", "sensire"], said.append) == {}
    assert (tmp_path / "fresh" / place.MARK).exists()
    assert "u station 5001:station" in fresh.sent[0], "the accounts that files are given to"
    assert first(fresh, ["gelre"], said.append) == {}
    assert ["put back, " in said[0], "was put back before" in said[1]] == [True, True]


def test_where_accounts_are_the_owner_s_none_are_made(home: Home, tmp_path: Path) -> None:
    backup = stations.opened(home.backup.read_bytes(), home.made.key, "gerda.gelre", "x")
    (tmp_path / "fresh").mkdir()
    fresh: Any = Remotes(tmp_path / "fresh", accounts=False)
    placed.Restoring("gelre", backup)(fresh, ["gelre"], lambda _: None)
    assert fresh.sent == [""]


def test_a_server_that_refuses_it_is_left_out_of_all_that_comes_after(home: Home, tmp_path: Path) -> None:
    backup = stations.opened(home.backup.read_bytes(), home.made.key, "gerda.gelre", "x")
    other: Any = Remotes(tmp_path / "other")
    register = tmp_path / "other" / place.REGISTER
    register.parent.mkdir(parents=True)
    register.write_text('{"number": 9}\n')
    left_out = placed.Restoring("gelre", backup)(other, ["gelre"], lambda _: None)
    assert left_out["gelre"].startswith("nothing was put back: there is a register with 1 entries")


def test_a_server_that_goes_away_is_left_out(home: Home) -> None:
    backup = stations.opened(home.backup.read_bytes(), home.made.key, "gerda.gelre", "x")
    away: Any = Remotes(home.folder)

    def gone(*_: object) -> remote.Done:
        raise servers.UnreachableError("gelre: cannot be reached")

    away.run = gone
    assert "cannot be reached" in placed.Restoring("gelre", backup)(away, ["gelre"], lambda _: None)["gelre"]


@pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"before": false}', b"[" * 5000])
def test_a_server_that_answers_something_else_ends_nobody_s_run(home: Home, said: bytes) -> None:
    backup = stations.opened(home.backup.read_bytes(), home.made.key, "gerda.gelre", "x")
    odd: Any = Remotes(home.folder)
    odd.run = lambda *_: (0, said, b"")
    assert "does not say" in placed.Restoring("gelre", backup)(odd, ["gelre"], lambda _: None)["gelre"]
