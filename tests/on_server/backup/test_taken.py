"""What a backup takes, and that no set of files in it knows less than its register."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from on_server.backup import place, taken
from station_image.runtime.base import contract
from tests.on_server.backup.station import FILES, HEAD, LINES, Station


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station.make(tmp_path)


def names(station: Station, *, data: bool = False) -> set[str]:
    return {row.name for row in taken.rows(station.root, data=data) if row.content is not None}


def test_it_takes_identity_register_and_state_and_neither_people_nor_what_is_passing(station: Station) -> None:
    passing = {name for name in FILES if name.endswith(".new") or "/relayed/" in name or "/people/" in name}
    data = {name for name in FILES if "/data/" in name}
    assert names(station) == FILES.keys() - passing - data
    assert names(station, data=True) == FILES.keys() - passing


def test_all_that_a_station_keeps_is_in_it() -> None:
    """But results, which are data: by choice."""
    for stored in contract.STORED:
        path = f"var/lib/werkplaats/{stored.path}"
        within = place.DATA if stored == contract.RESULT else place.FOLDERS
        assert any(path.startswith(f"{folder}/") for folder in within), path


def test_a_result_that_is_opened_while_it_takes_is_in_it_or_the_register_does_not_know_of_it_either(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent remembers, then enters: whatever happens after each file was read, what was entered is remembered."""
    read, order = taken._read, list[str]()

    def reading(name: str, one: str, folder: int) -> taken.Row | None:
        row = read(name, one, folder)
        if len(order) < 40:
            order.append(name)
            number = len(order)
            station.put("var/lib/werkplaats/state/runs.json", json.dumps({"remembers": number}).encode())
            if name in (taken.HEAD, taken.REGISTER) and number < 6:  # the agent enters something now and then
                station.put(taken.REGISTER, LINES + b'{"number": 3}\n' * number)
                station.put(taken.HEAD, json.dumps({**HEAD, "entries": 2 + number, "remembers": number}).encode())
        return row

    monkeypatch.setattr(taken, "_read", reading)
    monkeypatch.setattr(taken, "PAUSE", 0.0)
    found = {row.name: row.content or b"" for row in taken.rows(station.root, data=False)}
    entered = json.loads(found[taken.HEAD]).get("remembers", 0)
    assert json.loads(found["var/lib/werkplaats/state/runs.json"])["remembers"] >= entered
    assert found[taken.REGISTER].count(b"\n") == json.loads(found[taken.HEAD])["entries"], "head and entries are a pair"


def test_a_register_that_never_rests_is_told_and_nothing_is_taken(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = iter(range(1000))
    monkeypatch.setattr(taken, "PAUSE", 0.0)
    monkeypatch.setattr(taken, "_content", lambda *_: str(next(heads)).encode())
    with pytest.raises(taken.TakeError, match="it is tried again later"):
        taken.rows(station.root, data=False)


def test_a_link_that_an_account_of_the_station_lays_leads_root_nowhere(station: Station) -> None:
    secret = station.root / "secret"
    secret.write_text("root's")
    (secret.parent / "folder").mkdir()
    (secret.parent / "folder" / "x").write_text("root's")
    state = station.root / "var/lib/werkplaats/state"
    (state / "linked").symlink_to(secret)
    (state / "linked-folder").symlink_to(secret.parent / "folder")
    (station.root / "var/lib/werkplaats/data/in/gerda/griep/pipe.csv").unlink(missing_ok=True)
    assert not any("root's" in (row.content or b"").decode() for row in taken.rows(station.root, data=True))


def test_what_is_too_large_for_one_is_told_with_what_to_do(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "LARGEST", 150)
    with pytest.raises(taken.TakeError, match="data: false"):
        taken.rows(station.root, data=True)


def test_no_more_is_read_than_one_holds(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to take 634 MB of 512 by ten files of nothing: then the service is killed, and tells nothing."""
    most, read = 2**20, list[int]()
    monkeypatch.setattr(taken, "LARGEST", most)
    for number in range(50):
        with (station.root / place.VAR / f"state/{number}").open("wb") as stream:
            stream.truncate(most - 1)
    row = taken._row

    def rowed(name: str, about: os.stat_result, content: bytes | None) -> taken.Row:
        read.append(len(content or b""))
        return row(name, about, content)

    monkeypatch.setattr(taken, "_row", rowed)
    with pytest.raises(taken.TakeError, match="there is more than the 1 MB that a backup holds"):
        taken.rows(station.root, data=False)
    assert sum(read) < 3 * most


def test_nor_more_files(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "LARGEST", 2**20)
    for number in range(600):
        station.put(f"{place.VAR}/state/{number}", b"")
    with pytest.raises(taken.TakeError, match="there is more than the 1 MB"):
        taken.rows(station.root, data=False)


@pytest.mark.parametrize("name", [b"x\ny", b"\xdcberblick.csv", b"\x1b[2J"])
@pytest.mark.parametrize("folder", [False, True])
def test_a_name_that_no_backup_holds_is_told_and_not_left_out(station: Station, name: bytes, *, folder: bool) -> None:
    path = station.root / place.VAR / "data/in/gerda" / os.fsdecode(name)
    path.mkdir() if folder else path.write_bytes(b"rows")
    with pytest.raises(taken.TakeError, match="rename it, or remove it"):
        taken.rows(station.root, data=True)
