"""The servers of these tests, and runs of the playbook on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import servers

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "roletest-wan"
SUBNET = "198.18.250.0/24"
PLAYBOOK = "playbooks/site.yml"


def boot(name: str, number: int, folder: Path, *, bare: bool = False) -> servers.Server:
    """Start a server at 198.18.250.<number>."""
    if not servers.docker("network", "ls", "--quiet", "--filter", f"name=^{NETWORK}$"):
        servers.docker("network", "create", "--subnet", SUBNET, NETWORK)
    address, alias = f"198.18.250.{number}", f"{name}.roletest"
    return servers.boot(
        f"roletest-{name}", folder, NETWORK, name=name, bare=bare, address=address, alias=alias, shared=True
    )


@dataclass
class Run:
    """What a run of the playbook did."""

    code: int
    events: list[dict[str, Any]]
    output: str
    seconds: float

    @property
    def changed(self) -> list[str]:
        return [f"{event['host']}: {event['role']}: {event['task']}" for event in self.events if event.get("changed")]

    @property
    def failures(self) -> list[str]:
        return [event["message"] for event in self.events if event["status"] in ("failed", "unreachable")]


def play(
    on: dict[str, servers.Server],
    stations: dict[str, Any],
    folder: Path,
    *words: str,
    playbook: str = PLAYBOOK,
    **extra: Any,
) -> Run:
    """Run the playbook on servers (by organisation) with their stations; `extra` are further host variables."""
    hosts = {
        name: {
            "ansible_host": server.address,
            "ansible_user": "beheer",
            "ansible_ssh_common_args": " ".join([*server.options, "-i", str(server.key)]),
            "station": stations[name],
            **extra,
        }
        for name, server in on.items()
    }
    inventory, events = folder / "inventory.json", folder / "events.jsonl"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    events.unlink(missing_ok=True)
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(inventory),
        playbook,
        *words,
    ]
    environment = os.environ | {"WERKPLAATS_EVENTS": str(events), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    begun = time.monotonic()
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    told = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    return Run(answer.returncode, told, answer.stdout + answer.stderr, seconds)
