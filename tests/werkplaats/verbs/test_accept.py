"""`werkplaats accept` before a publication of another root: a yes is not enough, the fingerprint that was told is."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import errors
from werkplaats.operations.bring_up import hand_over
from werkplaats.verbs import accept, named

KEY = "sha256:" + "1" * 64
DIGEST = "sha256:" + "d" * 64
ATTACKED = "WARNING: gerda has another root"


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Whose acceptance was written. The server of gelre accepted another root than that of the publication."""
    written: list[str] = []

    @contextlib.contextmanager
    def opened(*_: str) -> Iterator[Any]:
        yield SimpleNamespace(servers=["gelre"], probe=dict)

    def accept_all(*given: Any) -> dict[str, str]:
        written.extend(given[-1])
        return {}

    vault = SimpleNamespace(lock=opened)
    network = SimpleNamespace(name="gerda", publication=tmp_path, remotes=opened, vault=vault, made_here=False)
    monkeypatch.setattr(hand_over.Applicable, "digest", DIGEST)
    found = hand_over.Applicable(
        SimpleNamespace(root=KEY),  # type: ignore[arg-type]
        waiting={"gelre": [ATTACKED]},
        refused={"gelre": ATTACKED},
        other_root={"gelre"},
    )
    monkeypatch.setattr(named, "look_at", lambda _: network)
    monkeypatch.setattr(hand_over, "applicable", lambda *_, **__: found)
    monkeypatch.setattr(hand_over, "accept", accept_all)
    return written


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    accept.arguments(parser)
    return accept.run(parser.parse_args(["gerda", "--yes", *words]))


@pytest.mark.parametrize("words", [[], ["--root", "sha256:" + "2" * 64], ["--root", ""]], ids=str)
def test_another_root_is_not_accepted_by_a_yes(
    accepted: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = r"(is not of the root that gelre accepted; .*--root|is of another root than (sha256:2+)?, which was told)"
    with pytest.raises(errors.AcceptanceError, match=told) as refused:
        run(*words)
    assert accepted == []
    assert ATTACKED in (shown := capsys.readouterr().out), "what would change is shown before it is refused"
    assert KEY not in f"{shown}{refused.value}", "who is shown it gives it, and has compared nothing"


def test_another_root_is_accepted_by_the_fingerprint_that_was_told(accepted: list[str]) -> None:
    assert run("--root", KEY) == errors.DONE
    assert accepted == ["gelre"]


def test_a_server_of_which_another_identity_is_published_is_named_and_the_exit_code_says_that_it_was_left_out(
    accepted: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "WARNING: the identity of gelre in publication 2 is SHA256:A"
    found = hand_over.Applicable(SimpleNamespace(root=KEY), refused={"gelre": why})  # type: ignore[arg-type]
    monkeypatch.setattr(hand_over, "applicable", lambda *_, **__: found)
    assert run() == errors.HALF_WAY
    assert f"left out: gelre: {why}" in capsys.readouterr().out
    assert accepted == []


def test_another_root_would_be_accepted_by_a_yes_where_no_fingerprint_is_asked_for(
    accepted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defence off."""
    monkeypatch.setattr(hand_over, "require_root", lambda *_: None)
    assert run() == errors.DONE
    assert accepted == ["gelre"]


@pytest.fixture
def first(accepted: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose acceptance was written, where nothing was accepted before."""
    found = hand_over.Applicable(
        SimpleNamespace(root=KEY),  # type: ignore[arg-type]
        waiting={"gelre": ["the root of gerda is"]},
        applies={"sensire": ["Zutphen leaves"]},
        first_root={"gelre"},
    )
    monkeypatch.setattr(hand_over, "applicable", lambda *_, **__: found)
    return accepted


def test_the_first_root_is_not_accepted_by_a_yes_either(first: list[str]) -> None:
    """Whoever relays the first publication can have made its root: a script with `--yes` accepted it unseen."""
    with pytest.raises(errors.AcceptanceError, match=r"is of a root that is new to gelre; .*--root") as refused:
        run()
    assert first == []
    assert KEY not in str(refused.value)
    assert run("--root", KEY) == errors.DONE
    assert first == ["gelre"]


def test_where_a_network_is_made_here_its_root_is_known(first: list[str]) -> None:
    named.look_at(argparse.Namespace()).made_here = True  # type: ignore[misc]
    assert run() == errors.DONE
    assert first == ["gelre"]


def test_what_applies_by_itself_and_the_digest_are_shown(first: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run("--root", KEY)
    out = capsys.readouterr().out
    assert "applies by itself at the next up: sensire:\n  Zutphen leaves\n" in out
    assert f"digest of what is accepted: {DIGEST};" in out
    assert run("--root", KEY, "--json") == errors.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["digest"], told["applies"]) == (DIGEST, {"sensire": ["Zutphen leaves"]})
    assert first == ["gelre", "gelre"]
