"""What every verb says of a federation: two look at it, all others refuse it by one rule before they do anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from base import errors
from werkplaats import cli

NAME = "kansrijke-start-oost"
LOOK = {"check": ["check", NAME], "map": ["map", NAME]}
NAME_NO_NETWORK = {"completion"}
OTHERS = {
    "doctor": ["doctor", NAME],
    "plan": ["plan", NAME],
    "accept": ["accept", NAME],
    "up": ["up", NAME, "--yes"],
    "verify": ["verify", NAME],
    "status": ["status", NAME],
    "inventory": ["inventory", NAME],
    "destroy": ["destroy", NAME],
    "session": ["session", NAME],
    "rehearse": ["rehearse", NAME],
    "trust": ["trust", "publish", NAME],
    "trust root": ["trust", "root", "show", NAME],
    "backup": ["backup", "make", NAME, "never-written"],
}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS)
def test_a_federation_is_refused_with_what_works_and_nothing_is_made(
    words: list[str], state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == errors.REFUSED
    told = capsys.readouterr().err
    assert f"{NAME} is a supraregional network" in told
    assert f"`werkplaats check {NAME}` and `werkplaats map {NAME}` work on it today" in told
    assert [*state.iterdir()] == []


@pytest.mark.parametrize("words", LOOK.values(), ids=LOOK)
def test_what_only_looks_works_on_it(words: list[str], state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == errors.DONE
    assert capsys.readouterr().err == ""
    assert [*state.iterdir()] == []


def test_no_verb_is_forgotten() -> None:
    assert {*LOOK, *NAME_NO_NETWORK, *(name.split()[0] for name in OTHERS)} == {*cli.VERBS}
