"""Who is asked for something at a terminal keeps no revocation waiting: the coordinator's lock is taken after it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from base import errors
from tests.werkplaats.verbs.trust.people import NETWORK, People, people
from werkplaats import cli
from werkplaats.operations.coordinator import revocation
from werkplaats.operations.home import locks, vault
from werkplaats.verbs import common

__all__ = ["people"]


@pytest.fixture
def asked(people: People, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What is asked at a terminal from now on, and whether a revocation had to wait for the answer."""
    found = []
    phrase = (people.folder / "passphrase").read_text().strip()

    def waits() -> bool:
        try:
            with locks.Lock(vault.find(NETWORK).folder / "coordinator.lock", "it", "a revocation"):
                return False
        except errors.LockedError:
            return True

    def answered(question: str) -> str:
        found.append((question.strip(), waits()))
        return phrase

    def confirmed(question: str, **_: bool) -> None:
        found.append((question, waits()))

    monkeypatch.delenv(vault.PASSPHRASE_FILE)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(getpass, "getpass", answered)
    monkeypatch.setattr(common, "confirm", confirmed)
    return found


def test_nobody_is_asked_anything_while_a_revocation_would_wait_for_it(
    people: People, request: pytest.FixtureRequest
) -> None:
    """It waited 20 s and was then refused, as long as somebody looked for a passphrase."""
    root, _ = people.published()
    people.approve("ggd")
    people.run("publish", NETWORK)
    asked: list[tuple[str, bool]] = request.getfixturevalue("asked")
    steps: dict[str, Callable[[], object]] = {
        "publish": lambda: people.run("publish", NETWORK),
        "root key": lambda: people.run("root", "key", NETWORK, str(people.folder / "root-d")),
        "root change": lambda: people.run(
            "root", "change", NETWORK, *(word for key in (*root, "root-d") for word in ("--root", _public(people, key)))
        ),
        "root sign": lambda: people.run("root", "sign", NETWORK, "--key", root[0]),
        "approve": lambda: people.approve("ziekenhuis"),
        "revoke": lambda: people.run("revoke", NETWORK, "ggd", "--reason", revocation.HOLD),
        "reinstate": lambda: people.run("reinstate", NETWORK, "ggd"),
        "roll": lambda: people.run("roll", NETWORK),
        "release key": lambda: people.run("release", "key", NETWORK, str(people.folder / "release-d")),
        "backup make": lambda: cli.main(["backup", "make", NETWORK, str(people.folder / "backup")]),
    }
    kept_waiting = []
    for name, step in steps.items():
        asked.clear()
        step()
        assert asked, f"{name}: nobody was asked, so nothing is shown"
        kept_waiting += [f"{name}: {question}" for question, waits in asked if waits]
    assert not kept_waiting


def _public(people: People, key: str) -> str:
    return f"{people.folder / key}.pub"
