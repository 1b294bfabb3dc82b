"""Sound definitions of any size, and what their rules are told of the world outside."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from network_topology import context, load, model

KNOWN = context.Context(
    datetime.date(2026, 6, 1), {"twente": "GGD Twente"}, {"dev": frozenset({2}), "0.9.0": frozenset({2})}
)
NETWORKS = Path(load.__file__).with_name("networks")
_KINDS = {name: load.read_what_can_be(load.path_of(name, NETWORKS)).definition for name in load.known(NETWORKS)}
REGIONAL = [name for name, one in _KINDS.items() if isinstance(one, model.Definition)]
FEDERATIONS = [name for name in _KINDS if name not in REGIONAL]
SIGNED = {"kind": "gvo", "signed": datetime.date(2026, 2, 1)}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A sound definition as its file would be read: 3 to 25 organisations, 3, 5 or 7 of them computing."""
    count = draw(st.integers(3, 25))
    slugs = [f"org-{number}" for number in range(count)]
    parties = draw(st.sampled_from([one for one in (3, 5, 7) if one <= count]))
    mixed = draw(st.permutations(slugs))
    computing, others = mixed[:parties], mixed[parties : parties + 1] if draw(st.booleans()) else []
    cards: dict[str, Any] = {}
    for number, slug in enumerate(slugs):
        computes = slug in (*computing, *others)
        card: dict[str, Any] = {
            "name": f"Organisation {number}",
            "domain": draw(st.sampled_from(model.DOMAINS)),
            "operator": "itself" if computes else draw(st.sampled_from(["itself", "coordinator", "org-1", "company"])),
            "agreement": dict(SIGNED),
        }
        if computes or draw(st.booleans()):
            gateway = {"name": f"mesh.{slug}.example", "port": draw(st.integers(23, 65535))}
            card["gateway"] = {**gateway, "egress": (f"192.0.2.{number}/32",)}
        else:
            card["egress"] = (f"192.0.2.{number}/32",)
        if computes and draw(st.booleans()):
            card["contributes"] = False
        cards[slug] = card
    return {
        "network": "anywhere",
        "kind": "regional",
        "title": "Anywhere",
        "region": "twente",
        "coordinator": draw(st.sampled_from(slugs)),
        "technique": "mpc/mpyc",
        "release": "dev",
        "computing": tuple(computing),
        "computing_alternates": tuple((*computing[:-1], other) for other in others),
        "dpia": datetime.date(2026, 2, 1),
        "processors": {"company": {"name": "Company", "agreement": dict(SIGNED)}},
        "organisations": cards,
    }
