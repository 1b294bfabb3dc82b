"""A federation that runs on this machine: who is there, how long until all are back, and what each part holds."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.national.servers import Nation, Server
from tests.harness.stations import ROOT, answers, listens, wait_until

PATIENT = "tests.benchmarks.national.patient"
PROCESSES = 4
"""So many processes share the contributors' agents."""
LOOK_EVERY = 0.05
START_WITHIN = 300.0
MB = 1024.0
"""A MB in kB, as proc(5) counts."""


@contextmanager
def running(nation: Nation) -> Iterator[None]:
    """All stations, until each contributor polls each computing party."""
    held = list[subprocess.Popen[bytes]]()
    try:
        for one in nation.servers.values():
            one.start("gateway")
        for party in nation.parties:
            party.start("computer")
            party.start_agent(PATIENT)
            _there(party)
        for number in range(PROCESSES):
            folders = [str(one.root) for one in nation.contributors[number::PROCESSES]]
            command = [sys.executable, "-m", "tests.benchmarks.national.contributors", str(nation.look_every), *folders]
            log = (nation.folder / f"contributors-{number}.log").open("ab")
            with log:
                held.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        for party in nation.parties:
            wait_until(functools.partial(all_poll, nation, party), "all polls", START_WITHIN)
        yield
    finally:
        for process in held:
            process.kill()
            process.wait(10)


def _there(party: Server) -> None:
    wanted = [party.root / "control" / "agent.sock", party.root / "compute" / "computer.sock"]
    wait_until(lambda: all(map(answers, wanted)) and listens(party.port), f"{party.organisation} to start", 60)


def polls(nation: Nation, party: Server) -> int:
    """How many poll a computing party."""
    peers = party.status(nation.name).get("peers", {})
    return sum(row["polls"] for row in peers.values())


def all_poll(nation: Nation, party: Server) -> bool:
    """Whether every contributor does."""
    return polls(nation, party) == len(nation.contributors)


def storm(nation: Nation, party: Server) -> dict[str, float]:
    """Kill agent and gateway of a computing party; seconds until the first, half and all poll again."""
    party.kill("agent", "gateway")
    began = time.monotonic()
    party.start("gateway")
    party.start_agent(PATIENT)
    _there(party)
    found = {"answers": time.monotonic() - began}
    wanted = {"the first": 1, "half": len(nation.contributors) // 2, "all": len(nation.contributors)}
    until = began + START_WITHIN
    while wanted and time.monotonic() < until:
        count = polls(nation, party)
        for name in [name for name, least in wanted.items() if count >= least]:
            del wanted[name]
            found[name] = time.monotonic() - began
        time.sleep(LOOK_EVERY)
    if wanted:
        raise AssertionError(f"after {START_WITHIN:g} s {polls(nation, party)} poll")
    return {name: round(seconds, 2) for name, seconds in found.items()}


class Watch:
    """The most that each part of a computing party held, in MB, and its processor seconds, of some time."""

    def __init__(self, party: Server) -> None:
        self._party = party
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._children: dict[int, tuple[float, float]] = {}
        self.held: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Watch:
        for part in ("agent", "gateway"):
            # From here on the peak is counted anew: proc(5).
            Path(f"/proc/{self._pid(part)}/clear_refs").write_text("5")
        self._before = {part: _processor(self._pid(part)) for part in ("agent", "gateway")}
        self._thread.start()
        return self

    def __exit__(self, wrong: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if wrong:
            return  # what is wrong is told, and not that a process is gone by now
        for part, before in self._before.items():
            self.held[part] = round(peak(self._pid(part)), 1)
            self.seconds[part] = round(_processor(self._pid(part)) - before, 2)
        if self._children:
            self.held["computer"], self.seconds["computer"] = (
                round(max(row[column] for row in self._children.values()), 1) for column in (0, 1)
            )

    def _pid(self, part: str) -> int:
        return self._party.processes[part].pid

    def _look(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            for child in self._party.children():
                try:
                    self._children[child] = peak(child), _processor(child)
                except (FileNotFoundError, ProcessLookupError, IndexError):
                    continue  # its session ended a moment ago


def peak(pid: int) -> float:
    """The most that a process ever held, in MB."""
    told = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1]
    return int(told.split()[0]) / MB


def _processor(pid: int) -> float:
    fields: list[Any] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
