"""`status` never says well when something has ended; the calendar is shown, as a document and for agendas."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from base import canonical
from network_topology import load, model
from tests.harness import coordinator as harness
from tests.publication.published import RELEASES
from werkplaats import cli
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import revocation
from werkplaats.operations.home import networks, vault

DAY = datetime.timedelta(days=1)


class Kept:
    """A coordinator's home with a publication, and no server of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, network = folder / "home", "gerda"
        (self.home / "publications").mkdir(parents=True)
        shutil.copytree(harness.NETWORKS / network, self.home / "networks" / network)
        definition = load.find(network, self.home / "networks")
        own = harness.founded(folder, definition)
        shutil.move(folder / "inventories", self.home / "inventories")
        own.records.folder = self.home / "inventories" / network
        own.vault = vault.Vault(network, folder / "state" / "werkplaats" / network)
        own.vault.make_passphrase()
        own.records.folder.mkdir(parents=True, exist_ok=True)
        (own.records.folder / "servers.yml").write_text("{}\n")
        self.own = own
        self.place = self.home / "publications" / network

    def publish(self, ago: int = 0, asked: Mapping[str, model.Question] | None = None) -> None:
        moment = canonical.now() - ago * DAY
        publishing.publish(self.place, self.own.definition, RELEASES, self.own.authority, moment, asked)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "inventories").mkdir()
    found = Kept(tmp_path)
    monkeypatch.setenv("WERKPLAATS_HOME", str(found.home))
    return found


def test_the_whole_calendar_is_shown_and_written_for_programs_and_agendas(
    kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.own.approve("gelre")
    kept.publish()
    assert cli.main(["status", "gerda", "--calendar"]) == 0
    shown = capsys.readouterr().out
    assert "certificate of gelre; from " in shown
    assert "question griep-hotspots; from " in shown
    assert "CA of gerda; from " in shown
    assert cli.main(["status", "gerda", "--calendar", "--json", "--ics", str(tmp_path / "gerda.ics")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(shown.splitlines())
    assert {row["state"] for row in rows} == {"later"}
    assert (tmp_path / "gerda.ics").read_bytes().count(b"BEGIN:VEVENT\r\n") == len(rows)


def test_what_is_due_is_told_and_is_no_fault_and_what_has_ended_is_one(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question that was over, an agreement that had lapsed: `status` called all of it well."""
    kept.publish(ago=31)
    assert cli.main(["status", "gerda"]) == 0
    assert "due    " in capsys.readouterr().out
    questions = kept.home / "networks" / "gerda" / "questions"
    name, one = next(iter(networks.find("gerda", kept.home).questions.items()))
    shutil.rmtree(questions)
    yesterday = datetime.date.today() - DAY
    term = one.term.model_copy(update={"until": yesterday})
    kept.publish(asked={name: one.model_copy(update={"term": term})})
    assert cli.main(["status", "gerda"]) == 1
    assert f"ended  {yesterday}       question {name}; too late" in capsys.readouterr().out


def test_what_was_revoked_and_is_not_published_is_told(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of `trust revoke` that was killed leaves such, and nothing said so."""
    kept.own.approve("gelre")
    kept.publish()
    revocation.withdraw(kept.own.authority, "gelre", "keyCompromise")
    assert cli.main(["status", "gerda"]) == 1
    assert "1 revoked certificates are not published: werkplaats trust publish gerda" in capsys.readouterr().err
    kept.publish()
    assert cli.main(["status", "gerda"]) == 0


def test_a_list_that_has_ended_is_not_well(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.publish(ago=91)
    assert cli.main(["status", "gerda"]) == 1
    assert "timestamp was good until" in capsys.readouterr().err


def test_watching_looks_until_it_is_interrupted_and_ends_with_the_last_code(
    kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.publish()
    waited = list[float]()

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 1:
            raise KeyboardInterrupt
        (kept.place / "metadata/timestamp.json").write_text("{}")

    monkeypatch.setattr("werkplaats.operations.look.watch.time.sleep", wait)
    assert cli.main(["status", "gerda", "--watch", "7", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["exit"], second["exit"]) == (0, 1)
    assert {one["organisation"] for one in first["status"]} == {one["organisation"] for one in second["status"]}
    assert waited == [7, 7]


@pytest.mark.parametrize("words", [["--watch", "1"], ["--watch", "99999"], ["--watch", "--calendar"]])
def test_what_cannot_be_watched_is_refused(kept: Kept, words: list[str]) -> None:
    kept.publish()
    assert cli.main(["status", "gerda", *words]) == 2
