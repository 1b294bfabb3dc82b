"""NVFlare and this project in turn on this machine, from a definition to a first joint sum: the ratio of the medians.

They do not do the same work, and each row says what its system did and did not do. Where there was a choice NVFlare got
the faster one: its clock stops when the sum is at its server, before the job has ended and its user can fetch it. It
waits more than it computes and this project does not, so on a busy machine the ratio is greater: see the load.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks import network
from tests.harness import sandboxes

RUNS = {4: 3, 25: 2}
TIMEOUT = 900
"""Seconds after which a run of NVFlare has failed, whatever it waits for."""
VENV = sandboxes.ROOT / "build" / "nvflare"
LOCK = sandboxes.ROOT / "requirements" / "nvflare.lock"
BUILDER = re.compile(r"^setuptools==(?:.*\\\n)*.*", re.MULTILINE)
DRIVE = Path(__file__).with_name("flare") / "drive.py"
# Namespaces of its own: no network but loopback, and whatever was started ends with the first process.
ALONE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
FLARE, OURS = "NVFlare", "this project"
FETCHED = "result fetched after"
WORK: dict[str, dict[str, list[str]]] = {
    FLARE: {
        "did": [
            "`nvflare provision`: keys and certificates of server and sites, all made in one place",
            "one server and a client per organisation, as processes on this machine, all connected",
            "mutual TLS between each client and the server, over loopback",
            "one job with one task: each client sends its number to the server, which adds them up",
        ],
        "did not": [
            "servers: no operating system, accounts, ssh, firewall or container engine",
            "secret sharing: its server sees each number",
            "links between organisations",
            "checks of what was made",
        ],
        "there before": ["its packages"],
        "in its favour": [
            "started at once, without the 5 s that its own start.sh waits first",
            "the clock stops when the sum is at its server; the job ends and the result is fetched after that",
        ],
    },
    OURS: {
        "did": [
            "a server per organisation, as a container with an init, sshd and a container engine of its own",
            "what the roles configure on it; a key made on it, which never leaves it",
            "a gateway at each server, with mutual TLS between those that need one another",
            "the station's containers at each server, from the image brought there",
            "a sum on secret shares: no single server sees a number",
            "checks on every server and a call over every link",
        ],
        "did not": ["servers apart: all are on this machine", "an agreed question: the sum is of values made for it"],
        "there before": ["its packages", "the Pulumi engine", "the images of servers and stations"],
        "in its favour": [],
    },
}


def measure(size: int, said: network.Said) -> Iterator[network.Row]:
    """Alternating, and each first in its turn, so that a machine that becomes slower does so for both."""
    network.prepare(said)
    said("installing NVFlare in a virtual environment of its own")
    install()
    ran: dict[str, list[network.Measured]] = {FLARE: [], OURS: []}
    for turn in range(RUNS[size]):
        for system in (FLARE, OURS) if turn % 2 == 0 else (OURS, FLARE):
            said(f"{system}, {size} organisations, run {turn + 1} of {RUNS[size]}")
            ran[system].append(_flare(size) if system == FLARE else _ours(size, said))
        yield from rows(size, ran)


def install() -> None:
    """Have what is locked in the virtual environment; what comes as source is built by the setuptools of the lock."""
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    pip += ["--use-pep517", "--no-build-isolation", "--requirement", "/dev/stdin"]
    locked = LOCK.read_text()
    (builder,) = BUILDER.findall(locked)
    for part in (builder, locked):
        subprocess.run(pip, input=part, text=True, check=True)


def _ours(size: int, said: network.Said) -> network.Measured:
    with network.made(f"meting-race-{size}", size, said) as made:
        up = network.up(made)
    return network.Measured(up.value, up.phases)


def _flare(size: int) -> network.Measured:
    """Its seconds are counted in the process that drives it. Raises AssertionError where that fails."""
    with tempfile.TemporaryDirectory(prefix="werkplaats-race-") as folder:
        path = f"{VENV / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            [*ALONE, str(VENV / "bin" / "python"), str(DRIVE), folder, str(size)],
            env={"PATH": path, "HOME": folder, "TMPDIR": folder},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
    if done.returncode:
        raise AssertionError(f"NVFlare gave no sum: {done.stderr[-3000:] or done.stdout[-3000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    phases = told.pop("phases")
    return network.Measured(sum(phases.values()), phases, told)


def rows(size: int, ran: Mapping[str, list[network.Measured]]) -> list[network.Row]:
    """One per system, and their ratio; each run is told, since a median of few hides how far they are apart."""
    found = [_row(size, system, runs) for system, runs in ran.items()]
    values = {system: row["value"] for system, row in zip(ran, found, strict=True)}
    fetched = statistics.median(run.value + run.more[FETCHED] for run in ran[FLARE])
    ratio = {
        "name": f"race of {size}: {OURS} over {FLARE}",
        "organisations": size,
        "runs": len(ran[OURS]),
        "value": round(values[OURS] / values[FLARE], 2),
        "unit": "times as long, which compares different work",
        "floor": None,
        "phases": values,
        "times as long as until NVFlare's result is fetched": round(values[OURS] / fetched, 2),
        "work": WORK,
    }
    return [*found, ratio]


def _row(size: int, system: str, runs: list[network.Measured]) -> network.Row:
    middle = statistics.median(run.value for run in runs)
    typical = min(runs, key=lambda run: abs(run.value - middle))
    return {
        "name": f"race of {size}: {system}",
        "organisations": size,
        "runs": len(runs),
        "each run": [round(run.value, 2) for run in runs],
        "value": round(middle, 2),
        "unit": "s",
        "floor": None,
        "phases": {phase: round(value, 2) for phase, value in typical.phases.items()},
        **typical.more,
        "work": WORK[system],
    }
