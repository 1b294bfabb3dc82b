"""Run the benchmarks, write build/bench.json after each row and compare with what stood there: `make bench`.

`python -m tests.benchmarks topology` runs one of them, `network` all that are called network-…; the rows of the others
stay. A row's `floor` is what the work cannot be less than: counted, or measured in the same run; null where nothing is.
With `most` it may not take more: the run ends with exit code 1 then.
"""

from __future__ import annotations

import argparse
import functools
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from base import errors, files
from tests.benchmarks import (
    bare,
    command,
    federation,
    flood,
    intake,
    machine,
    network,
    publication,
    race,
    records,
    session,
    topology,
    verified,
)
from tests.benchmarks.door import measured as door
from tests.benchmarks.national import measured as national
from tests.benchmarks.upgrades import measured as upgrades
from tests.harness import sandboxes
from werkplaats.operations import progress
from werkplaats.operations.home import locks

RESULT = sandboxes.ROOT / "build" / "bench.json"
Row = dict[str, Any]
Measure = Callable[[network.Said], Iterable[Row]]
BENCHMARKS: dict[str, Measure] = {
    "command": lambda _: command.measure(),
    "topology": lambda _: topology.measure(),
    "publication": lambda _: publication.measure(),
    "intake": lambda _: intake.measure(),
    "flood": lambda _: flood.measure(),
    "door": door.measure,
    "records": lambda _: records.measure(),
    "session": lambda _: session.measure(),
    "verified": lambda _: verified.measure(),
    "national": lambda _: national.measure(),
    **{f"network-{size}": functools.partial(network.measure, size) for size in network.RUNS},
    "joining": network.joining,
    "federation-6": functools.partial(federation.measure, "6"),
    "upgrade-4": functools.partial(upgrades.measure, 4),
}
ON_REQUEST: dict[str, Measure] = {
    "bare": bare.measure,
    "federation-75": functools.partial(federation.measure, "75"),
    "upgrade-25": functools.partial(upgrades.measure, 25),
    **{f"race-{size}": functools.partial(race.measure, size) for size in race.RUNS},
}


def main() -> None:
    """Measure what was asked for, on a machine on which nothing else of ours runs."""
    every = {**BENCHMARKS, **ON_REQUEST}
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    without = f"without: all but {', '.join(ON_REQUEST)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(every)}; {without}")
    parser.add_argument("--busy", action="store_true", help="measure beside sandboxes that run, all the same")
    given = parser.parse_args()
    if unknown := [name for name in given.names if not named([name], every)]:
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    # So that `finally` runs, and the servers go, when somebody ends this process in another way than by Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    told = progress.Progress()
    network.FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with locks.Lock(network.FOLDER / "lock", "the benchmark", "bench"):
            for benchmark in (network, bare, federation):
                benchmark.remove_left_behind(told.say)
            others = machine.networks()
            if others and not given.busy:
                sys.exit(f"{', '.join(others)}: its servers run, so figures tell nothing; destroy it, or add --busy")
            _run({name: every[name] for name in named(given.names, every) or BENCHMARKS}, told)
    except errors.LockedError as error:
        sys.exit(str(error))


def named(given: Iterable[str], every: Iterable[str]) -> list[str]:
    """Of all names those that were given, each by itself or by what stands before its hyphen."""
    return [name for name in every if {name, name.partition("-")[0]} & set(given)]


def _run(chosen: dict[str, Measure], told: progress.Progress) -> None:
    before = {row["name"]: row for row in json.loads(RESULT.read_text())} if RESULT.exists() else {}
    rows, over = dict(before), list[str]()
    for name, measure in chosen.items():
        told.say("measuring", name)
        for row in _on_this_machine(measure, functools.partial(told.say, phase=name)):
            rows[row["name"]] = row
            files.write_atomically(RESULT, json.dumps(list(rows.values()), indent=2).encode() + b"\n", mode=0o644)
            print(line(row, before.get(row["name"])), flush=True)
            over += [row["name"]] if row["value"] > row.get("most", row["value"]) else []
    if over:
        sys.exit(f"over what it may take: {', '.join(over)}")


def _on_this_machine(measure: Measure, said: network.Said) -> Iterator[Row]:
    """The rows, each with the machine as it was before it was measured."""
    before = machine.now()
    for row in measure(said):
        yield row | {"machine": before}
        before = machine.now()


def line(row: Row, before: Row | None) -> str:
    """One row for people."""
    phases = ", ".join(f"{name} {value}" for name, value in row["phases"].items())
    change = f", {row['value'] / before['value']:.2f} of the run before" if before and before["value"] else ""
    most = f", at most {row['most']}" if "most" in row else ""
    floor = f", floor {row['floor']}" if row["floor"] is not None else ""
    return f"{row['name']}: {row['value']} {row['unit']}{most}{floor}{change}" + (f" ({phases})" if phases else "")


if __name__ == "__main__":
    main()
