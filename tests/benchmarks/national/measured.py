"""A federation of 25 regional networks of 25 organisations each: what it costs a reader, a gateway, a computing party.

First its publication and those of its members, as a reader and one server have them. Then all its stations on this
machine, with 3 and with 5 computing parties: agents, computers and gateways of their own, each contributor with its own
gateway and a certificate of its own region's CA, and their agents in a few processes. A question about all areas, to
more and more contributors, and in the end a computing party that is killed, until all are back.

All share the cores of this machine: seconds in which contributors count and seal are those of all of them one after the
other, where in the field each has a server of its own. What a party computes, and what it holds, is its own.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stacks import parts
from tests.benchmarks.national import asked, published, reading, running
from tests.benchmarks.national.servers import Nation

Row = dict[str, Any]
PARTIES = (3, 5)
SIZES = (125, 325, published.LARGEST**2)
AREAS, BITS = 4000, 10
LOOK_EVERY, REST = 5.0, 20.0
"""Seconds after which contributors see a change, and for which their polls are watched."""
BACK_WITHIN = 30.0
READ_WITHIN, RELOAD_WITHIN = 5.0, 5.0
CONSTANT = 1.5
GATEWAY_MB = 256
"""No limit of the product: what is stated of a gateway with so many peers."""
MEMORY = {"agent": parts.PARTS[0].memory, "computer": parts.PARTS[1].memory, "gateway": GATEWAY_MB}


def measure(
    regions: int = published.LARGEST,
    organisations: int = published.LARGEST,
    parties: tuple[int, ...] = PARTIES,
    sizes: tuple[int, ...] = SIZES,
    areas: int = AREAS,
    look_every: float = LOOK_EVERY,
    rest: float = REST,
) -> Iterator[Row]:
    """All rows. Raises AssertionError where a result is not the plain sum, or hides and shows other areas."""
    with tempfile.TemporaryDirectory(prefix="na-", dir="/tmp") as name:
        country = published.made(Path(name), regions, organisations)
        yield from _published(country)
        for count in parties:
            with Nation(country, count, look_every) as nation, running.running(nation):
                yield from _computed(nation, sizes, areas, rest)
                yield from _stormed(nation)


def _published(country: published.Published) -> Iterator[Row]:
    told = reading.run(country)
    many = len(country.keys)
    yield _row("a reader verifies the federation's publication and its members', and joins them", many, told["seconds"],
               "s", told["floor"], most=READ_WITHIN, phases=told["phases"])  # fmt: skip
    yield _row("the same, growth of memory", many, told["grown"], "MB", told["bytes"])
    yield _row("files of a computing party's gateway and agent, from what was joined", many, told["made"], "s")
    yield _row("its gateway: lists verified, put together, checked by HAProxy", many, told["loaded"], "s",
               most=RELOAD_WITHIN, phases=told["load"])  # fmt: skip


def _computed(nation: Nation, sizes: tuple[int, ...], areas: int, rest: float) -> Iterator[Row]:
    parties = len(nation.parties)
    with running.Watch(nation.parties[0]) as watch:
        time.sleep(rest)
    yield _row(f"{parties} parties: polls at rest", len(nation.servers), sum(watch.seconds.values()) / rest,
               "of a core", phases=watch.held)  # fmt: skip
    found = {size: asked.Question(nation, size, areas, BITS).carried_out() for size in sizes}
    for size, one in found.items():
        about = f"{parties} parties, {areas} areas, {size} contributors"
        yield _row(f"session, {about}", size, one.seconds, "s", phases=one.phases)
        yield _row(f"processor of one party, {about}", size, sum(one.processor.values()), "s", phases=one.processor)
        for part, held in one.held.items():
            yield _row(f"memory of the {part}, {about}", size, held, "MB", most=MEMORY[part])
        yield _row(f"what a contributor sends, {about}", size, one.sent / 1e6, "MB", one.sealed / 1e6)
    if len(found) > 2:
        yield _constant(parties, found)


def _constant(parties: int, found: dict[int, asked.Asked]) -> Row:
    """What one more contributor costs among many over what it costs among few."""
    each = {
        f"{few} to {many}: ms of a party's processor each":
        1000 * (sum(found[many].processor.values()) - sum(found[few].processor.values())) / (many - few)
        for few, many in itertools.pairwise(found)
    }  # fmt: skip
    first, *_, last = each.values()
    return _row(f"{parties} parties: one more contributor of many over one of few", max(found), last / first, "times",
                1.0, most=CONSTANT, phases=each)  # fmt: skip


def _stormed(nation: Nation) -> Iterator[Row]:
    party, parties = nation.parties[-1], len(nation.parties)
    found = running.storm(nation, party)
    many = len(nation.servers)
    yield _row(f"{parties} parties: until all poll a party again whose gateway and agent were killed", many,
               found["all"], "s", found["answers"], most=BACK_WITHIN, phases=found)  # fmt: skip
    for part in ("agent", "gateway"):
        held = running.peak(party.processes[part].pid)
        yield _row(f"{parties} parties: memory of its {part} in that", many, held, "MB", most=MEMORY[part])


def _row(name: str, many: int, value: float, unit: str, floor: float | None = None, **more: Any) -> Row:
    phases = {name: round(figure, 3) for name, figure in more.pop("phases", {}).items()}
    common = {"name": f"national: {name}", "organisations": many, "value": round(value, 3), "unit": unit}
    return {**common, "floor": None if floor is None else round(floor, 3), "phases": phases, **more}
