"""The note of a run that ended well: whole or not there, and worth nothing for another program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stacks import drive, settled
from stacks.engine import install

NOTE = settled.Settled("plan", "program", "state", ("ggd",), ("abc",))


def test_a_note_is_read_as_it_was_written_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    assert settled.read(path) is None
    settled.write(path, NOTE)
    assert settled.read(path) == NOTE
    path.write_text(path.read_text()[:-4])
    assert settled.read(path) is None


def test_another_engine_or_program_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settled.program("1")
    assert before == settled.program("1") != settled.program("2")
    (tmp_path / "program.py").write_text("")
    monkeypatch.setattr(settled, "SOURCES", tmp_path)
    assert settled.program("1") != before


class NoEngine(drive.Stack):
    """A stack whose engine must not be started: to need it fails the test."""

    @property
    def _stack(self) -> Any:
        raise AssertionError("the engine was started")


@pytest.fixture
def stack(tmp_path: Path) -> NoEngine:
    made: Any = NoEngine(
        project="p",
        program=lambda _: None,
        plan=lambda known: settled.Settled("declared", "", "", tuple(sorted(known)), ()),
        state=tmp_path,
        engine=install.Engine(Path("/engine-1"), "build"),
    )
    checkpoint = tmp_path / ".pulumi" / "stacks" / "p" / "network.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text('{"version": 3, "checkpoint": {}}')
    made._planned(["ggd"])
    plan = settled.digest((tmp_path / "plan.json").read_bytes())
    state = settled.digest(checkpoint.read_bytes())
    note = settled.Settled(plan, settled.program("engine-1"), state, ("ggd",), ("abc",))
    settled.write(tmp_path / drive.SETTLED, note)
    return made  # type: ignore[no-any-return]


def test_a_run_that_would_change_nothing_starts_no_engine(stack: NoEngine) -> None:
    stack.recover(print)
    assert stack.identifiers() == {"abc"}
    assert stack.forget_others(["ggd", "ziekenhuis"]) == []
    assert stack.up(print) == drive.Outcome(())


@pytest.mark.parametrize(
    "changed", ["drift", "plan", "who is left out", "program", "the state, by hand", "a killed run", "another backend"]
)
def test_whatever_may_have_changed_starts_the_engine(
    stack: NoEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    note = settled.read(tmp_path / drive.SETTLED)
    assert note is not None
    if changed == "plan":
        stack._plan = lambda _: settled.Settled("declared otherwise", "", "", (), ())
    elif changed == "program":
        settled.write(tmp_path / drive.SETTLED, dataclasses.replace(note, program="other"))
    elif changed == "the state, by hand":
        (tmp_path / ".pulumi" / "stacks" / "p" / "network.json").write_text(
            '{"version": 3, "checkpoint": {"latest": {}}}'
        )
    elif changed == "a killed run":
        stack._unsettle()
    elif changed == "another backend":
        monkeypatch.setenv(drive.BACKEND, "file:///elsewhere")
    with pytest.raises(AssertionError, match="the engine was started"):
        stack.up(
            print,
            drifted=["ggd"] if changed == "drift" else [],
            leave_out=["ziekenhuis"] if changed == "who is left out" else [],
        )
