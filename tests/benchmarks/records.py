"""A CSV file of half a gigabyte at one contributor: looked through, read, counted, and its edition made.

In one process of its own, as the agent does it in a thread. The memory is by how much the most that this process ever
held grew. The floor is what it takes to read the same bytes and take their digest.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from station_image.runtime import analyses
from station_image.runtime.data import editions
from station_image.runtime.data.records import RecordsError

MB = 1024 * 1024
SIZE, MOST_MB = 500, 64
FIRST, AREAS = 1000, 4000
ASKED = {"areas": [f"{FIRST}-{FIRST + AREAS - 1}"], "bits": 16}


def measure() -> list[dict[str, Any]]:
    """Seconds, and megabytes that reading took."""
    told = run(SIZE)
    common = {"organisations": 1, "phases": {"rows": told["rows"]}}
    named = f"records: a CSV file of {SIZE} MB read and counted"
    return [
        {"name": named, "value": round(told["seconds"], 1), "unit": "s", "floor": round(told["floor"], 2), **common},
        {
            "name": f"{named}, growth of memory",
            "value": round(told["grown"] / MB, 1),
            "unit": "MB",
            "floor": None,
            "most": MOST_MB,
            **common,
        },
    ]


def run(size: int, *, wrong: bool = False) -> dict[str, Any]:
    """What a process of its own tells that read `size` MB; `wrong`: of lines that are not as they must be."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder, "meldingen.csv"), size * MB, wrong)
        command = [sys.executable, "-m", "tests.benchmarks.records", folder]
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def once(folder: Path) -> dict[str, Any]:
    """One run in this process."""
    parameters = analyses.find("hotspots/1").parameters(ASKED)
    began = time.perf_counter()
    digest = hashlib.sha256()
    with (folder / "meldingen.csv").open("rb") as file:
        while piece := file.read(MB):
            digest.update(piece)
    floor = time.perf_counter() - began
    source = analyses.Source("0" * 32, "n.a", parameters, folder)
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew: proc(5)
    before, began = _peak(), time.perf_counter()
    try:
        inputs, rows = analyses.bring("hotspots/1", source)
        with tempfile.TemporaryDirectory() as state:
            editions.of(inputs, rows, rows, parameters, Path(state))
        told: dict[str, Any] = {"rows": len(rows), "problems": []}
    except RecordsError as error:
        told = {"rows": 0, "problems": error.problems}
    return told | {"seconds": time.perf_counter() - began, "floor": floor, "grown": _peak() - before}


def _write(path: Path, size: int, wrong: bool) -> None:
    chance = random.Random(1)  # noqa: S311  # reproducible, no secret
    areas = [str(FIRST + chance.randrange(AREAS)) for _ in range(100_000)]
    piece = "".join(f"{area}{'X' if wrong else ''}\n" for area in areas).encode()
    with path.open("wb") as file:
        file.write(b"postcode4\n")
        for _ in range(size // len(piece)):
            file.write(piece)


def _peak() -> int:
    told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()
    return int(told[0]) * 1024


if __name__ == "__main__":
    print(json.dumps(once(Path(sys.argv[1]))))
