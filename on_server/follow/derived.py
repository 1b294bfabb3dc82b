"""What follows from an accepted document: its digests, and all that an agent is told of its network.

The part that parses says the same, by the compiler and with libraries; here is what it is held to. Tests hold both
equal, for every network that there is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
_COUNTS = ("publication", "root", "seen", "digest")
"""Of an accepted document: what its own digest is not of."""


def canonical(document: Any) -> bytes:
    """JSON in one way only; raises ValueError of what has none."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(document: Any) -> str:
    """The SHA-256 of a document in its canonical form."""
    return f"sha256:{hashlib.sha256(canonical(document)).hexdigest()}"


def accepted(document: Document) -> str:
    """What two organisations compare of what they accepted."""
    return digest({name: value for name, value in document.items() if name not in _COUNTS})


def parts(document: Document) -> dict[str, str]:
    """The same a part each: by these stations tell each other what they accepted."""
    made = {name: digest(document[name]) for name in ("definition", "statement_keys", "holders")}
    if "release" in document:
        made["release"] = digest(
            [document[one] for one in ("release", "earlier")] if "earlier" in document else document["release"]
        )
    authority, successor = document["authority"], document.get("successor")
    return {**made, "authority": digest([authority, successor]) if successor else authority}


def view(document: Document) -> dict[str, Any]:
    """All of network.json but whose it is (`self`)."""
    described, keys, network = document["definition"], document["statement_keys"], document["network"]
    people = {slug: one for slug, one in described["organisations"].items() if one.get("role") != "coordinator_only"}
    # A federation names them `<regional network>/<organisation>`, and each has the id that it has there.
    ids = {slug: slug.replace("/", ".") if "/" in slug else f"{network}.{slug}" for slug in people}
    alternates = described.get("computing_alternates", ())
    return {
        "network": network,
        "definition": digest(described),
        "accepted": parts(document),
        "release": described.get("release", ""),
        "coordinator": ids.get(described["coordinator"]),
        "computing": [ids[slug] for slug in described["computing"]],
        "threshold": threshold(described["computing"]),
        **({"computing_alternates": [[ids[slug] for slug in one] for one in alternates]} if alternates else {}),
        "stations": {ids[slug]: _card(slug, people[slug], document) for slug in people if slug in keys},
        "cut": {ids[slug]: {"organisation": slug} for slug in people if slug not in keys},
    }


def _card(slug: str, card: Document, document: Document) -> dict[str, Any]:
    key = document["statement_keys"][slug]
    return {
        "organisation": slug,
        "name": card["name"],
        "operator": card.get("operator") or "itself",
        "contributes": card.get("contributes", True),
        "inbound": card.get("gateway") is not None,
        "statement_key": key,
        "gateway_serial": max(1, document.get("seen", {}).get(slug, {}).get(key, 0)),
    }


def threshold(computing: Sequence[str]) -> int:
    """How many computing parties together still learn nothing."""
    return max(0, (len(computing) - 1) // 2)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names in mappings included."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one
