"""Networks of 4, 10 and 25 organisations: from a definition to verified, again, drift mended, one more, memory.

The Pulumi engine and both images are there already; servers, certificates and stations are not. Seconds are those that
the user of the command waits, phases what its own document says (they overlap). Where there are several runs a row is
told after each, as the median of those so far.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from network_topology import names
from stacks.engine import install
from stacks.servers.image import make as server_image
from station_image.builder import images
from tests.benchmarks import broken, machine
from tests.harness import chance, going, sandboxes, sized

Said = Callable[[str], None]
Row = dict[str, Any]
RUNS = {4: 3, 10: 1, 25: 1}
REVOKED = 3  # one after another; of one alone it counts much what else 25 servers do at that moment
BREAKS = {25: 3}
FOLDER = sandboxes.ROOT / "build" / "bench"  # homes and vaults: they stay when a run is killed, so the next removes all
NOTHING: dict[str, Any] = {"servers": [], "configured": {}, "stations": []}
VERIFIED, AGAIN, VERIFY = "definition to verified", "up again with nothing changed", "verify"
NOW_AT_MOST = 5.0
SESSION, MEMORY = "one acceptance session", "memory per server"
# These end with such a session, so they cannot take less than it takes by itself.
ABOVE_SESSION = (AGAIN, VERIFY)


@dataclasses.dataclass(frozen=True)
class Measured:
    """One figure, what it is made of, and what else people should know of it."""

    value: float
    phases: Mapping[str, float]
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unit: str = "s"


def measure(size: int, said: Said) -> Iterator[Row]:
    """All of one size but the addition."""
    prepare(said)
    runs: dict[str, list[Measured]] = collections.defaultdict(list)
    for _ in range(RUNS[size]):
        with made(f"meting-{size}", size, said) as network:
            for step, measured in _steps(network, size, said):
                runs[step].append(measured)
                yield row(size, step, runs[step], runs[SESSION] if step in ABOVE_SESSION else [])


def joining(said: Said) -> Iterator[Row]:
    """One organisation more in a network of 24 in which sessions go on, and less again: what it costs, and whom."""
    prepare(said)
    with made("meting-erbij", 24, said) as network:
        said("up of 24 organisations, not measured")
        network.up(expect=None)  # 24 stations begin on one machine: a computer of the first session may be too slow
        network.up()
        there = list(sized.definition("", 24)["organisations"])
        before = going.started(network, there)
        sized.write(network, sized.definition(names.defined(network.name), 25))
        said("up with one organisation more")
        with going.Sessions(network, there[1]) as sessions:
            joined = up(network)
        anew = [one for one, since in going.started(network, there).items() if since != before[one]]
        if anew or sessions.failed:
            raise AssertionError(f"started anew: {anew}; failed: {sessions.failed}")
        (last,) = sized.definition("", 25)["organisations"].keys() - {*there}
        said("that server and its station made again, as it was")
        broken.make(network, last, broken.NO_SERVER)
        again = up(network)
        more = {**joined.more, "sessions meanwhile": sessions.good, "failed": 0, "started anew elsewhere": 0}
        yield row(25, "one organisation added to 24", [dataclasses.replace(joined, more=more)], [again])
        yield from _cut(network, last, there, said)


def _cut(network: sandboxes.Sandbox, last: str, there: Sequence[str], said: Said) -> Iterator[Row]:
    """Revoke one of 25 and have that in force everywhere, then another; no gateway has a link with it then."""
    computing = sized.definition("", 25)["computing"]
    gone = [last, *(one for one in reversed(there) if one not in computing)][:REVOKED]
    others = [one for one in there if one not in gone]
    runs = []
    for number, one in enumerate(gone):
        runs.append(_revoked(network, one, [*others, *gone[number + 1 :]], computing, said))
    said("all gateways load at once, and nothing else")
    loaded = Measured(_loaded_at_once(network, others), {})
    each = {"seconds of each": [round(run.value, 2) for run in runs]}
    most = {"most": NOW_AT_MOST}
    yield row(25, "revoked with --now until in force at all others", runs, [loaded]) | each | most


def _revoked(
    network: sandboxes.Sandbox, gone: str, others: Sequence[str], computing: Sequence[str], said: Said
) -> Measured:
    said(f"revoke {gone}, {len(others)} others")
    address = network.on(gone, "hostname", "-I").stdout.split()[0]
    network.wait_for_links(computing, address)
    machine.wait_for_rest(said)
    began = time.perf_counter()
    told = network.run("trust revoke", gone, "--reason", "keyCompromise", "--now", "--yes").stdout
    took = Measured(time.perf_counter() - began, {})
    (line,) = [line for line in told.splitlines() if line.startswith("in force at ")]
    missed, standing = [one for one in others if one not in line], network.standing(others, address)
    if missed or standing:
        raise AssertionError(f"not in force at {missed}, {standing}: {told}")
    return took


def _loaded_at_once(network: sandboxes.Sandbox, organisations: Sequence[str]) -> float:
    """Seconds: what 24 servers do each on a processor of its own, those of one machine do one after another."""
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(len(organisations)) as pool:
        done = pool.map(lambda one: network.on(one, "systemctl", "start", "gateway-reload.service"), organisations)
    if failed := [one.stderr for one in done if one.returncode]:
        raise AssertionError(failed)
    return time.perf_counter() - began


def _steps(network: sandboxes.Sandbox, size: int, said: Said) -> Iterator[tuple[str, Measured]]:
    before = machine.available()
    said(f"up of {size} organisations")
    yield VERIFIED, dataclasses.replace(up(network), more={})  # it made everything
    yield MEMORY, _memory(network, size, before - machine.available())
    said("one session")
    yield SESSION, _timed(network, "session")
    said("up again")
    again = up(network)
    if again.more["changes"] != NOTHING:
        raise AssertionError(f"something changed, so this measures something else: {again.more['changes']}")
    yield AGAIN, again
    said("verify")
    yield VERIFY, _timed(network, "verify")
    drifted = list(sized.definition("", size)["organisations"])[1]
    said(f"up after drift of {drifted}")
    yield "drift of one station mended", _mended(network, [(drifted, what) for what in broken.DRIFT])
    if breaks := BREAKS.get(size):
        choice = broken.chosen(chance.of("broken"), sized.definition("", size)["organisations"], breaks)
        said(f"up after {choice}")
        yield f"{breaks} servers broken, mended at once", _mended(network, list(choice.items()))


def _mended(network: sandboxes.Sandbox, breaks: list[tuple[str, str]]) -> Measured:
    for organisation, what in breaks:
        broken.make(network, organisation, what)
    measured = up(network)
    if missed := {organisation for organisation, _ in breaks} - broken.touched(measured.more["changes"]):
        raise AssertionError(f"verified, but `up` changed nothing at {missed} of {breaks}: {measured.more['changes']}")
    more = {"seed": chance.SEED, "broken": [f"{organisation}: {what}" for organisation, what in breaks]}
    return dataclasses.replace(measured, more={**measured.more, **more})


def _memory(network: sandboxes.Sandbox, size: int, used: int) -> Measured:
    counted = {f"kernel's count, {name}": held / size / 1e6 for name, held in machine.held(network.name).items()}
    return Measured(used / size / 1e6, counted, unit="MB")


def up(network: sandboxes.Sandbox) -> Measured:
    """One `up` that ends verified, which its exit code says; `more` has what it changed."""
    began = time.perf_counter()
    told = network.up()
    seconds = time.perf_counter() - began
    phases = {"start of the command": seconds - told["seconds"], **told["phases"]}
    return Measured(seconds, phases, {"changes": told["changes"]})


def _timed(network: sandboxes.Sandbox, verb: str) -> Measured:
    """One verb that finds all to be good, which its exit code says."""
    began = time.perf_counter()
    network.run(verb, "--json")
    return Measured(time.perf_counter() - began, {})


def row(size: int, step: str, runs: list[Measured], less: Sequence[Measured] = ()) -> Row:
    """The median of the runs, as one of them gave it; its floor is the median of `less`, runs of a part of the work."""
    typical = next(one for one in runs if one.value == statistics.median_low([run.value for run in runs]))
    return {
        "name": f"network of {size}: {step}",
        "organisations": size,
        "runs": len(runs),
        "value": round(typical.value, 2),
        "unit": typical.unit,
        "floor": round(statistics.median(run.value for run in less), 2) if less else None,
        "phases": {phase: round(value, 2) for phase, value in typical.phases.items()},
        **typical.more,
    }


def prepare(said: Said) -> None:
    """Have the engine and the images that every figure takes for granted."""
    install.ensure(said)
    server_image.ensure(said)
    images.ensure(said)


@contextlib.contextmanager
def made(name: str, size: int, said: Said) -> Iterator[sandboxes.Sandbox]:
    """A network of which nothing exists yet, and nothing is left afterwards."""
    network = sized.sandbox(FOLDER / name, name, size)
    try:
        yield network
    finally:
        _remove(network, FOLDER / name, said)


def remove_left_behind(said: Said) -> None:
    """Remove the networks of a run that was killed."""
    for folder in FOLDER.glob("meting-*"):
        _remove(sandboxes.Sandbox(names.twin(folder.name), folder / "home", folder / "state"), folder, said)


def _remove(network: sandboxes.Sandbox, folder: Path, said: Said) -> None:
    """The vault goes last: without it nobody can remove the servers."""
    if network.vault.exists():
        said(f"destroy {network.name}")
        network.run("destroy", "--yes")
    shutil.rmtree(folder)
