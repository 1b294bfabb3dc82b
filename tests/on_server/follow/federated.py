"""A server of one region that follows a federation, in a folder: as `up` leaves it, and regions that publish on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from base import canonical, values
from network_topology import names
from network_topology.compiling import compile as compiler
from on_server.follow import main, telling, texts
from on_server.follow.places import Paths
from publication import acceptance, publication, verified
from publication.federations import federated, joint, members
from publication.following import applied, asked, entry, follow, kept
from tests.publication import publications
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions

ORGANISATION = "ggd-twente"
OWN = names.reference(TWENTE, ORGANISATION)
GONE = "deventer-ziekenhuis"
OTHER = names.reference(SALLAND, GONE)
KINDS: Mapping[str, Any] = {NAME: federated.verify, SALLAND: verified.verify, TWENTE: verified.verify}


def joined(regions: Regions) -> joint.Joint:
    """What a reader of all these publications makes of them."""
    said = federated.read(regions.place(NAME), NAME)
    return joint.join(said, members.read(said.definition, said.lineage, regions.place, canonical.now()))


@dataclasses.dataclass
class Member:
    """A server of a station in two networks, of which its own one is only kept: that it is followed others test."""

    paths: Paths
    regions: Regions
    asked: int = 0

    def up(self) -> None:
        """What `up` does once all is accepted."""
        published = joined(self.regions)
        view = acceptance.accept(published)
        network = compiler.compile_network(view.definition)
        made = entry.of_federation(network, OWN, view, published)
        documents, _ = asked.wanted(view, network, published.questions, OWN)
        self.place({f"/etc/werkplaats/accepted/{NAME}.json": applied.text(view)})
        self.place({**texts.view(made), **texts.gateway(made)})
        for peer in made["peers"]:
            self.place({**texts.serial(made, peer["id"], peer["serial"])})
        for name, text in asked.texts(documents, {}).items():
            self.place({f"{texts.NETWORKS}/{NAME}/{name}.json": text})
        for name in (NAME, f"{NAME}/{SALLAND}", TWENTE):
            self.bring(name)

    def bring(self, name: str) -> bool:
        """Bring a publication as `up` does; returns whether it is another one."""
        network = name.rpartition("/")[2]
        taken = publication.take_as(KINDS[network], self.regions.place(network), network, None)
        given = {"number": taken.verified.number, "publication": kept.laid(taken.following, taken.files)}
        return main.bring(self.paths, name, json.dumps(given).encode())

    def place(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            self.paths.at(path).parent.mkdir(parents=True, exist_ok=True)
            self.paths.at(path).write_text(text)

    def given(self, network: str, made: Mapping[str, bytes] | None = None, peer: str = "") -> Path:
        """Put what a network publishes, or this, where people put that, or the agent what a peer gave."""
        source = self.paths.relayed(network) / peer if peer else self.paths.inbox(network)
        shutil.rmtree(source, ignore_errors=True)
        return publications.put(source, publications.gathered(self.regions.place(network)) if made is None else made)

    def ask(self, question: bytes) -> bytes:
        """The part that parses, without its unit."""
        self.asked += 1
        networks = values.mapping(question)["networks"]
        return json.dumps({"networks": {name: follow.answered(name, one) for name, one in networks.items()}}).encode()

    def run(self, ask: Any = None, fetch: Any = None) -> bool:
        return main.run(self.paths, ask or self.ask, lambda: "", fetch or (lambda _: b'{"networks": {}}'))

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = telling.before(self.paths)[NAME]
        return found

    def state(self) -> dict[str, bytes]:
        """Everything that lies below /etc."""
        top = self.paths.at("/etc")
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}

    def accepted(self) -> dict[str, Any]:
        return values.mapping(self.paths.accepted(NAME).read_bytes())

    def view(self) -> dict[str, Any]:
        return values.mapping((self.paths.networks / NAME / "network.json").read_bytes())

    def gateway(self, name: str) -> Path:
        return self.paths.at(f"{texts.COMPILED}/networks/{NAME}/{name}")


def member(root: Path, regions: Regions) -> Member:
    """A server that is up."""
    made = Member(Paths(root), regions)
    for name in ("run/werkplaats", "var/lib/werkplaats"):
        (root / name).mkdir(parents=True)
    made.up()
    return made
