"""How long it takes from the files of the whole country to compiled networks: 25 regions of 25 organisations.

Each file is loaded, checked and compiled as if it were the only one; the regions and releases are read once, as one
run of `werkplaats check` does. Times are of the processor and the clock of one process.
"""

import datetime
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from network_topology import context, load, rules
from network_topology.compiling import compile

NETWORKS, ORGANISATIONS, RUNS = 25, 25, 3
TEMPLATE = load.path_of("twente-volledig", Path(load.__file__).with_name("networks"))

Result = TypeVar("Result")


def measure() -> list[dict[str, Any]]:
    """Seconds for load, check and compile of 25 files of 25 organisations: the median of three runs."""
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder))
        runs = [once(paths) for _ in range(RUNS)]
    totals = [sum(phases.values()) for phases in runs]
    typical = runs[totals.index(statistics.median(totals))]
    return [
        {
            "name": "topology: load, check and compile 25 networks",
            "organisations": NETWORKS * ORGANISATIONS,
            "value": round(sum(typical.values()), 4),
            "unit": "s",
            "floor": None,
            "most": 1.0,
            "phases": {name: round(seconds, 4) for name, seconds in typical.items()},
        }
    ]


def written(folder: Path) -> list[Path]:
    """25 different files in a folder of networks, each of 25 organisations."""
    paths = []
    text = TEMPLATE.read_text("utf-8")
    for number in range(NETWORKS):
        slug = f"netwerk-{number}"
        path = folder / slug / "network.yml"
        path.parent.mkdir()
        path.write_text(text.replace("twente-volledig", slug).replace(".example", f".{slug}.example"), "utf-8")
        paths.append(path)
    return paths


def once(paths: list[Path]) -> dict[str, float]:
    """Seconds per phase for all files. Raises AssertionError where a file is not what the measurement claims."""
    phases: dict[str, float] = {}
    known = timed(phases, "context", lambda: context.shipped(datetime.date.today()))
    definitions = timed(phases, "load", lambda: [load.read(path) for path in paths])
    found = timed(phases, "check", lambda: [rules.check(definition, known) for definition in definitions])
    compiled = timed(phases, "compile", lambda: [compile.compile_network(definition) for definition in definitions])
    if any(found) or {len(network.stations) for network in compiled} != {ORGANISATIONS}:
        raise AssertionError(f"these are not {NETWORKS} sound networks of {ORGANISATIONS} organisations: {found}")
    return phases


def timed(phases: dict[str, float], name: str, work: Callable[[], Result]) -> Result:
    """Do a piece of work and note how many seconds it took."""
    before = time.perf_counter()
    result = work()
    phases[name] = time.perf_counter() - before
    return result
