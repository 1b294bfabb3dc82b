"""A network that is cut from the example is as sound as the example."""

from __future__ import annotations

from pathlib import Path

import pytest

from network_topology import check
from tests.harness import sized
from werkplaats.operations.home import places


@pytest.mark.parametrize(("size", "computing"), [(4, 3), (10, 5), (24, 5), (25, 5)])
def test_a_cut_network_has_its_size_and_no_violations(tmp_path: Path, size: int, computing: int) -> None:
    network = sized.sandbox(tmp_path, "meting", size)
    found = check.network(network.name, network.home / "networks", places.known(places.home()))
    assert found.definition is not None, found.violations
    assert len(found.definition.stations) == size
    assert len(found.definition.computing) == computing
    assert sum(one.gateway is not None for one in found.definition.stations.values()) == computing
    assert list(found.questions) == ["griep-hotspots"]


def test_a_network_that_grows_by_one_keeps_everybody_and_its_question(tmp_path: Path) -> None:
    network = sized.sandbox(tmp_path, "meting", 24)
    question = network.definition.parent / "questions" / "griep-hotspots.yml"
    before, defined = question.read_text(), sized.definition("meting", 24)
    grown = sized.definition("meting", 25)
    sized.write(network, grown)
    assert question.read_text() == before
    assert len(grown["organisations"].keys() - defined["organisations"].keys()) == 1
    assert defined["organisations"].keys() < grown["organisations"].keys()
