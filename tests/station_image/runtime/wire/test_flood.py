"""One member floods; the others go on: real agents, computers and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from station_image.runtime.base import memory
from tests.harness.region import Region
from tests.harness.stations import wait_until
from tests.station_image.runtime.agreed import PLANTED_TOTALS, Agreed
from tests.station_image.runtime.wire.flooding import Flood, peak

pytestmark = pytest.mark.slow
THREE = ("ggd", "gelre", "sensire")


def test_one_member_floods_and_others_have_their_session_within_the_memory_of_a_container(
    agreed: Agreed, region: Region, note: Callable[[str], None]
) -> None:
    """What it gained: every place of a session, every megabyte of the agent, and a register that grows for ever."""
    agreed.everywhere()
    for name in THREE:
        region[name].restart("agent")
    region.heal()
    before = time.monotonic()
    assert agreed.opened(agreed.ask()) == PLANTED_TOTALS
    alone = time.monotonic() - before
    lines = _lines(region)
    with Flood(region["yunio"], "drie") as flood:
        wait_until(lambda: all(flood.sent.values()) and flood.sent.total() > 200, "the flood to rise", 60)
        before = time.monotonic()
        assert agreed.opened(agreed.ask()) == PLANTED_TOTALS
        flooded = time.monotonic() - before
    peaks = {name: peak(region[name]) for name in THREE}
    note(
        f"a session of {alone:.1f} s took {flooded:.1f} s while a member sent {dict(flood.sent)}; agents held at most "
        f"{max(peaks.values()) / 1024**2:.0f} MB"
    )
    assert max(peaks.values()) < memory.USUAL
    assert region.dead() == []
    assert max(after - lines[name] for name, after in _lines(region).items()) < 60, "a register grew by the flood"
    for name in THREE:
        assert "task-failed" not in region[name].log("agent")


def _lines(region: Region) -> dict[str, int]:
    paths = {name: region[name].root / "register" / "register.jsonl" for name in THREE}
    return {name: len(path.read_text().splitlines()) if path.exists() else 0 for name, path in paths.items()}
