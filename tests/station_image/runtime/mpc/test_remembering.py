"""No party helps another to a result before its own agent remembers it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from station_image.runtime import analyses
from tests.station_image.runtime.analyses.parties import Job, Parties


@pytest.fixture(scope="module")
def parties() -> Iterator[Parties]:
    found = Parties()
    try:
        yield found
    finally:
        found.stop()


def job() -> Job:
    analysis = analyses.find("hotspots/1")
    parameters = analysis.parameters({"areas": ["7001-7002"]})
    source = [(7001,)] * 4
    numbers = {name: analysis.numbers(analyses.Source("", name, parameters), source) for name in ("n.x", "n.y", "n.z")}
    return Job("hotspots/1", parameters, numbers, 3)


def test_a_station_that_dies_before_it_remembers_has_helped_nobody(parties: Parties) -> None:
    """Were it done for the others before that, they would have a result, and it would come back without the memory."""
    asked = job()
    lines = parties.connected(asked)
    for line, body in zip(lines, asked.bodies, strict=True):
        line.intake(asked, body)
    told = [line.until("opening")[0] for line in lines]
    assert told == [{"event": "opening", "contributors": ["n.x", "n.y", "n.z"], "left_out": {}}] * 3
    for line in lines[:2]:
        line.remembered()
    lines[2].close()
    for line in lines[:2]:
        failed = line.until("failed")[0]
        assert failed["root"] == 2
        assert failed["reason"] in ("its connection was closed", "its connection broke")
        line.close()


def test_when_all_remember_all_are_done(parties: Parties) -> None:
    asked = job()
    assert asked.outcome(parties.run(asked).ends)["areas"] == [{"area": "7001", "cases": 12}]
