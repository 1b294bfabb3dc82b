"""A newer suite tells once what breaks, before it changes a network on which an older one worked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from base import errors
from werkplaats import VERSION, cli
from werkplaats.operations.home import changelog, gate, vault

TEXT = """# Changelog

## 1.1.0 (2027-02-01)

- **Breaking:** the folder moved. This only affects you if you back it up: take the new one.

## 1.0.0 (2027-01-01)

- The first.
"""


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The note in the vault of gerda, of which suite 1.0.0 changed something."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "CHANGELOG.md").write_text(TEXT)
    monkeypatch.setattr(changelog, "PATH", tmp_path / "CHANGELOG.md")
    vault.find("gerda")
    gate.remember("gerda", now="1.0.0")
    return vault.folder_of("gerda") / gate.NOTE


def test_what_changes_something_stops_until_it_is_acknowledged_and_then_never_again(note: Path) -> None:
    with pytest.raises(errors.RefusedError) as refused:
        gate.pass_by("gerda", None, changes=True, now="1.1.0")
    assert "1.1.0: the folder moved. This only affects you if you back it up: take the new one." in str(refused.value)
    assert "werkplaats --acknowledge 1.1.0" in refused.value.remedy
    with pytest.raises(errors.RefusedError):
        gate.pass_by("gerda", "1.0.0", changes=True, now="1.1.0")
    assert json.loads(note.read_text()) == {"version": "1.0.0"}
    gate.pass_by("gerda", "1.1.0", changes=True, now="1.1.0")
    gate.pass_by("gerda", None, changes=True, now="1.1.0")
    assert json.loads(note.read_text()) == {"version": "1.1.0"}
    assert note.stat().st_mode & 0o777 == 0o600


def test_what_only_looks_goes_on_with_one_line(note: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate.pass_by("gerda", None, changes=False, now="1.1.0")
    assert capsys.readouterr().err.splitlines() == [
        "note: suite 1.0.0 changed gerda last, and 1.1.0 has 1 breaking changes since: the first verb that changes "
        "something stops for them"
    ]
    assert json.loads(note.read_text()) == {"version": "1.0.0"}


def test_nothing_stops_where_nothing_breaks_or_nobody_worked_before(note: Path) -> None:
    gate.pass_by("gerda", None, changes=True, now="1.0.1")
    gate.pass_by("another", None, changes=True, now="1.1.0")
    gate.remember("another", now="1.1.0")
    assert not vault.folder_of("another").exists()
    gate.remember("gerda", now="0.9.0")
    assert json.loads(note.read_text()) == {"version": "1.0.0"}, "an older suite is not remembered"


@pytest.mark.parametrize("text", ["", "{}", '{"version": 3}', '{"version": "x"}'])
def test_a_damaged_note_stops_what_changes_something(note: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    note.write_text(text)
    with pytest.raises(errors.VaultError, match=r"suite\.json does not say which version"):
        gate.pass_by("gerda", None, changes=True)
    gate.pass_by("gerda", None, changes=False)
    assert "suite.json does not say which version" in capsys.readouterr().err


def test_the_command_stops_before_it_changes_and_remembers_what_changed(
    note: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The version that runs is the newest there is, whatever the changelog of the test says."""
    version = VERSION
    note.write_text(json.dumps({"version": "0.9.0"}))
    text = TEXT.replace("1.1.0", version).replace("1.0.0 (2027-01", "0.9.0 (2027-01")
    changelog.PATH.write_text(text)
    assert cli.main(["trust", "publish", "gerda"]) == errors.REFUSED
    assert "the folder moved" in capsys.readouterr().err
    assert cli.main(["plan", "gerda", "--steps"]) == errors.DONE
    assert capsys.readouterr().err.startswith(f"note: suite 0.9.0 changed gerda last, and {version}")
    cli.main(["--acknowledge", version, "trust", "publish", "gerda"])
    assert json.loads(note.read_text()) == {"version": version}


def test_a_verb_that_was_refused_changed_nothing_to_be_remembered(note: Path) -> None:
    note.write_text(json.dumps({"version": "0.9.0"}))
    assert cli.main(["trust", "approve", "gerda", "gelre", "--fingerprint", "SHA256:x"]) == errors.REFUSED
    assert gate.last("gerda") == "0.9.0"


def test_every_verb_that_changes_is_a_verb_and_brakes_wait_for_nothing() -> None:
    assert {*cli.CHANGING} <= {*cli.VERBS}
    assert {"revoke", "enforce", "rollback"} <= {*cli.LET_BY}
