"""Where drills cause and undo: on servers that this machine made, one line of a server at a time."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import errors
from runbooks.drills import place
from werkplaats.operations.bring_up import servers
from werkplaats.operations.reach import remote


class Remotes:
    """Stands for ssh: this machine is each server."""

    def ask(self, _: str, *command: str, seconds: float) -> remote.Done:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        return remote.Done(done.stdout, done.stderr, done.returncode)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> place.Servers:
    monkeypatch.setattr(servers, "makes", lambda _, organisation: organisation == "ggd")
    return place.Servers(cast(Any, SimpleNamespace(name="toets.sandbox")), cast(Any, Remotes()))


def test_an_undoing_waits_for_the_end_of_a_cause_whose_drill_was_killed(at: place.Servers, tmp_path: Path) -> None:
    begun, wrong = tmp_path / "begun", tmp_path / "wrong"
    with ThreadPoolExecutor() as pool:
        cause = pool.submit(at.shell, "ggd", f"touch {begun}; sleep 0.5; touch {wrong}")
        while not begun.exists():
            assert not cause.done()
        at.shell("ggd", f"rm {wrong}")
        cause.result()
    assert not wrong.exists()


def test_a_server_of_somebody_else_is_left_alone(at: place.Servers, tmp_path: Path) -> None:
    with pytest.raises(errors.RefusedError, match="none that this machine makes"):
        at.shell("ziekenhuis", f"touch {tmp_path / 'wrong'}")
    assert not (tmp_path / "wrong").exists()


def test_a_line_that_fails_says_where_and_why(at: place.Servers) -> None:
    with pytest.raises(errors.HalfWayError, match=r"ggd: `echo no; exit 3` ended with 3: no"):
        at.shell("ggd", "echo no; exit 3")
