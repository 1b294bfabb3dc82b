"""What is sent to a server to write what its operator accepted: over what was judged, while nobody else places."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from on_server.follow import instead
from on_server.follow import places as following
from werkplaats.operations.home import places

NETWORK = "proeftuin"
Write = Callable[[str | None, str], int]


@pytest.fixture
def paths(tmp_path: Path) -> following.Paths:
    made = following.Paths(tmp_path)
    made.ran.parent.mkdir(parents=True)
    return made


@pytest.fixture
def write(paths: following.Paths, monkeypatch: pytest.MonkeyPatch) -> Write:
    def run(before: str | None, text: str) -> int:
        given = json.dumps({"before": before, "text": text}).encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        return instead.main([str(paths.accepted(NETWORK)), str(paths.at(places.PLACING))])

    return run


@pytest.mark.parametrize(
    ("there", "before", "lies"),
    [
        (None, None, b"new\n"),
        (b"old\n", "old\n", b"new\n"),
        (b"old\n", "old", b"new\n"),
        (b"\xff\n", "\ufffd", b"new\n"),
        (b"new\n", "old", b"new\n"),
        (b"other\n", "old", b"other\n"),
        (b"other\n", None, b"other\n"),
        (b"", None, b""),
        (None, "old", None),
    ],
)
def test_it_is_written_over_what_was_looked_at_and_over_nothing_else(
    paths: following.Paths, write: Write, there: bytes | None, before: str | None, lies: bytes | None
) -> None:
    file = paths.accepted(NETWORK)
    if there is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(there)
    assert write(before, "new\n") == (0 if lies == b"new\n" else instead.OTHER)
    assert (file.read_bytes() if file.exists() else None) == lies
    assert [path.name for path in file.parent.glob("*")] == ([file.name] if lies is not None else [])
    assert lies is None or there == lies or file.stat().st_mode & 0o777 == 0o644


def test_while_the_follower_places_it_waits(
    paths: following.Paths, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instead, "SECONDS", 0.0)
    with following.lock(paths):
        assert write(None, "new\n") == 1
    assert "the follower is at work on it for too long" in capsys.readouterr().err
    assert not paths.accepted(NETWORK).exists()
    assert write(None, "new\n") == 0


def test_on_a_server_that_nobody_configured_there_is_no_follower_to_wait_for(
    paths: following.Paths, write: Write
) -> None:
    paths.ran.parent.rmdir()
    assert write(None, "new\n") == 0
    assert not paths.ran.parent.exists()
