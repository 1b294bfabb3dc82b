"""What runs as root on a server in an incident: nobody there makes it wait, fill the memory, or see what is not so."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from on_server.incident import look
from tests.harness.stations import wait_until

LIMIT = 0.5


def drips(call: socket.socket) -> None:
    """A byte at a time, always in time."""
    while True:
        call.sendall(b"x")
        time.sleep(LIMIT / 10)


def streams(call: socket.socket) -> None:
    """A line without an end."""
    while True:
        call.sendall(b"x" * 65536)


def streams_lines(call: socket.socket) -> None:
    """Lines without an end, of which none is the answer."""
    while True:
        call.sendall(b'{"more": 1}\n' * 5000)


def says_nothing(call: socket.socket) -> None:
    call.recv(1000)
    call.recv(1)


def ends(_: socket.socket) -> None:
    """The call."""


def answers_in_parts(call: socket.socket) -> None:
    for part in (b'{"more"', b': 1}\n{"networks": {}, "do', b'ne": true}\n'):
        call.sendall(part)
        time.sleep(LIMIT / 10)


def answers_nonsense(call: socket.socket) -> None:
    call.sendall(b"[" * 100_000 + b"\n")


@pytest.fixture
def listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Something that listens in the agent's place, and does as told with each call."""
    monkeypatch.setattr(look, "CONTROL", str(tmp_path / "agent.sock"))
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(look.CONTROL)
        line.listen()

        def serve(does: Callable[[socket.socket], None]) -> None:
            call, _ = line.accept()
            with call, contextlib.suppress(OSError):
                call.recv(1000)
                does(call)

        yield lambda does: threading.Thread(target=serve, args=(does,), daemon=True).start()


@pytest.mark.parametrize(
    ("does", "answers"),
    [
        (drips, "hangs"),
        (streams, "hangs"),
        (streams_lines, "hangs"),
        (says_nothing, "hangs"),
        (ends, "silent"),
        (answers_nonsense, "silent"),
        (answers_in_parts, "yes"),
    ],
)
def test_an_agent_is_given_its_time_and_room_and_no_more(
    listens: Callable[..., None], does: Callable[[socket.socket], None], answers: str
) -> None:
    asked: list[dict[str, object]] = []
    listens(does)
    caller = threading.Thread(target=lambda: asked.append(look.agent("status", LIMIT)), daemon=True)
    caller.start()
    caller.join(60)
    assert [one["answers"] for one in asked] == [answers], "it is still asked"
    assert answers != "yes" or asked[0]["document"] == {"networks": {}}


def test_what_is_too_much_ends_before_the_time_is_over(
    listens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "MOST_OF_AGENT", 300_000)
    got = 0

    def count(said: socket.socket, end: float) -> Iterator[bytes]:
        nonlocal got
        for text in real(said, end):
            got += len(text)
            yield text

    real = look.lines
    monkeypatch.setattr(look, "lines", count)
    listens(streams_lines)
    assert look.agent("status", 3600)["answers"] == "hangs"
    assert 200_000 < got < 400_000


WORDS = [sys.executable, "-c", "import time; time.sleep(600)", "station_image.runtime.agent"]
OWN_ROOM = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


