"""The computer by itself: sessions come and go, it stays."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from station_image.runtime.base import documents
from station_image.runtime.computer import MOST_SESSIONS
from station_image.runtime.data.seal import KEY, NONCE, Channel
from station_image.runtime.mpc import exchanger
from station_image.runtime.wire import frames
from tests.harness.stations import ROOT, wait_until

FORTH, BACK = (os.urandom(KEY + NONCE) for _ in range(2))


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "compute").mkdir()
    environment = {**os.environ, "STATION_ROOT": str(tmp_path), "STATION_AGENT_UID": str(os.getuid())}
    command = [sys.executable, "-m", "station_image.runtime.computer"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _session_ended(tmp_path / "compute" / "computer.sock"), "the computer to start", 30)
        wait_until(lambda: children(process) == 0, "the computer to be idle", 30)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def _session_ended(path: Path) -> bool:
    """Whether a session began there and is over: one that only connected may count with the next ones."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(30)
        if probe.connect_ex(str(path)):
            return False
        probe.shutdown(socket.SHUT_WR)
        return not probe.recv(1)


def children(process: subprocess.Popen[bytes]) -> int:
    return len(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def test_sessions_that_end_at_once_do_not_take_the_computer_with_them(
    computer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    for _ in range(25):
        lines = [socket.socket(socket.AF_UNIX) for _ in range(MOST_SESSIONS)]
        for line in lines:
            line.connect(str(tmp_path / "compute" / "computer.sock"))
        wait_until(lambda: children(computer) == MOST_SESSIONS, "a process for each session")
        for line in lines:
            line.close()
        wait_until(lambda: children(computer) == 0, "all of them to be gone")
    assert computer.poll() is None


def test_a_party_that_leaves_tells_why_to_one_whose_connection_is_still_on_its_way(
    computer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Otherwise that one sees a closed connection, and names a party that did nothing wrong."""
    assert computer.poll() is None
    plan = {"computing": ["n.a", "n.b", "n.c"], "threshold": 1, "intake": 0, "session": "0" * 32}
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(10)
        agent.connect(str(tmp_path / "compute" / "computer.sock"))
        earlier = documents.canonical({"earlier": []})
        begin = {"event": "begin", "plan": plan, "digest": "0" * 64, "number": 0}
        agent.sendall(frames.encode(begin, len(earlier)) + earlier)
        with _attached(agent, 1) as liar:
            lie = Channel(BACK, FORTH).seal(exchanger.HEAD.pack(exchanger.KEYS, 0) + b"x")
            liar.sendall(exchanger.LENGTH.pack(len(lie)) + lie)
            _until(liar, b"it sent keys that do not belong to its number")
            with _attached(agent, 2) as late:
                _until(late, b"it sent keys that do not belong to its number")


def _attached(agent: socket.socket, number: int) -> socket.socket:
    """Hand over a connection with a party; the other end of it."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    header = {"event": "peer", "number": number, "send": FORTH.hex(), "receive": BACK.hex()}
    with theirs:
        socket.send_fds(agent, [frames.encode(header)], [theirs.fileno()])
    return ours


def _until(line: socket.socket, wanted: bytes) -> None:
    channel, heard = Channel(BACK, FORTH), b""
    with line.makefile("rb") as stream:
        while wanted not in heard:
            length = stream.read(exchanger.LENGTH.size)
            assert length, f"it closed after {heard!r}"
            heard += channel.open(stream.read(*exchanger.LENGTH.unpack(length)))


def test_one_session_more_than_fits_is_refused_with_a_reason(computer: subprocess.Popen[bytes], tmp_path: Path) -> None:
    lines = [socket.socket(socket.AF_UNIX) for _ in range(MOST_SESSIONS + 1)]
    for line in lines:
        line.connect(str(tmp_path / "compute" / "computer.sock"))
    lines[-1].settimeout(10)
    assert b"too many sessions" in lines[-1].recv(4096)
    for line in lines:
        line.close()
    wait_until(lambda: children(computer) == 0, "all of them to be gone")
