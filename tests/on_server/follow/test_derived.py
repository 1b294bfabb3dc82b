"""What follows from an accepted document, by the root part and by the compiler: the same for every network."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network_topology import load, model, twin
from network_topology.compiling import compile as compiler
from on_server.follow import derived
from publication import acceptance
from tests.network_topology.definitions import REGIONAL, trees
from tests.publication.published import HOLDERS, release

NETWORKS = Path(load.__file__).with_name("networks")


def key(number: int) -> str:
    return base64.b64encode(number.to_bytes(32, "big")).decode()


def require_same(definition: model.Definition, cut: int, serial: int) -> None:
    """By both, for each station that has a key; `cut` of them have none, one has a later gateway key."""
    keys = {slug: key(number) for number, slug in enumerate(definition.stations)}
    pinned = {slug: keys[slug] for slug in sorted(keys)[cut:]}
    accepted = acceptance.Accepted(
        network=definition.network,
        publication=3,
        root=1,
        definition=definition,
        holders=HOLDERS,
        authority="sha256:" + "9" * 64,
        release=model.Release.model_validate_json(json.dumps(release(definition.release))),
        statement_keys=pinned,
        seen={slug: {key(1000): 7, keys[slug]: serial} for slug in sorted(keys)[: cut + 1]},
    )
    document = json.loads(json.dumps(accepted.document()))
    network = compiler.compile_network(definition)
    made: dict[str, Any] = derived.view(document)
    for organisation in pinned:
        said = compiler.station_view(network, organisation, pinned, accepted.serials, accepted.parts)
        assert json.loads(json.dumps(said)) == {**made, "self": f"{definition.network}.{organisation}"}
    assert derived.accepted(document) == document["digest"] == accepted.digest


@pytest.mark.parametrize("name", REGIONAL)
def test_the_networks_that_are_here(name: str) -> None:
    found = load.find(name, NETWORKS)
    for one in (found, twin.sandbox_twin(found)):
        require_same(one, 1, 5)


@settings(max_examples=40)
@given(trees().map(model.Definition.model_validate), st.integers(0, 3), st.integers(0, 2**31 - 1))
def test_any_network(definition: model.Definition, cut: int, serial: int) -> None:
    for one in (definition, twin.sandbox_twin(definition)):
        require_same(one, min(cut, len(one.stations) - 1), serial)
