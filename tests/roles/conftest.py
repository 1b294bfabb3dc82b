"""Two sandbox servers with gateways, made once for all tests of the roles, and certificates of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from network_topology import names
from tests.harness import compiled, pki, servers
from tests.roles import plays
from tests.roles.plays import Run

NETWORK = "roltest.sandbox"
MACHINE = "198.18.250.1"  # this machine on the servers' network: where strangers and impostors are
# `twee` calls from a wide range, and `drie` from this machine, in that range.
FIREWALL = [
    {
        "direction": "in",
        "protocol": "tcp",
        "port": compiled.PORT,
        "counterpart": counterpart,
        "addresses": addresses,
        "purpose": "",
    }
    for counterpart, addresses in {"twee": ["198.18.0.0/15", "2001:db8::/32"], "drie": [f"{MACHINE}/32"]}.items()
]


@dataclass
class Mesh:
    """Stations `een` and `twee` on servers; `drie`, `vier` and `spook` are peers without a server."""

    folder: Path
    image: dict[str, str]
    authority: pki.Authority = field(default_factory=lambda: pki.Authority(NETWORK))
    servers: dict[str, servers.Server] = field(default_factory=dict)
    stations: dict[str, Any] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def play(self, *words: str, only: str | None = None, **extra: Any) -> Run:
        chosen = {name: server for name, server in self.servers.items() if only in (None, name)}
        return plays.play(chosen, self.stations, self.folder, *words, **extra)

    def party(self, organisation: str, **how: Any) -> pki.Party:
        return pki.Party(self.authority, organisation, self.folder, **how)

    def peer_id(self, organisation: str) -> str:
        return names.station_id(NETWORK, organisation)

    def certify(self, organisation: str) -> str:
        request = self.servers[organisation].run("cat /etc/werkplaats/identity/request.pem").stdout
        key: Any = x509.load_pem_x509_csr(request.encode()).public_key()
        return self.authority.station(organisation, key).public_bytes(pki.PEM).decode()

    def connect(self, organisation: str) -> None:
        """Give a station its certificate and its peers: the other server, and three that are not there."""
        issuers = [self.authority.subject]
        peers = [
            compiled.peer(NETWORK, other, issuers, address=f"{other}.roletest")
            for other in ("een", "twee", "drie", "vier", "spook")
            if other != organisation
        ]
        network = compiled.network(self.authority, organisation, peers, certificate=self.certify(organisation))
        self.stations[organisation] |= {"networks": [network]}


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A station image of one file, with its archive."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "file").write_text("x")
    subprocess.run(["tar", "--create", "--file", "root.tar", "file"], cwd=folder, check=True)
    identity = servers.docker("import", str(folder / "root.tar"), "roletest-station:1")
    servers.docker("save", "--output", str(folder / "image.tar"), "roletest-station:1")
    yield {"id": identity, "archive": str(folder / "image.tar")}
    servers.docker("image", "rm", identity)


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, image: dict[str, str]) -> Iterator[Mesh]:
    """Two servers, from nothing to a mesh: prepared, certified, connected, each with a stub of the agent."""
    made = Mesh(tmp_path_factory.mktemp("mesh"), image)
    try:
        for number, name in enumerate(("een", "twee")):
            made.servers[name] = plays.boot(name, 11 + number, made.folder)
        for name, server in made.servers.items():
            server.wait()
            empty = [{"network": NETWORK, "certificate_pem": ""}]
            made.stations[name] = compiled.station(name, empty, image, firewall=FIREWALL)
        made.runs.append(made.play("--tags", "prepare"))
        assert made.runs[-1].code == 0, made.runs[-1].output
        for name in made.servers:
            made.connect(name)
        made.runs.append(made.play("--tags", "connect"))
        assert made.runs[-1].code == 0, made.runs[-1].output
        for server in made.servers.values():
            start_agent(server)
        yield made
    finally:
        for server in made.servers.values():
            server.remove()
        subprocess.run(["docker", "network", "rm", plays.NETWORK], check=False, capture_output=True)


def start_agent(server: servers.Server) -> None:
    server.put("/usr/local/lib/stub_agent.py", (Path(__file__).parent / "stub_agent.py").read_text())
    server.run(
        "install -o station -m 600 /dev/null /var/tmp/seen; systemd-run --quiet --unit=stub-agent --uid=station "
        "--gid=station python3 /usr/local/lib/stub_agent.py /var/tmp/seen; "
        'timeout 10 sh -c "until test -S /run/werkplaats/agent/mesh.sock; do sleep 0.05; done"'
    )
