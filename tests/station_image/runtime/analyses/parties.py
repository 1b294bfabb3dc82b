"""Computing parties without stations: real sessions in real computers, told what to do as an agent tells them."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from station_image.runtime import analyses, editions, frames, shares
from station_image.runtime.computer import MOST_SESSIONS
from tests.station_image.runtime.stations import ROOT, answers, wait_until

MOST_PARTIES = 7


class Parties:
    """As many computers as seven parties need; each session of each party is a process of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pt-", dir="/tmp"))
        self._sockets: list[Path] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        for number in range(-(-MOST_PARTIES // MOST_SESSIONS)):
            folder = self._folder / str(number) / "compute"
            folder.mkdir(parents=True)
            root = {"STATION_ROOT": str(folder.parent), "STATION_AGENT_UID": str(os.getuid())}
            command = [sys.executable, "-m", "station_image.runtime.computer"]
            log = (folder / "log").open("wb")
            with log:
                self._processes.append(
                    subprocess.Popen(command, cwd=ROOT, env={**os.environ, **root}, stdout=log, stderr=log)
                )
            self._sockets.append(folder / "computer.sock")
        for path in self._sockets:
            wait_until(lambda path=path: answers(path), "a computer to start", 30)

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
        module = analyses.find(analysis)
        completed = module.parameters(parameters)
        threshold = (size - 1) // 2
        plan = {
            "session": "0" * 32,
            "analysis": analysis,
            "parameters": completed,
            "computing": [f"n.{number}" for number in range(size)],
            "threshold": threshold,
            "contributors": sorted(numbers),
            "length": module.length(completed),
            "minimum_cell": minimum_cell,
            "minimum_contributors": minimum_contributors,
        }
        split = {name: shares.split(own, threshold, size) for name, own in sorted(numbers.items())}
        tags = {name: editions.tag("0") for name in split}
        bodies = [b"".join(shares.pack(rows[number]) for rows in split.values()) for number in range(size)]
        lines = [_Line(self._sockets[number // MOST_SESSIONS], plan, number) for number in range(size)]
        for one, other in itertools.combinations(range(size), 2):
            ours, theirs = socket.socketpair()
            lines[one].peer(other, ours)
            lines[other].peer(one, theirs)
        for line, body in zip(lines, bodies, strict=True):
            line.send({"event": "intake", "tags": tags}, body)
        with ThreadPoolExecutor(size) as pool:
            ends = list(pool.map(_Line.end, lines))
        done = ends[0][0]
        rows = [shares.unpack(row, len(row) // shares.WIDTH) for _, row in ends]
        values = tuple(shares.recombine(rows, threshold))
        people, public = tuple(done["contributors"]), tuple(done["public"])
        opened = analyses.Opened("0" * 32, completed, people, values, public, shares.FIELD, minimum_cell)
        return {**module.outcome(opened), "left_out": done["left_out"], "values": values}


class _Line:
    """The agent's end of one session."""

    def __init__(self, path: Path, plan: Mapping[str, Any], number: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.settimeout(60)
        begin = {"event": "begin", "plan": plan, "digest": "0" * 64, "number": number}
        self.send(begin, frames.canonical({"earlier": []}))

    def send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        self._socket.sendall(frames.encode(header, len(body)) + body)

    def peer(self, number: int, sock: socket.socket) -> None:
        with sock:
            socket.send_fds(self._socket, [frames.encode({"event": "peer", "number": number})], [sock.fileno()])

    def end(self) -> tuple[dict[str, Any], bytes]:
        """Follow until the session is done, and close."""
        with self._socket, self._socket.makefile("rb") as stream:
            while True:
                header, body = frames.lengths(stream.read(frames.PREFIX.size), 1 << 20, 1 << 28)
                content, payload = frames.parse(stream.read(header)), stream.read(body)
                assert content["event"] != "failed", content
                if content["event"] == "done":
                    return content, payload
