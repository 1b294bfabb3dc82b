"""How the last sessions ended."""

from __future__ import annotations

from pathlib import Path

from station_image.runtime.session.past import KEPT, Past
from tests.station_image.runtime.views import Small


def test_the_newest_of_a_network_is_told_and_old_ones_are_dropped(tmp_path: Path) -> None:
    network = Small.make(tmp_path).networks("n.a").find("n")
    past = Past()
    assert past.last("n") is None
    for number in range(KEPT + 5):
        past.add(network, str(number), "done")
    last = past.last("n")
    assert last is not None
    assert last["session"] == str(KEPT + 4)
    assert past.last("m") is None
    assert len(past._ended) == KEPT
