"""What is asked of a server in an incident: whoever does not answer is not waited for twice."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from on_server.incident import look


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where the agent listens."""
    monkeypatch.setattr(look, "CONTROL", str(tmp_path / "agent.sock"))
    monkeypatch.setattr(look, "SECONDS", 0.3)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(look.CONTROL)
        listening.listen()
        yield listening


def test_an_agent_that_hangs_is_called_once(control: socket.socket) -> None:
    """A look took as long as a word on all links may take, of an agent that says nothing at all."""
    status, links = look.agents()
    assert status == links == {"answers": "hangs", "document": {}}
    control.settimeout(0.1)
    control.accept()
    with pytest.raises(TimeoutError):
        control.accept()


def test_an_agent_that_answers_is_asked_for_both(control: socket.socket) -> None:
    def answer() -> None:
        for _ in range(2):
            call, _ = control.accept()
            with call:
                asked = json.loads(call.makefile("rb").readline())
                call.sendall(json.dumps({"done": True, "said": asked["verb"]}).encode() + b"\n")

    threading.Thread(target=answer, daemon=True).start()
    assert [one["document"] for one in look.agents()] == [{"said": "status"}, {"said": "links"}]
