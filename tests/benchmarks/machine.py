"""What a figure depends on besides the code: the machine, how busy it is, and what its memory goes to."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from stacks import labels
from stacks.servers import program
from tests.harness import servers

LOOK_SECONDS, MOST_UNREST = 5.0, 300.0
CGROUPS = Path("/sys/fs/cgroup")
# Of the memory controller of v1, and of v2: the file with all that a group holds, and the line of memory.stat with what
# is no cache, its children included.
FIGURES = {"v1": ("memory.usage_in_bytes", "total_rss"), "v2": ("memory.current", "anon")}


def now() -> dict[str, Any]:
    """The machine, the day, and how busy it is."""
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(Path("/proc/cpuinfo").read_text()),
        "cores": os.cpu_count(),
        "memory": f"{meminfo(Path('/proc/meminfo').read_text())['MemTotal'] / 1e9:.1f} GB",
        "load": round(os.getloadavg()[0], 2),
        "networks": networks(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def processor(text: str) -> str:
    """The model of the first core, from /proc/cpuinfo; other machines than PCs may tell none."""
    models = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(models, platform.machine())


def networks() -> list[str]:
    """The sandboxes of which servers run; an engine that does not answer runs none."""
    names = f'{{{{.Label "{labels.NETWORK}"}}}}'
    command = ["docker", "ps", "--filter", f"label={labels.STACK}={program.PROJECT}", "--format", names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return sorted(set(done.stdout.split()))


def wait_for_rest(said: Callable[[str], None]) -> None:
    """Wait until the processors were idle for more than half of some seconds: what began a moment ago is over then.

    25 servers on one machine greet each other and follow for a minute after they began; in the field nobody begins 25.
    """
    said("until the machine is at rest")
    until = time.monotonic() + MOST_UNREST
    while _idle(LOOK_SECONDS) < 0.5:
        if time.monotonic() > until:
            raise AssertionError(f"the processors of this machine are busy for {MOST_UNREST:.0f} s already")


def _idle(seconds: float) -> float:
    """The part of these seconds for which the processors did nothing, 0 to 1 (proc_stat(5))."""
    before = _ticks()
    time.sleep(seconds)
    spent = [after - then for after, then in zip(_ticks(), before, strict=True)]
    return (spent[3] + spent[4]) / sum(spent)


def _ticks() -> list[int]:
    return [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def available() -> int:
    """Bytes that programs can still have, caches given up included."""
    return meminfo(Path("/proc/meminfo").read_text())["MemAvailable"]


def meminfo(text: str) -> dict[str, int]:
    """Bytes by name, from /proc/meminfo (proc_meminfo(5))."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[2:] == ["kB"]}


def held(network: str) -> dict[str, int]:
    """Bytes that the servers of a sandbox hold by the kernel's count; empty where it cannot be read."""
    mine = servers.docker("ps", "--quiet", "--filter", f"label={labels.NETWORK}={network}").split()
    told = servers.docker("inspect", "--format", "{{.Id}} {{.State.Pid}}", *mine).splitlines()
    total = {"with caches": 0, "without": 0}
    for line in told:
        container, pid = line.split()
        version, folder = memory_group(Path(f"/proc/{pid}/cgroup").read_text(), container)
        whole, own = FIGURES[version]
        try:
            total["with caches"] += int((folder / whole).read_text())
            rows = (row.split() for row in (folder / "memory.stat").read_text().splitlines())
        except OSError:  # another namespace of groups, or a controller that is off
            return {}
        total["without"] += next(int(figure) for name, figure in rows if name == own)
    return total


def memory_group(text: str, container: str) -> tuple[str, Path]:
    """Version and folder of a container's memory group, from /proc/PID/cgroup of its first process (cgroups(7))."""
    groups = {controllers: path for _, controllers, path in (line.split(":", 2) for line in text.splitlines())}
    version, root, path = (
        ("v1", CGROUPS / "memory", groups["memory"]) if "memory" in groups else ("v2", CGROUPS, groups[""])
    )
    # systemd in the container moves itself into a group below the container's own.
    parts = PurePosixPath(path).parts[1:]
    own = next((number for number, part in enumerate(parts, 1) if container in part), len(parts))
    return version, root.joinpath(*parts[:own])
