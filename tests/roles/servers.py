"""Sandbox servers of these tests' own, and runs of the playbook on them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.components import sandbox_server
from stacks.servers.image import make

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "roletest-wan"
SUBNET = "198.18.250.0/24"
SECONDS = 90.0
PLAYBOOK = "playbooks/site.yml"


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Server:
    """A running sandbox server, reached over SSH only."""

    name: str
    address: str
    folder: Path

    @property
    def container(self) -> str:
        return f"roletest-{self.name}"

    @property
    def options(self) -> list[str]:
        known = self.folder / "known_hosts"
        options = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes"]
        shared = ["ControlMaster=auto", f"ControlPath={self.folder}/%C", "ControlPersist=30"]
        words = [word for option in [*options, *shared] for word in ("-o", option)]
        return [*words, "-i", str(self.folder / "key")]

    def run(self, command: str, *, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root."""
        words = ["ssh", *self.options, f"beheer@{self.address}", "sudo", "sh", "-c", f"'{command}'"]
        answer = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
        assert not (check and answer.returncode), f"{command}: {answer.stdout}{answer.stderr}"
        return answer

    def put(self, path: str, content: str) -> None:
        self.run(f"cat > {path}", given=content)

    def wait(self) -> None:
        """Wait until systemd has booted the server."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection((self.address, 22), 1).close()
                state = self.run("systemctl is-system-running --wait", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    return
            except OSError:
                time.sleep(0.1)
            assert time.monotonic() < end, f"{self.name} has no sshd after {SECONDS:.0f} s"

    def remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self.container], check=False, capture_output=True)
        subprocess.run(["docker", "volume", "rm", "--force", self.container], check=False, capture_output=True)


def boot(name: str, number: int, folder: Path, *, bare: bool = False) -> Server:
    """Start a server at 198.18.250.<number>; its host key and the operator's are made for it."""
    image = (make.ensure_bare if bare else make.ensure)(print)
    server = Server(name, f"198.18.250.{number}", folder)
    seed = folder / name
    seed.mkdir()
    for key in (folder / "key", seed / "ssh_host_ed25519_key"):
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (seed / "authorized_keys").write_text((folder / "key.pub").read_text())
    public = " ".join((seed / "ssh_host_ed25519_key.pub").read_text().split()[:2])
    with (folder / "known_hosts").open("a") as known:
        known.write(f"{server.address} {public}\n")
    if not docker("network", "ls", "--quiet", "--filter", f"name=^{NETWORK}$"):
        docker("network", "create", "--subnet", SUBNET, NETWORK)
    dropped = [word for name in sandbox_server.CAPABILITIES_DROPPED for word in ("--cap-drop", name)]
    unconfined = [
        word for kind in ("seccomp", "apparmor", "systempaths") for word in ("--security-opt", f"{kind}=unconfined")
    ]
    mounts = [word for path, how in sandbox_server.TMPFS.items() for word in ("--tmpfs", f"{path}:{how}")]
    if sandbox_server.UNIFIED.is_dir():
        mounts += ["--cgroupns", "host", "--volume", f"{sandbox_server.UNIFIED}:/sys/fs/cgroup:rw"]
    mounts += ["--volume", f"{server.container}:/var/lib/docker"]
    mounts += ["--volume", f"{seed}:{sandbox_server.SEED_FOLDER}:ro"]
    place = ["--network", NETWORK, "--ip", server.address, "--network-alias", f"{name}.roletest"]
    named = ["--name", server.container, "--hostname", name, "--env", "container=docker", "--cap-add", "ALL"]
    docker("run", "--detach", "--stop-signal", "SIGRTMIN+3", *named, *dropped, *unconfined, *mounts, *place, image)
    return server


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
    servers: dict[str, Server],
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
            "ansible_ssh_common_args": " ".join(server.options),
            "station": stations[name],
            **extra,
        }
        for name, server in servers.items()
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
