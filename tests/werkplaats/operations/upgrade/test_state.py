"""What is kept of an upgrade, and what may take the place of what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from base import errors
from network_topology import model
from tests.publication.published import release
from werkplaats.operations.home import vault
from werkplaats.operations.upgrade import machine, preflight, state
from werkplaats.operations.upgrade.failure import REMEDIES, Code, Failure


def of(name: str, image: str, *earlier: str) -> model.Release:
    found = model.Release.model_validate({**release(name, image), "protocols": (2,)})
    return found.model_copy(update={"may_upgrade_from": earlier})


OLD, NEW, NEWEST = of("1.0.0", "1"), of("1.1.0", "2", "1.0.0"), of("1.2.0", "3", "1.1.0")


def upgrade(**update: object) -> state.Upgrade:
    return state.Upgrade(
        network="proeftuin",
        number=1,
        to=NEW,
        earlier=OLD,
        waves=(("huisartsen",), ("ggd",)),
        stations={"huisartsen": state.Station(), "ggd": state.Station()},
        drain_seconds=600,
        phase=state.Phase.RUNNING,
        began="2026-11-30T06:00:00Z",
        changed="2026-11-30T06:00:00Z",
    ).model_copy(update=update)


@pytest.fixture
def store(tmp_path: Path) -> state.Store:
    return state.Store(vault.Vault("proeftuin", tmp_path / "vault"))


def test_what_is_kept_comes_back(store: state.Store) -> None:
    assert store.load() is None
    failure = Failure(code=Code.CANARY, organisation="ggd", text="thuiszorg: went away")
    kept = upgrade().at("ggd", state.Step.DRAINS).at("huisartsen", state.Step.MOVED, 3.14159)
    kept = store.save(kept.now(state.Phase.PAUSED, failure))
    assert store.load() == kept
    assert kept.stations["huisartsen"].seconds == 3.14
    assert kept.at("huisartsen", state.Step.WAITS).stations["huisartsen"].seconds == 3.14, "how long it took is kept"


HOLDER = """
import sys
from pathlib import Path
from werkplaats.operations.home import vault
from werkplaats.operations.upgrade import state
kept = vault.Vault("proeftuin", Path(sys.argv[1]))
store = state.Store(kept)
with kept.lock(sys.argv[2]):
    if sys.argv[2] == "upgrade start":
        store.save(store.load().now(state.Phase.RUNNING))
    print(store.load().phase, flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path, purpose: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", HOLDER, str(folder), purpose]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_was_killed_is_never_said_to_run(store: state.Store, tmp_path: Path) -> None:
    """Nor while somebody else holds the network's lock, or whoever goes on with it begins."""
    folder = tmp_path / "vault"
    store.save(upgrade())
    assert store.load() == upgrade(phase=state.Phase.ENDED)
    with holder(folder, "upgrade start") as process:
        assert process.stdout
        assert process.stdout.readline() == "running\n"
        assert (found := store.load())
        assert found.phase is state.Phase.RUNNING
        process.kill()
    assert (found := store.load())
    assert found.phase is state.Phase.ENDED
    store.save(upgrade())
    with holder(folder, "up") as process:
        assert process.stdout
        assert process.stdout.readline() == "ended from outside\n"
        assert (found := store.load())
        assert found.phase is state.Phase.ENDED
        process.kill()


def test_what_cannot_be_read_is_said_with_its_place(store: state.Store, tmp_path: Path) -> None:
    store.save(upgrade())
    (tmp_path / "vault" / state.FILE).write_text('{"network": 1}')
    with pytest.raises(errors.HalfWayError, match=r"upgrade.json cannot be read: .*; remove it, and start"):
        store.load()


def test_a_pause_is_asked_for_until_somebody_goes_on(store: state.Store) -> None:
    store.ask_to_pause()
    assert store.pause_is_asked
    store.goes_on()
    store.goes_on()
    assert not store.pause_is_asked


def test_who_goes_back_already_is_not_told_to() -> None:
    with pytest.raises(errors.RefusedError, match=r"werkplaats upgrade resume proeftuin \| abort$"):
        machine.require_over(upgrade(phase=state.Phase.PAUSED, back=True))


@pytest.mark.parametrize("phase", [state.Phase.ENDED, state.Phase.PAUSED])
def test_none_begins_before_the_last_one_is_over(phase: state.Phase) -> None:
    with pytest.raises(errors.RefusedError, match=f"to release 1.1.0 is {phase}; werkplaats upgrade resume proeftuin"):
        machine.require_over(upgrade(phase=phase))
    machine.require_over(None)
    machine.require_over(upgrade(phase=state.Phase.DONE))
    machine.require_over(upgrade(phase=state.Phase.ABORTED))


def test_every_code_has_a_remedy_that_can_be_filled_in() -> None:
    assert {*REMEDIES} == {*Code}
    for code in Code:
        line = Failure(code=code, organisation="ggd", text="why").line("proeftuin")
        assert line.startswith(f"ggd: why ({code}); ")
        assert "{" not in line


def test_a_release_takes_the_place_of_those_that_it_names_and_they_its_place() -> None:
    known = (OLD, NEW, NEWEST)
    assert preflight.jump(NEW, [OLD], known) == []
    assert preflight.jump(OLD, [NEW], [], back=True) == []
    (refused,) = preflight.jump(OLD, [NEW], known)
    assert refused.text.startswith("release 1.0.0 does not say that it may take the place of 1.1.0"), "no way forward"
    (refused,) = preflight.jump(OLD, [NEWEST], [], back=True)
    assert refused.code is Code.JUMP
    assert preflight.jump(NEW, [NEW], known) == []
    (refused,) = preflight.jump(NEWEST, [OLD], known)
    assert refused.code is Code.JUMP
    assert refused.text == (
        "release 1.2.0 does not say that it may take the place of 1.0.0; by way of 1.1.0, then 1.2.0"
    )
    (refused,) = preflight.jump(OLD, [NEWEST], known)
    assert refused.text == "release 1.0.0 does not say that it may take the place of 1.2.0"
