"""What every verb says of a federation: some look at it, some work on its twin, and all others refuse it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from base import errors
from werkplaats import cli
from werkplaats.verbs import common

NAME = "kansrijke-start-oost"
LOOK = {
    "check": (["check", NAME], errors.DONE),
    "map": (["map", NAME], errors.DONE),
    "status": (["status", NAME], errors.FOUND),
}
ON_SERVERS = {"accept": ["accept", NAME], "verify": ["verify", NAME]}
NEED_NO_DEFINITION = {"backup", "completion", "join", "release"}
OTHERS = {
    "doctor": ["doctor", NAME],
    "plan": ["plan", NAME],
    "up": ["up", NAME, "--yes"],
    "drill": ["drill", NAME],
    "inventory": ["inventory", NAME],
    "destroy": ["destroy", NAME],
    "incident diagnose": ["incident", "diagnose", NAME],
    "incident report": ["incident", "report", NAME],
    "incident run": ["incident", "run", NAME, "station-down"],
    "package": ["package", "make", NAME, "--to", "there"],
    "session": ["session", NAME],
    "rehearse": ["rehearse", NAME],
    "trust request": ["trust", "request", NAME],
    "trust roll": ["trust", "roll", NAME, "--yes"],
    "upgrade start": ["upgrade", "start", NAME, "--to", "1.1.0", "--yes"],
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
    assert (
        f"`trust root`, `publish`, `revoke` and `reinstate` work on {NAME}, and `up`, `rehearse` and `destroy`" in told
    )
    assert f"on its twin {NAME}.sandbox; for all else name one of its members" in told
    assert [*state.iterdir()] == []


@pytest.mark.parametrize(("words", "code"), LOOK.values(), ids=LOOK)
def test_what_only_looks_works_on_it(
    words: list[str], code: int, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == code
    assert capsys.readouterr().err == ""
    assert [*state.iterdir()] == []


@pytest.mark.parametrize("words", ON_SERVERS.values(), ids=ON_SERVERS)
def test_what_it_does_on_servers_it_does_where_those_of_a_member_are(
    words: list[str], state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == errors.WRONG_USE
    assert f"no server of this operator takes part in {NAME}" in capsys.readouterr().err
    assert [*state.iterdir()] == []


def test_its_twin_goes_as_a_whole(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["up"], ["up", "--all-steps", "--only", "salland-united"], ["destroy", "--only", "salland-united"]):
        assert cli.main([words[0], f"{NAME}.sandbox", "--yes", *words[1:]]) == errors.WRONG_USE
        assert "goes as a whole" in capsys.readouterr().err
    assert [*state.iterdir()] == []


def test_only_who_takes_part_accepts_it(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["accept", NAME, "--only", "gerda"]) == errors.WRONG_USE
    assert f"{NAME} has no member or organisation 'gerda'" in capsys.readouterr().err
    assert [*state.iterdir()] == []


def test_there_is_nothing_to_back_up(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["backup", "make", NAME, "never-written"]) == errors.WRONG_USE
    assert f"{NAME} has neither vault nor inventory here" in capsys.readouterr().err
    assert not (state / "never-written").exists()


def test_a_shell_completes_networks_and_their_twins() -> None:
    action = argparse.ArgumentParser().add_argument("network")
    common.complete_networks(action)
    found = action.completer(argparse.Namespace(home=None))  # type: ignore[attr-defined]
    assert {"gerda", "gerda.sandbox", NAME, f"{NAME}.sandbox"} <= {*found}


def test_no_verb_is_forgotten() -> None:
    assert {*LOOK, *ON_SERVERS, *NEED_NO_DEFINITION, *(name.split()[0] for name in OTHERS)} == {*cli.VERBS}
