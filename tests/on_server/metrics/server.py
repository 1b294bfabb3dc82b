"""A server in a folder: what the role placed, an agent that answers, and programs that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from on_server.backup import main as backup
from on_server.follow import places, telling
from on_server.gateway import places as gateway_places
from on_server.incident import look
from on_server.metrics import looked
from on_server.metrics.table import Sample

NETWORK, STATION, PEER = "gerda", "gerda.gelre", "gerda.ggd"
UNITS = "\n\n".join(
    f"Id={name}\nLoadState=loaded\nActiveState=active\nNRestarts=0" for name in looked.UNITS if "backup" not in name
)
RUNS = "\n".join(json.dumps({"name": f"/station-{part}", "state": "running", "restarts": 0}) for part in looked.PARTS)
STATUS = {
    "problem": "",
    "computer": True,
    "draining": 0,
    "register": {"problem": "", "mended": 0},
    "networks": {
        NETWORK: {"problem": "", "uptime": 500, "peers": {PEER: {"seconds_ago": 20, "outbound": True, "polls": False}}}
    },
}
SAID: Mapping[str, str] = {"systemctl": UNITS, "docker version": "28.1", "docker inspect": RUNS, "timedatectl": "yes"}


class Server:
    """Its folder, and what its programs say: by their first word, or the first two."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said = dict(SAID)
        self.processes: dict[str, list[str]] = {"agent": ["S"], "computer": ["S"]}
        self.agent: Mapping[str, Any] = {"answers": "yes", "document": STATUS}
        own = root / f"etc/werkplaats/networks.d/{NETWORK}"
        own.mkdir(parents=True)
        (own / "network.json").write_text(
            json.dumps({"self": STATION, "release": "1.0", "stations": {STATION: {}, PEER: {}}})
        )
        (root / "run/werkplaats").mkdir(parents=True)
        (root / "run/werkplaats/follow.ran").touch()
        gateway = gateway_places.Paths(root)
        gateway.key.parent.mkdir()
        gateway.key.write_text("key")
        (gateway.gateway / "compiled").mkdir(parents=True)
        (gateway.gateway / "compiled/base.cfg").touch()
        (gateway.run / "gateway.stamp").write_text(gateway.inputs().digest)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/mountinfo").write_text(Path("/proc/self/mountinfo").read_text())

    def run(self, words: list[str]) -> dict[str, Any]:
        """What a program says."""
        said = self.said.get(" ".join(words[:2]), self.said.get(words[0], ""))
        return {"code": 0 if said else 1, "said": said, "error": ""}

    def samples(self) -> list[Sample]:
        """All that is told of it."""
        return looked.samples(places.Paths(self.root), backup.Places(self.root))

    def values(self) -> dict[tuple[str, ...], float]:
        """Metric and labels → value."""
        return {(one.metric, *one.labels): one.value for one in self.samples()}


def stand_in(server: Server, patch: pytest.MonkeyPatch) -> None:
    """Have everything that is asked of a server asked of this one."""
    patch.setattr(look, "run", server.run)
    patch.setattr(look, "agent", lambda *_: server.agent)
    patch.setattr(look, "processes", lambda: server.processes)
    patch.setattr(telling, "document", lambda _: {"faults": []})
