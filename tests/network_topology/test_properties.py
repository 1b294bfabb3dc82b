"""Properties that hold for any network, not for the examples only."""

import copy
import datetime
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network_topology import diff, model, operators, rules, twin
from network_topology.compiling import compile, draw
from network_topology.violation import DefinitionError
from tests.network_topology.definitions import KNOWN, trees

definitions = trees().map(model.Definition.model_validate)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**12,
        "",
        "x",
        "a.b",
        "0.0.0.0/0",
        "\n",
        (),
        ("x",),
        ("x", 3),
        {},
        {"x": 1},
        datetime.date.max,
    ]
).map(copy.deepcopy)  # a later mutation may land inside: the next example must not see it


def shuffled(value: Any, random: Any) -> Any:
    """The same mapping with its keys in another order, at every depth."""
    if not isinstance(value, dict):
        return value
    keys = list(value)
    random.shuffle(keys)
    return {key: shuffled(value[key], random) for key in keys}


@settings(deadline=None)
@given(definitions)
def test_a_sound_network_has_no_errors_and_neither_has_its_twin(definition: model.Definition) -> None:
    for one in (definition, twin.sandbox_twin(definition)):
        assert [str(found) for found in rules.check(one, KNOWN) if found.severity == "error"] == []


@settings(deadline=None)
@given(trees(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(tree: dict[str, Any], random: Any) -> None:
    one = model.Definition.model_validate(tree)
    other = model.Definition.model_validate(shuffled(tree, random))
    assert compile.digest(one) == compile.digest(other)
    assert compile.compile_network(one) == compile.compile_network(other)
    assert draw.svg(compile.compile_network(one)) == draw.svg(compile.compile_network(other))
    assert diff.changes(one, other) == []


@settings(deadline=None)
@given(definitions)
def test_a_definition_that_travelled_as_json_has_the_same_digest(definition: model.Definition) -> None:
    for one in (definition, twin.sandbox_twin(definition)):
        travelled = model.Definition.model_validate_json(one.model_dump_json(exclude_defaults=True))
        assert compile.digest(travelled) == compile.digest(one)
        assert compile.compile_network(travelled) == compile.compile_network(one)


@settings(deadline=None)
@given(definitions)
def test_every_link_is_the_source_s_outbound_and_the_target_s_inbound(definition: model.Definition) -> None:
    network = compile.compile_network(definition)
    links = {(link.source, link.target) for link in network.links}
    assert len(links) == len(network.links), "one link per pair and direction"
    outbound = {
        (one.organisation, peer.organisation)
        for one in network.stations.values()
        for peer in one.peers
        if peer.outbound
    }
    inbound = {
        (peer.organisation, one.organisation) for one in network.stations.values() for peer in one.peers if peer.inbound
    }
    assert outbound == inbound == links
    for station in network.stations.values():
        if any(peer.inbound for peer in station.peers):
            assert station.gateway is not None, "who is called has a gateway"


@settings(deadline=None)
@given(definitions)
def test_every_contributor_reaches_every_computing_party(definition: model.Definition) -> None:
    network = compile.compile_network(definition)
    links = {(link.source, link.target) for link in network.links}
    for station in network.stations.values():
        if station.contributes:
            assert {
                (station.organisation, party) for party in network.computing if party != station.organisation
            } <= links


@settings(deadline=None)
@given(definitions)
def test_both_firewall_sheets_of_a_link_agree(definition: model.Definition) -> None:
    network = compile.compile_network(definition)
    for link in network.links:
        source, target = network.stations[link.source], network.stations[link.target]
        assert target.gateway is not None
        out = [row for row in source.firewall if row.direction == "out" and row.names == (target.gateway.name,)]
        into = [
            row
            for row in target.firewall
            if row.direction == "in" and row.counterpart == source.name and row.purpose == "mesh"
        ]
        assert [row.port for row in out] == [row.port for row in into] == [target.gateway.port]
        assert into[0].addresses, "calls come from a known range"


@settings(deadline=None)
@given(definitions, st.data())
def test_no_operator_ever_holds_more_than_the_threshold_without_an_error(
    definition: model.Definition, data: st.DataObject
) -> None:
    choice = st.sampled_from(["itself", "coordinator", "company", "org-1"])
    cards = {
        slug: card.model_copy(update={"operator": data.draw(choice)}) for slug, card in definition.organisations.items()
    }
    changed = definition.model_copy(update={"organisations": cards})
    holds = [Counter(operators.operator_of(changed, slug) for slug in parties) for parties in changed.sets]
    refused = any(one.rule == "operator_below_threshold" for one in rules.check(changed, KNOWN))
    assert refused == (max(max(one.values()) for one in holds) > (len(changed.computing) - 1) // 2)


@settings(deadline=None, max_examples=300)
@given(trees(), st.data())
def test_any_mutation_is_refused_with_violations_or_compiles(tree: dict[str, Any], data: st.DataObject) -> None:
    """Values that no author should write, put anywhere in the tree, never end in another exception."""
    for _ in range(data.draw(st.integers(1, 3))):
        _mutate(tree, data)
    try:
        definition = model.Definition.model_validate(tree)
    except ValueError:  # pydantic's own; load.read_what_can_be turns it into violations, see test_source
        return
    found = [one for one in rules.check(definition, KNOWN) if one.severity == "error"]
    diff.changes(None, definition)
    outside = {rule.name for rule in rules.TABLE if rule.outside}
    if any(one.rule not in outside for one in found):
        with pytest.raises(DefinitionError):
            compile.compile_network(definition)
    else:
        assert draw.svg(compile.compile_network(definition))


def _mutate(tree: dict[str, Any], data: st.DataObject) -> None:
    """Replace, remove or add one value somewhere in a tree."""
    node: Any = tree
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        if not isinstance(node[key], dict) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    kind = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if kind == "remove":
        del node[key]
    else:
        name = (
            key if kind == "replace" else data.draw(st.sampled_from(["dpia", "role", "contributes", "members", "odd"]))
        )
        node[name] = data.draw(ODD)
