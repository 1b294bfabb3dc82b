"""Computing parties without stations: real sessions in real computers, told what to do as an agent tells them."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station_image.runtime import analyses
from station_image.runtime.base import documents
from station_image.runtime.computer import MOST_SESSIONS
from station_image.runtime.data import editions, shares
from station_image.runtime.data.differencing import Earlier
from station_image.runtime.data.seal import KEY, NONCE
from station_image.runtime.wire import frames
from tests.harness.stations import ROOT, answers, wait_until

MOST_PARTIES = 7
REAPED = 0.2  # seconds in which a computer notices that a process has ended: before that it counts, and it may be full
Pair = tuple[socket.socket, socket.socket]
Pairs = Sequence[tuple[int, int]]


class Parties:
    """As many computers as seven parties need; each session of each party is a process of its own.

    `lies` gives parties, by number, a computer of their own, which does what that function of the sabotage does.
    """

    def __init__(self, lies: Mapping[int, str] | None = None) -> None:
        lies = lies or {}
        self._folder = Path(tempfile.mkdtemp(prefix="pt-", dir="/tmp"))
        self._sockets: list[Path] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        honest = -(-MOST_PARTIES // MOST_SESSIONS)
        started: list[Sequence[str]] = [("station_image.runtime.computer",)] * honest
        started += [("tests.harness.sabotage", lie, "computer") for lie in lies.values()]
        for number, words in enumerate(started):
            folder = self._folder / str(number) / "compute"
            folder.mkdir(parents=True)
            root = {"STATION_ROOT": str(folder.parent), "STATION_AGENT_UID": str(os.getuid())}
            command = [sys.executable, "-m", *words]
            log = (folder / "log").open("wb")
            with log:
                self._processes.append(
                    subprocess.Popen(command, cwd=ROOT, env={**os.environ, **root}, stdout=log, stderr=log)
                )
            self._sockets.append(folder / "computer.sock")
        self._own = dict(zip(lies, self._sockets[honest:], strict=True))
        for path in self._sockets:
            wait_until(functools.partial(answers, path), "a computer to start", 30)

    @property
    def pids(self) -> list[int]:
        """Of the computers; each session of each is a child of one."""
        return [process.pid for process in self._processes]

    def stop(self) -> None:
        """End the computers."""
        for process in self._processes:
            process.terminate()
            process.wait(10)
        shutil.rmtree(self._folder)

    def compute(
        self,
        analysis: str,
        parameters: Mapping[str, Any],
        numbers: Mapping[str, Sequence[int]],
        *,
        size: int = 3,
        minimum_cell: int = 10,
        minimum_contributors: int = 3,
    ) -> dict[str, Any]:
        """What a result party reads when `numbers` are shared, by contributor; `left_out` goes with it."""
        job = Job(analysis, parameters, numbers, size, minimum_cell, minimum_contributors)
        return job.outcome(self.run(job).ends)

    def run(self, job: Job, connect: Callable[[Pairs], dict[tuple[int, int], Pair]] | None = None) -> Ran:
        """One session; `connect` makes connections between pairs of parties: the ends of the one and of the other."""
        began = time.perf_counter()
        lines = self.connected(job, connect)
        connected = time.perf_counter()
        with ThreadPoolExecutor(len(lines)) as pool:
            list(pool.map(lambda line, body: line.intake(job, body), lines, job.bodies))
            ends = list(pool.map(lambda line: line.until("done"), lines))
        done = time.perf_counter()
        for line in lines:
            line.close()
        time.sleep(REAPED)
        return Ran(ends, connected - began, done - connected)

    def connected(self, job: Job, connect: Callable[[Pairs], dict[tuple[int, int], Pair]] | None = None) -> list[Line]:
        """The parties of one session, who wait for the shares; `Line.close` ends each."""
        size = len(job.bodies)
        lines = [Line(self._computer(number), job.plan, number, job.earlier) for number in range(size)]
        pairs = list(itertools.combinations(range(size), 2))
        wires = connect(pairs) if connect else {pair: socket.socketpair() for pair in pairs}
        for (one, other), (ours, theirs) in wires.items():
            forth, back = os.urandom(KEY + NONCE), os.urandom(KEY + NONCE)
            lines[one].peer(other, ours, forth, back)
            lines[other].peer(one, theirs, back, forth)
        with ThreadPoolExecutor(size) as pool:
            list(pool.map(lambda line: line.until("connected"), lines))
        return lines

    def _computer(self, number: int) -> Path:
        return self._own.get(number, self._sockets[number // MOST_SESSIONS])


@dataclass(frozen=True)
class Ran:
    """What each party said at the end, and seconds until all were connected and from there to the end."""

    ends: list[tuple[dict[str, Any], bytes]]
    connecting: float
    computing: float


class Job:
    """A plan, and the shares of all contributors for each computing party. `earlier`: what was opened before."""

    def __init__(
        self,
        analysis: str,
        parameters: Mapping[str, Any],
        numbers: Mapping[str, Sequence[int]],
        size: int,
        minimum_cell: int = 10,
        minimum_contributors: int = 3,
        earlier: Sequence[Earlier] = (),
    ) -> None:
        self.earlier = earlier
        self.analysis = analyses.find(analysis)
        completed = self.analysis.parameters(parameters)
        self.plan: dict[str, Any] = {
            "session": "0" * 32,
            "analysis": analysis,
            "parameters": completed,
            "computing": [f"n.{number}" for number in range(size)],
            "threshold": (size - 1) // 2,
            "contributors": sorted(numbers),
            "intake": 0,
            "length": self.analysis.length(completed),
            "minimum_cell": minimum_cell,
            "minimum_contributors": minimum_contributors,
        }
        self.tags = {name: editions.tag("0") for name in sorted(numbers)}
        split = [shares.split(numbers[name], self.plan["threshold"], size) for name in self.tags]
        self.bodies = [[shares.pack(rows[number]) for rows in split] for number in range(size)]

    def outcome(self, ends: Sequence[tuple[Mapping[str, Any], bytes]]) -> dict[str, Any]:
        """The result for people, with `left_out` and the opened `values`."""
        done = ends[0][0]
        rows = [shares.unpack(row, len(row) // shares.WIDTH) for _, row in ends]
        values = tuple(shares.recombine(rows, self.plan["threshold"]))
        people, public = tuple(done["contributors"]), tuple(done["public"])
        cell = self.plan["minimum_cell"]
        opened = analyses.Opened("0" * 32, self.plan["parameters"], people, values, public, shares.FIELD, cell)
        return {**self.analysis.outcome(opened), "left_out": done["left_out"], "values": values}


class Line:
    """The agent's end of one session."""

    def __init__(self, path: Path, plan: Mapping[str, Any], number: int, earlier: Sequence[Earlier]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.settimeout(60)
        self._stream = self._socket.makefile("rb")
        begin = {"event": "begin", "plan": plan, "digest": "0" * 64, "number": number}
        self.send(begin, documents.canonical({"earlier": [one.content for one in earlier]}))

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        self._socket.sendall(frames.encode(header, len(body)) + body)

    def peer(self, number: int, sock: socket.socket, send: bytes, receive: bytes) -> None:
        header = {"event": "peer", "number": number, "send": send.hex(), "receive": receive.hex()}
        with sock:
            socket.send_fds(self._socket, [frames.encode(header)], [sock.fileno()])

    def intake(self, job: Job, bodies: Sequence[bytes]) -> None:
        """Bring the shares of all contributors."""
        for (name, tag), body in zip(job.tags.items(), bodies, strict=True):
            self.send({"event": "deposit", "contributor": name, "tag": tag}, body)
        self.send({"event": "intake"})

    def until(self, event: str) -> tuple[dict[str, Any], bytes]:
        """Follow until the session's process says `event`; what it is about to open is remembered meanwhile."""
        while True:
            header, body = frames.lengths(self._stream.read(frames.PREFIX.size), 1 << 20, 1 << 28)
            content, payload = frames.parse(self._stream.read(header)), self._stream.read(body)
            if content["event"] == event:
                return content, payload
            assert content["event"] != "failed", content
            if content["event"] == "opening":
                self.remembered()

    def remembered(self) -> None:
        """Say that what it is about to open is remembered."""
        self.send({"event": "remembered"})

    def close(self) -> None:
        """Let the session's process go, and wait until it is gone."""
        self._socket.shutdown(socket.SHUT_WR)
        self._stream.read()
        self._stream.close()
        self._socket.close()
