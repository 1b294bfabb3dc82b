"""Networks in memory, for tests without processes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from station_image.runtime.accepted.networks import Networks
from station_image.runtime.accepted.statement import StatementKey

PARTIES = ("n.a", "n.b", "n.c")
PRINTS = {name: base64.b64encode(bytes([number]) * 32).decode() for number, name in enumerate((*PARTIES, "n.d"))}


@dataclass
class Small:
    """Network n: a, b and c compute and contribute, d contributes. Each station has its own folder."""

    folder: Path
    keys: dict[str, StatementKey]

    @classmethod
    def make(cls, folder: Path) -> Small:
        small = cls(folder, {name: StatementKey(Ed25519PrivateKey.generate()) for name in PRINTS})
        for name in PRINTS:
            small.write(name)
        return small

    def view(self, name: str) -> dict[str, Any]:
        rows = {
            other: {
                "organisation": other[2:],
                "contributes": True,
                "inbound": other != "n.d",
                "statement_key": base64.b64encode(key.public).decode(),
            }
            for other, key in self.keys.items()
        }
        common = {"network": "n", "definition": "sha256:0", "release": "dev", "coordinator": "n.a", "threshold": 1}
        return {**common, "self": name, "computing": list(PARTIES), "stations": rows}

    def without(self, name: str, *others: str) -> dict[str, Any]:
        """What changes in the view of `name` once the keys of others are not accepted there any more."""
        rows = {other: row for other, row in self.view(name)["stations"].items() if other not in others}
        return {"stations": rows, "cut": {other: {"organisation": other[2:]} for other in others}}

    def write(self, name: str, /, **changes: Any) -> None:
        folder = self.folder / name / "n"
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (
            (folder.parent / "host.json", {"gateway_uid": 7, "agent_uid": 5001, "computer_uid": 5002}),
            (folder / "gateway.json", {"fingerprint": PRINTS[name]}),
            (folder / "network.json", {**self.view(name), **changes}),
        ):
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(content))
            fresh.replace(path)

    def networks(self, name: str) -> Networks:
        return Networks(self.folder / name)
