"""Pairs of sound definitions of one network: from what is published to what a file says."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from network_topology import context, model
from tests.network_topology.definitions import KNOWN as ONE_RELEASE
from tests.network_topology.definitions import trees

RELEASES = {"dev": frozenset({2}), "1.0.0": frozenset({2}), "1.1.0": frozenset({2, 3}), "2.0.0": frozenset({3})}
KNOWN = context.Context(ONE_RELEASE.today, ONE_RELEASE.regions, RELEASES)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[model.Definition, model.Definition]:
    """Two definitions: organisations, parties, operators, gateways, addresses and release may all differ."""
    old, new = draw(trees()), draw(trees())
    if draw(st.booleans()):  # little changes: what is not drawn anew is as it was
        new = {**old, **{key: new[key] for key in ("coordinator", "title") if draw(st.booleans())}}
        new["organisations"] = dict(old["organisations"])
        for slug in draw(st.lists(st.sampled_from(sorted(old["organisations"])), max_size=2, unique=True)):
            if slug not in (*new["computing"], *sum(new["computing_alternates"], ()), new["coordinator"], "org-1"):
                del new["organisations"][slug]
    for slug in draw(st.lists(st.sampled_from(sorted(new["organisations"])), max_size=4, unique=True)):
        new["organisations"][slug] = moved(new["organisations"][slug])
    old["release"], new["release"] = draw(st.tuples(st.sampled_from([*RELEASES]), st.sampled_from([*RELEASES])))
    first, second = (model.Definition.model_validate(one) for one in (old, new))
    return first, second


def moved(card: dict[str, Any]) -> dict[str, Any]:
    """The card of an organisation that calls from elsewhere and is called elsewhere."""
    there = tuple(one.replace("192.0.2.", "198.51.100.") for one in card.get("gateway", card)["egress"])
    if "gateway" not in card:
        return {**card, "egress": there}
    name = card["gateway"]["name"].replace("mesh.", "gateway.")
    return {**card, "gateway": {**card["gateway"], "name": name, "egress": there}}
