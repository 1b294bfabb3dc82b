"""Backups as files: only the organisation's key opens them, each is whole, and some are kept."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from on_server.backup import main, place, taken, written
from tests.on_server.backup.station import STATION, Station

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station.make(tmp_path)


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    monkeypatch.setattr(time, "time", lambda: moment)


def test_the_server_that_made_it_cannot_read_it_and_the_organisation_s_key_can(station: Station) -> None:
    """What whoever takes a server over would gain: what its steward took back, and keys that it gave up."""
    path = station.backup()
    assert b"the statement key" in station.packed(path) or station.packed(path)[:2] == b"\x1f\x8b"
    other = path.with_name("other")
    subprocess.run(["age-keygen", "--output", str(other)], check=True, capture_output=True)
    done = subprocess.run(["age", "-d", "-i", str(other), str(path)], check=False, capture_output=True)
    assert done.returncode != 0
    kept = b"".join(one.read_bytes() for one in station.root.rglob("*") if one.is_file())
    assert station.key.read_bytes().splitlines()[-1] not in kept
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_newest_are_kept_and_what_is_not_ours_stays(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [station.store / "gerda.gelre-2_20260101T000000Z.age", station.store / "gerda.gelre_notes.age"]
    for other in others:
        other.write_text("somebody's")
    made = []
    for day in range(5):
        at(monkeypatch, 1_800_000_000 + 86_400 * day)
        made.append(station.backup())
    assert written.of(station.store, STATION) == made[-3:]
    assert all(other.exists() for other in others)


def test_one_that_cannot_be_made_leaves_those_that_are_there_and_is_told(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.set(keep=1)
    assert main.run(station.places)
    [before] = written.of(station.store, STATION)
    station.put("etc/werkplaats/backup/recipients", b"age1nobody\n")
    at(monkeypatch, time.time() + 100)
    assert not main.run(station.places)
    assert [*station.store.iterdir()] == [before], "no half of one either"
    told = main.tell(station.places)
    assert "age does not encrypt it" in told["faults"][0]
    assert told["good"]["file"] == str(before)


def test_a_store_that_is_not_mounted_is_told_and_nothing_is_written_beside_it(station: Station) -> None:
    station.set(to=str(station.store / "away"))
    assert not main.run(station.places)
    assert "mount what belongs there" in main.tell(station.places)["faults"][0]
    assert [*station.store.iterdir()] == []


def test_what_is_left_of_a_run_that_was_killed_goes_with_the_next(station: Station) -> None:
    left = station.store / f".{STATION}_20260101T000000Z.age.part"
    left.write_text("half")
    station.backup()
    assert not left.exists()


@pytest.mark.parametrize(
    ("hours", "told"), [(0.01, "36 seconds ago"), (1, "60 minutes ago"), (30, "30 hours ago"), (60, "2 days ago")]
)
def test_it_tells_when_the_last_good_one_was(
    station: Station, monkeypatch: pytest.MonkeyPatch, hours: float, told: str
) -> None:
    at(monkeypatch, 1_800_000_000)
    assert main.run(station.places)
    at(monkeypatch, 1_800_000_000 + hours * 3600)
    found = main.tell(station.places)
    assert f"last backup {told}, of 2027-01-15 08:00 UTC: up to entry 2 of the register, without data" in main.line(
        found
    )
    assert (found["faults"] == []) == (hours < 49)
    assert ("problem: " in main.shown(station.places)) == (hours > 49)


def test_where_none_was_made_that_is_told_and_where_none_are_wanted_nothing(station: Station) -> None:
    assert main.tell(station.places)["faults"] == ["none was made yet"]
    assert main.shown(station.places) == ""
    station.places.settings.unlink()
    assert main.tell(station.places)["faults"] == ["its settings are not there: werkplaats up"]


def test_what_was_told_and_is_damaged_is_told_anew(station: Station) -> None:
    station.put("var/lib/station-backup/told.json", b"[[[")
    assert main.tell(station.places)["good"] is None
    assert main.run(station.places)
    assert json.loads(station.places.told.read_bytes())["good"]["entries"] == 2


@pytest.mark.parametrize(
    "head",
    [
        b"[]",
        b"[" * 100_000,
        *(b'{"entries": %s}' % one for one in (b'"x"', b"-1", b"1e400", b"1.5", b"true", b"1" * 99)),
        b"{}",
    ],
    ids=["list", "deep", "word", "negative", "endless", "part", "yes", "many", "none"],
)
def test_an_agent_whose_head_says_nothing_is_named_and_no_backup_is_made(station: Station, head: bytes) -> None:
    station.put(taken.HEAD, head)
    assert not main.run(station.places)
    assert "does not say how many entries" in main.tell(station.places)["faults"][0]


def test_whatever_it_stops_for_is_told_and_takes_no_good_one_s_place(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.set(keep=1)
    assert main.run(station.places)
    [before] = written.of(station.store, STATION)
    at(monkeypatch, time.time() + 100)
    for why, stops in (("RuntimeError('odd')", RuntimeError("odd")), ("MemoryError()", MemoryError())):
        monkeypatch.setattr(taken, "entries", lambda _, stops=stops: (_ for _ in ()).throw(stops))
        assert not main.run(station.places)
        assert main.tell(station.places)["faults"] == [why]
    monkeypatch.setattr(taken, "entries", lambda _: 0)
    monkeypatch.setattr(place, "LARGEST", 1000)
    assert not main.run(station.places)
    assert "no backup that could be opened again: it is larger than" in main.tell(station.places)["faults"][0]
    assert [*station.store.iterdir()] == [before]


def test_one_of_a_clock_that_was_ahead_is_told_and_pushes_no_other_out(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = []
    for day in range(3):
        at(monkeypatch, 2_800_000_000 + 86_400 * day)
        assert main.run(station.places)
        ahead.append(written.of(station.store, STATION)[-1])
    at(monkeypatch, 1_800_000_000)
    assert "dated in the future: look at this server's clock" in main.tell(station.places)["faults"][0]
    made = []
    for day in range(5):
        at(monkeypatch, 1_800_000_000 + 86_400 * day)
        assert main.run(station.places)
        made.append(Path(main.tell(station.places)["good"]["file"]))
    assert written.of(station.store, STATION) == [*made[-3:], *ahead]
    assert main.tell(station.places)["faults"] == []


def test_an_account_that_is_gone_is_named(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("uid not found: 4711")))
    assert not main.run(station.places)
    assert "belongs to an account that is none" in main.tell(station.places)["faults"][0]


def test_people_of_the_organisation_may_read_what_is_told(station: Station) -> None:
    assert main.run(station.places)
    assert station.places.told.stat().st_mode & 0o777 == 0o644
    assert main.shown(station.places).startswith("last backup ")
    task = yaml.safe_load((ROOT / "roles/station_backup/tasks/main.yml").read_text())[0]["server_part"]
    assert "rights" not in task, "settings and recipients are no secret, and `station status` reads them"
