"""How long it takes from the files of the whole country to compiled networks: 25 regions of 25 organisations.

And to the federation of all of them, with 25 organisations each and with 7, and what an operator reads of it when one
more takes part: it is to take as long for each of them.

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

from network_topology import check, context, diff, load, rules
from network_topology.compiling import compile
from network_topology.federations import country
from network_topology.federations.compile import compile_federation
from network_topology.federations.joined import joined

NETWORKS, ORGANISATIONS, RUNS = 25, 25, 3
FEW = 7
TEMPLATE = load.path_of("twente-volledig", Path(load.__file__).with_name("networks"))

Result = TypeVar("Result")


def measure() -> list[dict[str, Any]]:
    """Seconds for load, check and compile of 25 files of 25 organisations; of the federation of all, and its diff."""
    return [regions(), *federation()]


def regions() -> dict[str, Any]:
    """The median of three runs over 25 files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = written(Path(folder))
        runs = [once(paths) for _ in range(RUNS)]
    totals = [sum(phases.values()) for phases in runs]
    typical = runs[totals.index(statistics.median(totals))]
    return {
        "name": "topology: load, check and compile 25 networks",
        "organisations": NETWORKS * ORGANISATIONS,
        "value": round(sum(typical.values()), 4),
        "unit": "s",
        "floor": None,
        "most": 1.0,
        "phases": {name: round(seconds, 4) for name, seconds in typical.items()},
    }


def federation() -> list[dict[str, Any]]:
    """Seconds of the processor, the best of three runs, and how much longer one of many organisations takes."""
    large, small = (_federated(count) for count in (ORGANISATIONS, FEW))
    ratio = (large / ORGANISATIONS) / (small / FEW)
    rows = (
        ("load, check, compile and diff a federation of 25 networks", large, "s", 1.0),
        (f"one organisation of {NETWORKS * ORGANISATIONS} over one of {NETWORKS * FEW}", ratio, "times", 2.0),
    )
    return [
        {
            "name": f"topology: {name}",
            "organisations": NETWORKS * ORGANISATIONS,
            "value": round(value, 4),
            "unit": unit,
            "floor": None,
            "most": most,
            "phases": {},
        }
        for name, value, unit, most in rows
    ]


def _federated(organisations: int) -> float:
    known, taken = context.shipped(datetime.date.today()), []
    with tempfile.TemporaryDirectory() as folder:
        country.write(country.files(known.regions, organisations=organisations), Path(folder))
        for _ in range(RUNS):
            before = time.process_time()
            found = check.network(country.NAME, Path(folder), known).federation
            if found is None or len(compile_federation(found).stations) != NETWORKS * organisations:
                raise AssertionError(f"this is no sound federation of {NETWORKS} networks")
            whole = joined(found)
            last = max(whole.organisations.keys() - set(whole.computing))
            kept = {slug: card for slug, card in whole.organisations.items() if slug != last}
            changes = diff.changes(whole.model_copy(update={"organisations": kept}), whole)
            if not any(last in change.text for change in changes):
                raise AssertionError(f"nobody is told of {last}")
            taken.append(time.process_time() - before)
    return min(taken)


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
