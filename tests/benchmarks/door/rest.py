"""Memory that a station takes of a server while nothing is asked of it, by part.

Pages of no file count with their part in each process that shares them (`Pss_Anon` of proc_pid_smaps(5)), pages of a
file once: servers of a sandbox share these among each other, others do not. The computer has had a session, which loads
what computes. The follower runs for some seconds every few minutes: a row of its own has it with its peak.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import machine, network
from tests.harness import sandboxes

MOST_MB = 150
FOLLOWER = "follower at its peak"
# The unit of a process, or a word of its command → its part.
PARTS = {
    "station_image.runtime.agent": "agent",
    "station_image.runtime.computer": "computer",
    "werkplaats-gateway.service": "gateway",
    "werkplaats-follow.service": FOLLOWER,
    "werkplaats-follow-read.service": FOLLOWER,
    "werkplaats-follow-fetch.service": FOLLOWER,
    "docker.service": "engine",
    "containerd.service": "engine",
}
ENGINE = "engine"
"""The server's own where it has one already; on others it is there for the station alone."""
LOOK = """
import collections, json, pathlib, re, subprocess, sys, time
parts = json.loads(sys.argv[1])
mapping = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \\S+ ([0-9a-f]+ \\S+ [0-9]+)")

def held():
    found, files = collections.Counter(), {}
    for process in sorted(pathlib.Path("/proc").glob("[0-9]*")):
        try:
            unit = (process / "cgroup").read_text().rpartition("/")[2].strip()
            words = [unit, *(process / "cmdline").read_bytes().decode().split(chr(0))]
            part = next((parts[word] for word in words if word in parts), None)
            lines = (process / "smaps").read_text().splitlines() if part else ()
            rolled = (process / "smaps_rollup").read_text() if part else ""
        except OSError:
            continue
        found[part] += sum(map(int, re.findall("^Pss_(?:Anon|Shmem): *([0-9]+)", rolled, re.MULTILINE)))
        for line in lines:
            if place := mapping.match(line):
                key, size = place[1], 0
            elif line.startswith(("Rss:", "Anonymous:")):
                size += int(line.split()[1]) * (1 if line[0] == "R" else -1)
                if line[0] == "A" and not key.endswith(" 0"):
                    files[key] = max(files.get(key, (0, part)), (size, part))
    for size, part in files.values():
        found[part] += size
    del found[None]
    return collections.Counter({part: size * 1024 for part, size in found.items()})

most = held()
following = subprocess.Popen(["systemctl", "start", "werkplaats-follow.service"])
while following.poll() is None:
    most |= {part: size for part, size in held().items() if part.startswith("follower")}
    time.sleep(0.02)
print(json.dumps(most))
"""


def measure(made: sandboxes.Sandbox, organisation: str, said: network.Said) -> Iterator[dict[str, Any]]:
    """What is ours, with the most that it may take, and what the engine takes."""
    machine.wait_for_rest(said)
    said("what a station takes at rest")
    done = made.on(organisation, "python3", "-c", LOOK, json.dumps(PARTS))
    if done.returncode:
        raise AssertionError(done.stderr)
    held = {part: size / 1e6 for part, size in json.loads(done.stdout).items()}
    if missing := set(PARTS.values()) - held.keys():
        raise AssertionError(f"nothing was seen of {missing}")
    engine = held.pop(ENGINE)
    resting = {part: size for part, size in held.items() if part != FOLLOWER}
    yield _row("memory of a station at rest", sum(resting.values()), resting) | {"most": MOST_MB}
    yield _row("memory of a station while it follows", sum(held.values()), held)
    yield _row("memory of its engine at rest", engine, {})


def _row(name: str, value: float, phases: dict[str, float]) -> dict[str, Any]:
    told = {part: round(size, 1) for part, size in sorted(phases.items())}
    return {"name": f"door: {name}", "value": round(value, 1), "unit": "MB", "floor": None, "phases": told}
