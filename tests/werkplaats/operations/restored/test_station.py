"""A station's backup at its operator: whole, this station's, opened by the organisation's key, or nothing at all."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from base import errors
from on_server.backup import place
from tests.on_server.backup.station import STATION, Station
from werkplaats.operations.restored import station as stations


@pytest.fixture
def made(tmp_path: Path) -> Station:
    return Station.make(tmp_path)


def opened(made: Station, sealed: bytes, key: Path | None = None, station: str = STATION) -> stations.StationBackup:
    return stations.opened(sealed, key or made.key, station, "kept.age")


def sealed_again(made: Station, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> bytes:
    """A backup put together otherwise, by somebody who has the public key: everybody may."""
    with tarfile.open(fileobj=io.BytesIO(made.packed(made.backup())), mode="r:gz") as tar:
        rows = [(one, (tar.extractfile(one) or io.BytesIO()).read() if one.isreg() else b"") for one in tar]
    change(rows)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for one, content in rows:
            one.size = len(content)
            tar.addfile(one, io.BytesIO(content))
    public = made.places.recipients
    command = ["age", "--encrypt", "--recipients-file", str(public)]
    return subprocess.run(command, check=True, capture_output=True, input=packed.getvalue()).stdout


def test_what_is_in_it_is_told_and_no_secret_of_it(made: Station) -> None:
    found = opened(made, made.backup().read_bytes())
    text = "\n".join(found.summary())
    assert "gerda.gelre, of " in text
    assert "its register up to entry 2; without data and results" in text
    assert "allowances in it, which its steward gives anew: gerda~griep" in text
    assert "peers that were cut off by then: gerda.sensire" in text
    assert "the statement key" not in text
    assert found.lacks == []
    assert "takes part in no question" in "\n".join(found.after("gelre"))


def test_another_key_another_station_and_what_is_none_are_refused(made: Station, tmp_path: Path) -> None:
    sealed = made.backup().read_bytes()
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "--output", str(other)], check=True, capture_output=True)
    with pytest.raises(errors.VaultError, match="does not open"):
        opened(made, sealed, other)
    with pytest.raises(errors.VaultError, match=r"is a backup of gerda\.gelre, not of gerda\.sensire"):
        opened(made, sealed, station="gerda.sensire")
    with pytest.raises(errors.VaultError, match="does not open"):
        opened(made, b"no backup")
    with pytest.raises(errors.UsageError, match="is not there"):
        opened(made, sealed, tmp_path / "nowhere")


@pytest.mark.parametrize("part", [0.2, 0.5, 0.99])
def test_one_that_was_cut_short_or_edited_opens_not_at_all(made: Station, part: float) -> None:
    sealed = made.backup().read_bytes()
    place = int(len(sealed) * part)
    for bad in (sealed[:place], sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]):
        with pytest.raises(errors.VaultError):
            opened(made, bad)


def _drop_manifest(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    rows.pop()


def _drop_register(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    rows[:] = [row for row in rows if not row[0].name.endswith("register.jsonl")]


def _change_register(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    rows[:] = [(one, b"{}\n" if one.name.endswith("register.jsonl") else data) for one, data in rows]


def _add(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    rows.insert(0, (tarfile.TarInfo("etc/werkplaats/people/steward"), b"keys of somebody"))


def _twice(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    first = next(row for row in rows if row[0].isreg())
    rows.insert(0, first)


def _other_format(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    about, text = rows[-1]
    said: dict[str, Any] = json.loads(text)
    rows[-1] = (about, json.dumps({**said, "format": 2}).encode())


def _named(name: str) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    """One more file, which the list names too."""

    def change(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        about, text = rows[-1]
        said: dict[str, Any] = json.loads(text)
        said["files"][name] = hashlib.sha256(b"evil").hexdigest()
        rows[-1:] = [(tarfile.TarInfo(name), b"evil"), (about, json.dumps(said).encode())]

    return change


@pytest.mark.parametrize(
    "name",
    [
        *("var/lib/werkplaats/./allowances/gerda~griep.json", f"{place.REGISTER}/.", place.MARK, "etc/passwd"),
        *("var/lib/werkplaats/allowances/x~q\npeers that were cut off by then: none.json", "etc/werkplaats/people/x"),
    ],
)
def test_one_with_a_name_that_no_backup_holds_is_none(made: Station, name: str) -> None:
    """What the attack gains: an operator is told that there are no allowances in it, or a line of somebody else's."""
    fine = "var/lib/werkplaats/allowances/gerda~other.json"
    assert "gerda~other" in opened(made, sealed_again(made, _named(fine))).allowed
    with pytest.raises(errors.VaultError, match="belongs in no backup"):
        opened(made, sealed_again(made, _named(name)))


def test_one_that_unpacks_to_more_than_one_holds_is_none(made: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to take 1.2 GB of the operator's memory for 600 kB."""

    def bomb(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        rows[0] = (tarfile.TarInfo(rows[0][0].name), bytes(64 * 2**20))

    sealed = sealed_again(made, bomb)
    monkeypatch.setattr(place, "LARGEST", 2**20)
    tracemalloc.start()
    with pytest.raises(errors.VaultError, match="larger than 1 MB unpacked"):
        opened(made, sealed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize("change", [_drop_manifest, _drop_register, _change_register, _add, _twice, _other_format])
def test_one_whose_files_are_not_those_that_it_lists_is_none(
    made: Station, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]
) -> None:
    assert opened(made, sealed_again(made, lambda _: None)).manifest.entries == 2
    with pytest.raises(errors.VaultError, match="no whole backup"):
        opened(made, sealed_again(made, change))


def test_one_that_ends_before_its_list_is_said_to_be_cut_short(made: Station) -> None:
    with pytest.raises(errors.VaultError, match="it is cut short"):
        opened(made, sealed_again(made, _drop_manifest))


def test_one_without_keys_says_what_it_lacks(made: Station) -> None:
    (made.root / place.KEYS[0]).unlink()
    assert opened(made, made.backup().read_bytes()).lacks == [f"/{place.KEYS[0]}"]


def test_what_is_left_everybody_who_has_the_public_key_can_make_one(made: Station) -> None:
    """It is encrypted and not signed: a server has no key that its organisation could know it by, once it is taken."""

    def other(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        about, text = rows[-1]
        said: dict[str, Any] = json.loads(text)
        said["files"]["etc/werkplaats/accepted/gerda.json"] = hashlib.sha256(b"another").hexdigest()
        changed = [(one, b"another" if one.name.endswith("accepted/gerda.json") else data) for one, data in rows]
        rows[:] = [*changed[:-1], (about, json.dumps(said).encode())]

    assert opened(made, sealed_again(made, other)).manifest.station == STATION
