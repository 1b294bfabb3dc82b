"""What a restore puts where: all of a station but what only its steward says, and never over another's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from on_server.backup import place, taken, written
from station_image.runtime.base import contract
from tests.on_server.backup.station import FILES, LINES, Station

REGISTER = Path(taken.REGISTER)


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station.make(tmp_path)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A server without anything of a station."""
    root = tmp_path / "fresh"
    root.mkdir()
    return root


def test_what_was_taken_is_put_back_but_for_allowances_and_the_station_knows_that_it_was_restored(
    station: Station, fresh: Path
) -> None:
    """No program writes an allowance: its steward may have taken it back since."""
    told = station.put_back(fresh, station.backup())
    there = {str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()}
    kept = {row.name for row in taken.rows(station.root, data=False) if row.content is not None}
    allowances = {name for name in kept if "/allowances/" in name}
    assert allowances
    assert there == kept - allowances | {place.MARK, place.DONE}
    assert told == {"placed": len(kept - allowances), "before": False}
    assert (fresh / REGISTER).read_bytes() == LINES
    assert abs(json.loads((fresh / place.MARK).read_bytes())["at"] - time.time()) < 60


def test_the_mark_is_the_one_that_the_agent_looks_for() -> None:
    assert f"var/lib/werkplaats/{contract.RESTORED}" == place.MARK


def test_data_come_back_where_they_were_wanted(station: Station, fresh: Path) -> None:
    station.set(data=True)
    station.put_back(fresh, station.backup())
    name = "var/lib/werkplaats/data/in/gerda/griep/rows.csv"
    assert (fresh / name).read_bytes() == FILES[name]


@pytest.mark.parametrize("what", [LINES + b'{"number": 3}\n', b'{"number": 9}\n'], ids=["later", "another"])
def test_a_register_that_the_backup_does_not_have_is_not_written_over(
    station: Station, fresh: Path, what: bytes
) -> None:
    """What the attack gains: whoever puts an old backup over a running station has it forget."""
    path = station.backup()
    (fresh / REGISTER).parent.mkdir(parents=True)
    (fresh / REGISTER).write_bytes(what)
    with pytest.raises(place.PlaceError, match="of which the backup has"):
        station.put_back(fresh, path)
    assert [one for one in fresh.rglob("*") if one.is_file()] == [fresh / REGISTER]


@pytest.mark.parametrize("name", place.KEYS)
def test_other_keys_are_not_written_over(station: Station, fresh: Path, name: str) -> None:
    path = station.backup()
    (fresh / name).parent.mkdir(parents=True)
    (fresh / name).write_bytes(b"another")
    with pytest.raises(place.PlaceError, match="another key than in the backup"):
        station.put_back(fresh, path)
    assert (fresh / name).read_bytes() == b"another"


def test_where_a_station_runs_nothing_is_put_back(
    station: Station, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = station.backup()
    monkeypatch.setattr(place, "running", lambda _: ["c0ffee"])
    with pytest.raises(place.PlaceError, match="a station runs there"):
        station.put_back(fresh, path)
    assert [*fresh.iterdir()] == []


def test_killed_after_any_file_it_is_done_again_and_has_said_before_that_it_is_a_backup(
    station: Station, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = station.backup(), place._write
    names = {row.name for row in taken.rows(station.root, data=False) if row.content is not None}
    others = {name for name in names if "/allowances/" not in name} - {*place.KEYS}
    for most in range(40):
        written_now = list[str]()

        def killed(root: Path, name: str, *rest: object, most: int = most, seen: list[str] = written_now) -> None:
            if len(seen) == most:
                raise KeyboardInterrupt
            seen.append(name)
            write(root, name, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(place, "_write", killed)
        try:
            station.put_back(fresh, path)
        except KeyboardInterrupt:
            assert not written_now or written_now[0] == place.MARK, "before anything of the station is there"
            assert others <= {*written_now} or not {*place.KEYS} & {*written_now}, "keys come last"
            continue
        break
    assert most > 5
    monkeypatch.setattr(place, "_write", write)
    assert station.put_back(fresh, path) == {"placed": 0, "before": True}


def test_once_it_is_done_the_same_again_says_so_also_when_the_register_went_on(station: Station, fresh: Path) -> None:
    """So that the one command is run again where what came after it was cut off; and no mark is made anew."""
    path = station.backup()
    station.put_back(fresh, path)
    (fresh / place.MARK).unlink()
    (fresh / REGISTER).write_bytes(LINES + b'{"number": 3}\n')
    assert station.put_back(fresh, path)["before"]
    assert not (fresh / place.MARK).exists()
    with pytest.raises(place.PlaceError, match="of which the backup has 2"):
        station.put_back(fresh, path, "of another backup")
    for name in place.KEYS:
        (fresh / name).unlink()
    with pytest.raises(place.PlaceError, match="of which the backup has 2"):
        station.put_back(fresh, path)


def test_no_name_leads_out_of_a_station_s_folders(station: Station, fresh: Path, tmp_path: Path) -> None:
    rows = taken.rows(station.root, data=False)
    root, mode = rows[0].owner, 0o600
    bad = [
        taken.Row(name, mode, root, root, b"evil")
        for name in ("etc/passwd", "/etc/shadow", "etc/werkplaats/../passwd", "../up", "var/lib/werkplaats/../x")
    ]
    tar = tmp_path / "tar"
    with tar.open("wb") as stream:
        written.pack(stream, [*rows, *bad], time.time())
    place.place(fresh, "d", tar.read_bytes(), "")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


def test_what_holds_nothing_of_a_station_is_told(fresh: Path, tmp_path: Path) -> None:
    with (tmp_path / "tar").open("wb") as stream:
        written.pack(stream, [], time.time())
    with pytest.raises(place.PlaceError, match="nothing of a station"):
        place.place(fresh, "d", (tmp_path / "tar").read_bytes(), "")