def first_in(process: subprocess.Popen[bytes]) -> str:
    """The process that unshare(1) started in a room of its own."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_until(lambda: path.read_text().split(), "a process in a room of its own", 20)
    (found,) = path.read_text().split()
    wait_until(lambda: b"agent\0" in Path(f"/proc/{found}/cmdline").read_bytes(), "its own words", 20)
    return found


def state(process: int | str) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][:1]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """An engine that says a line; without one there is none."""
    monkeypatch.setitem(look.ENVIRONMENT, "PATH", f"{tmp_path}:/usr/bin:/bin")

    def says(line: str) -> None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\necho '{line}'\n")
        (tmp_path / "docker").chmod(0o755)

    return says


def test_only_what_runs_in_the_container_counts_as_the_station(engine: Callable[[str], None]) -> None:
    """Any account of the server may start something of the same words, and stop it."""
    if subprocess.run([*OWN_ROOM, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody have a namespace of processes of its own")
    with subprocess.Popen([*OWN_ROOM, *WORDS]) as inside, subprocess.Popen(WORDS) as outside:
        try:
            first = first_in(inside)
            outside.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(outside.pid) == "T", "the one outside to be stopped", 20)
            engine(f"/station-agent {first}")
            found = look.processes()
            assert found.keys() == {"agent", "computer"}
            assert (len(found["agent"]), found["computer"]) == (1, [])
            assert found["agent"] != ["T"]
            os.kill(int(first), signal.SIGSTOP)
            wait_until(lambda: state(first) == "T", "the one inside to be stopped", 20)
            assert look.processes() == {"agent": ["T"], "computer": []}
            engine(f"/station-computer {first}")
            assert look.processes() == {"agent": [], "computer": []}
            engine("/station-agent 0")
            assert look.processes() == {"agent": [], "computer": []}
        finally:
            outside.kill()
            inside.kill()


def test_where_no_engine_answers_no_process_is_known(engine: Callable[[str], None]) -> None:
    with subprocess.Popen(WORDS) as outside:
        assert look.processes() == {"agent": [], "computer": []}
        engine(f"/another {outside.pid}")
        assert look.processes() == {"agent": [], "computer": []}
        outside.kill()


def test_what_never_answers_is_told_as_that_and_all_else_is_told_too() -> None:
    """A name server that says nothing, or a file system of a server that is gone."""
    program = "\n".join(
        (
            Path(look.__file__).read_text().partition("if __name__")[0],
            "ALL_SECONDS = 2.0",
            "disks = lambda: time.sleep(3600)",
            "way = lambda *_: time.sleep(3600)",
            "main()",
        )
    )
    question = {"programs": {"says": ["echo", "here"]}, "ways": {"ggd": ["ggd.example", 443, "ggd.example"]}}
    words = [sys.executable, "-IS", "-", json.dumps(question)]
    done = subprocess.run(words, input=program, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert told["programs"]["says"]["said"] == "here\n"
    assert told["disks"] == {}
    assert "no answer within" in told["ways"]["ggd"]["why"]
    assert not told["ways"]["ggd"]["taken"]


@contextlib.contextmanager
def gateway(tmp_path: Path) -> Iterator[int]:
    """A port that speaks TLS with whoever calls."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ed25519", "-noenc", "-days", "1", "-subj", "/CN=ggd"]
    subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate, key)

    def speaks(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            call, _ = listener.accept()
            with settings.wrap_socket(call, server_side=True) as spoken:
                spoken.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=speaks, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def test_a_gateway_that_answers_shows_who_it_is(tmp_path: Path) -> None:
    with gateway(tmp_path) as port:
        told = look.call("127.0.0.1", port, "ggd")
    assert (told["why"], told["again"], told["addresses"]) == ("", 0, ["127.0.0.1"])
    assert told["shown"]
    assert told["seconds"] > 0


def test_one_that_takes_the_call_and_says_nothing_counts_as_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "WAY_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = look.call("127.0.0.1", listener.getsockname()[1], "ggd")
    assert (told["taken"], told["shown"], told["again"]) == (True, "", 1)
    assert told["why"]


QUICK, SLOW = {"seconds": 0.1}, {"seconds": 1.0}
LOST, NEVER = {"seconds": 1.0, "again": 1}, {"seconds": 4.0, "again": 1, "why": "timed out"}
REFUSED = {"seconds": 0.01, "why": "nobody listens there", "refused": True}


@pytest.mark.parametrize(
    ("calls", "made", "expected"),
    [
        pytest.param([QUICK], 5, ("", 0.1, 0), id="well"),
        pytest.param([REFUSED], 1, ("nobody listens there", 0.01, 0), id="refused: called once"),
        pytest.param([SLOW, SLOW, SLOW, QUICK, QUICK], 5, ("", 1.0, 0), id="slow, and nothing is lost"),
        pytest.param([LOST, LOST, SLOW], 5, ("", 1.0, 2), id="loses"),
        pytest.param([LOST, NEVER, NEVER, NEVER, NEVER], 5, ("", 1.0, 5), id="came through at first"),
        pytest.param([NEVER, LOST, NEVER, LOST, LOST], 5, ("", 1.0, 5), id="came through at times"),
        pytest.param([NEVER, NEVER], 2, ("timed out", 4.0, 2), id="never heard of"),
    ],
)
def test_a_way_is_called_until_it_is_known_whether_it_loses(
    monkeypatch: pytest.MonkeyPatch, calls: list[dict[str, Any]], made: int, expected: tuple[str, float, int]
) -> None:
    left = [{**look.NO_WAY, **one} for one in calls] + [{**look.NO_WAY, **QUICK}] * 5
    before = len(left)
    monkeypatch.setattr(look, "call", lambda *_: left.pop(0))
    told = look.way("192.0.2.1", 8443, "ggd")
    assert before - len(left) == made
    assert (told["why"], told["seconds"], told["again"]) == expected
