"""A question in memory, and what a steward's file about it holds."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

from station_image.runtime.accepted import statement
from station_image.runtime.accepted.networks import Network

NAME = "griep"


def document(network: Network, /, **changes: Any) -> dict[str, Any]:
    """A question that every station of a network contributes to and computing parties compute; results to the first."""
    people = sorted(network.stations)
    found = {
        "network": network.name,
        "question": NAME,
        "purpose": "waar neemt griep toe",
        "analysis": "hotspots/1",
        "parameters": {"areas": ["7001-7040"]},
        "fields": {"postcode4": "vier cijfers"},
        "contributors": [one for one in people if network.stations[one].contributes],
        "results": [network.computing[0]],
        "computing": list(network.computing),
        "threshold": network.threshold,
        "operators": {one: one.rpartition(".")[2] for one in people},
        "statement_keys": {one: network.stations[one].key_digest for one in people},
        "minimum_cell": 10,
        "minimum_contributors": 3,
        "dpia_annex": "2026-03-01",
        "agreements": {one: {"kind": "gvo", "signed": "2026-02-01", "until": None} for one in people},
        "until": "2099-01-01",
        "at_most": "unlimited",
    }
    if network.alternates:
        found["computing_alternates"] = [list(parties) for parties in network.alternates]
    return copy.deepcopy({**found, **changes})


def allow(
    folder: Path,
    asked: dict[str, Any],
    until: str = "2098-01-01",
    digest: str = "",
    at_most: str = "",
    allowed: int | None = None,
) -> Path:
    """Write the file that a steward's `station allow` writes a moment later."""
    allowed = int(time.time()) + 1 if allowed is None else allowed
    path = folder / f"{asked['network']}~{asked['question']}.json"
    digest = digest or statement.digest(asked)
    content = {"question": asked, "digest": digest, "until": until, "at_most": at_most or asked["at_most"]}
    path.write_text(json.dumps({**content, "allowed": allowed}))
    return path
