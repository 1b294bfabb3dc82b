"""A day in minutes: thirty faults, drawn by seed, at a network of ten in which sessions go on all the time.

What is caused is mended by its undoing some sessions later, before or after the next fault comes. Who asks for the
sessions stays well: somebody must ask. WERKPLAATS_KILL_SEED draws another storm.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from runbooks.drills import causes
from tests.faults import incidents
from tests.harness import chance, going, sandboxes, sized
from tests.harness.stations import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.soak]
FAULTS = 30
AT_ONCE = 2
TRIES = 2
"""Sessions that are tried after each fault before the next comes."""
BACK_SECONDS = 300.0
Drawn = tuple[causes.Cause, causes.Ends]


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sandboxes.Sandbox]:
    """A network of ten, five of whom compute."""
    made = sized.sandbox(tmp_path_factory.mktemp("storm"), "storm", 10)
    try:
        made.up(expect=None)  # ten stations begin on one machine: a computer of the first session may be too slow
        made.up()
        yield made
    finally:
        made.run("destroy", "--yes", expect=None)


def draw(every: list[str], computing: list[str]) -> list[Drawn]:
    """The faults in their order, none of which is of an organisation of which the one before still is."""
    choice, found = chance.of("storm"), list[Drawn]()
    while len(found) < FAULTS:
        cause = choice.choice(causes.CAUSES)
        ends = choice.choice([*cause.subjects(every, computing)])
        if not any({*ends} & {*others} for _, others in found[-AT_ONCE:]):
            found.append((cause, ends))
    return found


def registers(network: sandboxes.Sandbox, every: list[str]) -> dict[str, str]:
    """What is wrong with the register of each; "" where nothing is."""
    told = {one: json.loads(network.on(one, "station", "status", "--json").stdout) for one in every}
    return {one: status["register"].get("problem") or "" for one, status in told.items()}


def test_no_result_is_wrong_and_all_recovers(storm: sandboxes.Sandbox, note: Callable[[str], None]) -> None:
    place = incidents.Place(storm)
    defined = sized.definition("storm", 10)
    asks, *every = [one for one in defined["organisations"] if one not in defined["computing"]]
    every += defined["computing"]
    kinds, there = Counter[str](), list[Drawn]()
    with going.Sessions(storm, asks) as sessions:
        sessions.until(1)
        for cause, ends in draw(every, defined["computing"]):
            if len(there) == AT_ONCE:
                mended, of_whom = there.pop(0)
                mended.undo(place, of_whom)
            cause.act(place, ends)
            there.append((cause, ends))
            kinds[cause.incident] += 1
            enough = sessions.tried + TRIES
            wait_until(functools.partial(lambda enough: sessions.tried >= enough, enough), "sessions", BACK_SECONDS)
        for mended, of_whom in there:
            mended.undo(place, of_whom)
    storm.works_again()
    wait_until(lambda: set(registers(storm, [asks, *every]).values()) == {""}, "registers to be well", BACK_SECONDS)
    found = wait_until(lambda: storm.run("incident diagnose", "--json", expect=None), "diagnosis", BACK_SECONDS)
    told = ", ".join(f"{incident} {count}" for incident, count in sorted(kinds.items()))
    note(f"a storm of {FAULTS} faults at ten organisations: {told}")
    note(
        f"sessions meanwhile: {sessions.good} right ({len(sessions.left_out)} organisations were left out of some), "
        f"{len(sessions.failed)} that said why not, {len(sessions.wrong)} wrong; diagnosis afterwards: "
        f"{len(json.loads(found.stdout)['found'])} incidents"
    )
    assert sessions.wrong == []
    assert sessions.good > 0
    assert all(sessions.failed), "each that did not come to a result says why"
