"""Servers of a federation on this machine: what `up` places on each, from publications that were read and accepted.

Of what a server has, the paths and ports are others. The home network is there with its trust and its certificate; of
its peers only those that the federation has too are called, since no others run.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from network_topology import model, names
from network_topology.compiling import compile as compiler
from network_topology.compiling.compiled import CompiledNetwork
from publication import acceptance, publication
from publication.federations import joint
from publication.following import entry
from station_image.runtime.accepted.gateway import Gateway
from tests.benchmarks.national.published import Published
from tests.harness import gateways, pki
from tests.harness.stations import AGENT_UID, COMPUTER_UID, GATEWAY_UID, PYTHON, SEPARATE, Station, free_port, replace

MOST_AT_PARTY = 4000
"""Connections of a gateway at a time: as the role has it (`tls_mesh_maxconn`)."""
MOST_AT_CONTRIBUTOR = 100


class Server(Station):
    """The station of one organisation of a federation."""

    def __init__(self, nation: Nation, reference: str, root: Path) -> None:
        home, self.organisation = names.home(nation.joint.network, reference)
        self.region, self.reference, self.root = nation, reference, root  # type: ignore[assignment]
        self.id = names.station_id(home, self.organisation)
        self.port = nation.ports.get(reference, 0)
        self.inbound = bool(self.port)
        self.key = nation.published.keys[reference].statement
        self.processes, self.sabotaged = {}, set()
        self.make_folders()
        self.write_key(self.key)

    def start_agent(self, module: str) -> None:
        """Start its agent as this module is one."""
        self.processes["agent"] = self._spawn("agent", [PYTHON, "-m", module], AGENT_UID)

    def put(self, network: str, name: str, content: object) -> None:
        """A file that the agent reads of a network."""
        (self.root / "networks.d" / network).mkdir(exist_ok=True)
        replace(self.root / "networks.d" / network / name, content)


class Nation:
    """The stations of a federation, with so many computing parties; nothing of it runs yet."""

    def __init__(self, published: Published, computing: int, look_every: float) -> None:
        """`look_every`: seconds after which a contributor sees what changed on its server."""
        self.published, self.look_every = published, look_every
        # Short: the path of a unix socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="na-", dir="/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "pycache").mkdir()
        (self.folder / "pycache").chmod(0o777)
        self.joint = _of(published.read(), computing)
        self.view = acceptance.accept(self.joint)
        self.compiled = compiler.compile_network(self.joint.definition)
        self.ports = {reference: free_port() for reference in self.joint.definition.computing}
        self._homes: dict[str, tuple[CompiledNetwork, acceptance.Accepted, Any]] = {}
        self.servers = {
            reference: Server(self, reference, self.folder / f"{number:03}")
            for number, reference in enumerate(self.compiled.stations)
        }
        self.parties = [self.servers[one] for one in self.joint.definition.computing]
        self.contributors = [one for one in self.servers.values() if not one.inbound]
        for one in self.servers.values():
            self._place(one)

    @property
    def name(self) -> str:
        """Of the federation."""
        return self.joint.network

    def __enter__(self) -> Nation:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.servers.values():
            one.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def entries(self, reference: str) -> list[dict[str, Any]]:
        """The host variables of a server, of its home network and of the federation, at the ports of this machine."""
        slug, organisation = names.home(self.name, reference)
        if slug not in self._homes:
            said = publication.read(self.published.place(slug), slug)
            self._homes[slug] = compiler.compile_network(said.definition), acceptance.accept(said), said
        both = [
            entry.made(self._homes[slug][0], organisation, *self._homes[slug][1:]),
            entry.of_federation(self.compiled, reference, self.view, self.joint),
        ]
        ids = {one.id: self.ports[one.reference] for one in self.servers.values() if one.inbound}
        for one in both:
            one["peers"] = [_here(peer, ids) for peer in one["peers"] if peer["inbound"] or peer["id"] in ids]
        port = self.ports.get(reference)
        both[0]["gateway"] = {**both[0]["gateway"], "port": port} if port else None
        return both

    def _place(self, one: Server) -> None:
        home, federation = self.entries(one.reference)
        key = pki.key_pem(self.published.keys[one.reference].private)
        gateways.place(one.root, one.id, [home, federation], key, MOST_AT_PARTY if one.port else MOST_AT_CONTRIBUTOR)
        uids = (GATEWAY_UID, AGENT_UID, COMPUTER_UID) if SEPARATE else (os.getuid(),) * 3
        keys = ("gateway_uid", "agent_uid", "computer_uid")
        replace(one.root / "networks.d" / "host.json", dict(zip(keys, uids, strict=True)))
        identity = self.joint.identities[one.reference]
        shown = identity.station_certificate.public_bytes(Encoding.DER)
        gateway = Gateway(shown, identity.statement.serial, identity.statement.signature)
        one.put(self.name, "gateway.json", gateway.document)
        one.put(self.name, "network.json", federation["network_json"])


def _of(read: joint.Joint, computing: int) -> joint.Joint:
    """The same with the first so many computing parties."""
    definition: model.Joined = read.definition
    fewer = definition.model_copy(update={"computing": definition.computing[:computing]})
    return dataclasses.replace(read, definition=fewer)


def _here(peer: Mapping[str, Any], ports: Mapping[str, int]) -> dict[str, Any]:
    outbound = bool(peer["outbound"]) and peer["id"] in ports
    here = {"address": gateways.HERE, "egress": [f"{gateways.HERE}/32"]}
    return {**peer, **here, "port": ports.get(peer["id"], 0), "outbound": outbound}
