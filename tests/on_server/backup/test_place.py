"""What a restore puts where: all of a station but what only its steward says, and never over another's."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
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
    mark = json.loads((fresh / place.MARK).read_bytes())
    assert mark["backup"] == "d"
    assert abs(mark["at"] - time.time()) < 60


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


VAR, ETC = place.VAR, place.ETC
ODD = [
    *(
        "etc/passwd",
        "/etc/shadow",
        f"/{VAR}/state/x",
        f"{ETC}/../passwd",
        "../up",
        f"{VAR}/../x",
        f"{VAR}/state/../../x",
    ),
    *(f"{VAR}/./allowances/q.json", f"{VAR}//state/x", f"{VAR}/state/./x", f"{place.REGISTER}/.", f"{place.KEYS[0]}/."),
    *(f"{ETC}/people/steward", f"{ETC}/networks.d/x.json", f"{ETC}/baseline/sshd.conf", f"{ETC}/backup/recipients"),
    *(f"{VAR}/relayed/x", f"{VAR}/statements/x", VAR, ETC, place.DONE, place.MARK, f"{place.MARK}/x"),
    *(f"{VAR}/state/x\ny", f"{VAR}/state/\x1b[2J", f"{VAR}/data/in/\u202egnp.csv", f"{VAR}/data/in/\udcdc.csv"),
]


def packed(station: Station, *more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A backup with more in it than the server took: whoever has the public key makes one."""
    stream, rows = io.BytesIO(), taken.rows(station.root, data=False)
    written.pack(stream, rows, time.time())
    with gzip.open(io.BytesIO(stream.getvalue())) as kept, io.BytesIO(kept.read()) as whole:
        with tarfile.open(fileobj=whole, mode="a:", format=tarfile.PAX_FORMAT) as tar:
            for about, content in more:
                about.uname = about.gname = rows[0].owner
                tar.addfile(about, io.BytesIO(content))
        return gzip.compress(whole.getvalue())


def member(name: str, content: bytes = b"evil", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    about = tarfile.TarInfo(name)
    about.size, about.type, about.linkname, about.mode = len(content), kind, place.REGISTER, 0o4755
    return about, content


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE], ids=["file", "folder"])
@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_name_that_no_backup_holds_is_refused_before_anything_is_written(
    station: Station, fresh: Path, name: str, kind: bytes
) -> None:
    """What the attack gains: another name for a file that is not put back, or over one that the station began with."""
    content = b"evil" if kind == tarfile.REGTYPE else b""
    with pytest.raises(place.PlaceError, match="belongs in no backup"):
        place.place(fresh, "d", packed(station, member(name, content, kind)), "")
    assert [*fresh.iterdir()] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_and_no_folder_is_refused_likewise(station: Station, fresh: Path, kind: bytes) -> None:
    with pytest.raises(place.PlaceError, match="belongs in no backup"):
        place.place(fresh, "d", packed(station, member(f"{VAR}/state/x", b"", kind)), "")
    assert [*fresh.iterdir()] == []


def test_a_file_that_is_in_it_twice_is_refused(station: Station, fresh: Path) -> None:
    with pytest.raises(place.PlaceError, match="in it twice"):
        place.place(fresh, "d", packed(station, member(place.REGISTER)), "")
    assert [*fresh.iterdir()] == []


def sparse(size: int) -> tuple[tarfile.TarInfo, bytes]:
    about, content = member(f"{VAR}/state/x", b"")
    about.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(size)}
    return about, content


def test_no_file_of_a_few_bytes_becomes_one_of_many(
    station: Station, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to take 1.2 GB of memory for 600 kB."""
    most = 2**20
    for one, why in ((member(f"{VAR}/state/x", bytes(most)), "larger than 1 MB"), (sparse(2**40), "belongs in no")):
        small = packed(station, one)
        assert len(small) < 10_000
        monkeypatch.setattr(place, "LARGEST", most)
        with pytest.raises(place.PlaceError, match=why):
            place.place(fresh, "d", small, "")
    assert [*fresh.iterdir()] == []


def test_whatever_a_reader_of_it_stops_for_is_said_of_the_backup(station: Station) -> None:
    whole = packed(station)
    chained = b"".join(member(f"{n}", bytes(512), tarfile.XHDTYPE)[0].tobuf() + bytes(512) for n in range(3000))
    for odd in (b"", b"none", whole[:-9], whole[:200] + bytes(50) + whole[250:], gzip.compress(b"x" * 600), chained):
        with pytest.raises(place.PlaceError):
            place.opened(odd)
    with pytest.raises(place.PlaceError, match="cannot be read"):
        place.opened(gzip.compress(chained))


def led_away(root: Path, name: str, elsewhere: Path) -> None:
    """Whoever owns the folder around it lays a link there."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).symlink_to(elsewhere)


@pytest.mark.parametrize("checked", [True, False], ids=["before", "meanwhile"])
@pytest.mark.parametrize("name", [f"{VAR}/state/x", f"{VAR}/state", f"{VAR}/allowances", VAR, f"{ETC}/identity", ETC])
def test_no_link_leads_root_elsewhere(
    station: Station, fresh: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, checked: bool
) -> None:
    """What the attack gains: the agent lays a link to /etc where a backup has a folder, and root writes there."""
    station.put(f"{VAR}/state/x/evil.conf", b"evil")
    (station.root / VAR / "state/x").chmod(0o707)
    path, elsewhere = station.backup(), fresh.with_name("elsewhere")
    elsewhere.mkdir(mode=0o755)
    led_away(fresh, name, elsewhere)
    before = sorted(fresh.rglob("*"))
    if not checked:
        monkeypatch.setattr(place, "_require_no_link", lambda *_: None)
    with pytest.raises(place.PlaceError, match=f"/{name}.* there is a link"):
        station.put_back(fresh, path)
    assert ([*elsewhere.iterdir()], elsewhere.stat().st_mode & 0o777) == ([], 0o755)
    assert not checked or sorted(fresh.rglob("*")) == before, "nothing was changed"


@pytest.mark.parametrize("name", [place.REGISTER, *place.KEYS, place.DONE])
def test_a_link_in_place_of_a_file_that_is_looked_at_is_named(station: Station, fresh: Path, name: str) -> None:
    path = station.backup()
    led_away(fresh, name, station.root / name)
    with pytest.raises(place.PlaceError, match="there is a link"):
        station.put_back(fresh, path)


def test_a_mark_that_the_agent_was_given_before_takes_no_restores_place(station: Station, fresh: Path) -> None:
    """What the attack gains: `{"at": -2}` is no restore, and nobody hears that what was answered is forgotten."""
    station.put(place.MARK, b'{"at": -2}')
    assert place.MARK not in {row.name for row in taken.rows(station.root, data=False)}
    station.put_back(fresh, station.backup(), "e" * 64)
    assert json.loads((fresh / place.MARK).read_bytes())["backup"] == "e" * 64


def test_what_holds_nothing_of_a_station_is_told(fresh: Path, tmp_path: Path) -> None:
    with (tmp_path / "tar").open("wb") as stream:
        written.pack(stream, [], time.time())
    with pytest.raises(place.PlaceError, match="nothing of a station"):
        place.place(fresh, "d", (tmp_path / "tar").read_bytes(), "")
