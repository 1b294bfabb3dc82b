"""`incident`: what it prints, what it refuses before it looks at any server, and what it says of a record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from base import errors
from runbooks.framework import found, record
from werkplaats import cli
from werkplaats.operations.home import vault


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records of gerda lie."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return vault.find("gerda").folder / record.FOLDER


def test_it_lists_every_incident_with_what_its_runbook_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["incident", "list"]) == errors.DONE
    told = capsys.readouterr().out
    assert all(f"  {one.name} " in told and one.costs in told for one in found.every())
    cli.main(["incident", "list", "--json"])
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == found.names()


def test_it_shows_one_in_either_language(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["incident", "show", "gateway-down"])
    assert "## Who decides" in capsys.readouterr().out
    cli.main(["incident", "show", "gateway-down", "--nl"])
    assert "## Wie beslist" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", "flood"], "there is no incident 'flood'"),
        (["run", "gerda", "flood"], "there is no incident 'flood'"),
        (["run", "gerda", "gateway-down", "--target", "gelre", "--execute"], "--reason is missing"),
        (["run", "gerda", "gateway-down", "--target", "gelre", "--execute", "--reason", " "], "--reason is missing"),
        (["run", "gerda", "gateway-down", "--target", "gelre", "--execute", "--reason", "x" * 1001], "shorten it"),
        (["run", "gerda", "gateway-down", "--target", "nobody"], "has no organisation 'nobody'"),
        (["run", "gerda", "partition", "--target", "gelre"], "name both ends"),
        (["run", "gerda", "gateway-down", "--target", "gelre:ggd-nog"], "name one organisation"),
        (["run", "gerda", "partition", "--target", "ggnet:slingeland"], "no link from ggnet to slingeland"),
        (["run", "gerda", "partition", "--target", "ggd-nog:yunio"], "from here: ggd-nog:gelre, ggd-nog:sensire, "),
        (["run", "gerda", "partition", "--target", "gelre:ggd-nog"], "is tried by another operator's server"),
        (["report", "gerda", "20270104T030000Z-flood"], "there is no record"),
        (["report", "gerda", "../../secret"], "there is no record"),
    ],
)
def test_wrong_words_are_told_of_before_anything_is_looked_at(
    words: list[str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["incident", *words]) == errors.WRONG_USE
    assert told in capsys.readouterr().err
    assert not folder.exists()


def test_a_record_is_listed_and_printed_and_one_that_was_altered_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["incident", "report", "gerda"]) == errors.DONE
    assert "no incident is recorded" in capsys.readouterr().out
    made = record.begin(folder, "gerda", "gateway-down", "gelre")
    made.add(record.ENDED, outcome="healed")
    cli.main(["incident", "report", "gerda"])
    assert f"{made.id}: gateway-down of gelre, healed" in capsys.readouterr().out
    cli.main(["incident", "report", "gerda", made.id])
    assert made.head in capsys.readouterr().out
    with made.path.open("ab") as file:
        file.write(b'{"at":"20')  # as one that a run is writing at this moment
    before = made.path.read_bytes()
    other = record.begin(folder, "gerda", "disk-full", "yunio")
    made.path.write_bytes(before.replace(b"gelre", b"ggdxx", 1))
    for words in (["report", "gerda", made.id], ["report", "gerda"]):
        assert cli.main(["incident", *words]) == errors.REFUSED
        told = capsys.readouterr()
        assert "is not as it was written" in told.err
        assert (f"{other.id}: disk-full of yunio, goes on" in told.out) == (made.id not in words)


def test_who_signed_is_asked_of_a_file_of_allowed_signers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = record.begin(folder, "gerda", "gateway-down", "gelre")
    (tmp_path / "allowed").touch()
    assert cli.main(["incident", "report", "gerda", made.id, f"--allowed-signers={tmp_path / 'allowed'}"]) == 3
    assert "is not signed" in capsys.readouterr().err
