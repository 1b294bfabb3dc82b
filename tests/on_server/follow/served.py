"""A server with a follower, in a folder: as `up` leaves it, and a coordinator that publishes on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from base import values
from network_topology import model
from network_topology.compiling import compile as compiler
from on_server.follow import main, parts, telling, texts
from on_server.follow.places import Paths
from publication import acceptance, publication, verified
from publication.following import applied, asked, entry, fetch, follow, kept
from tests.harness.coordinator import Coordinator, Keys, make_keys
from tests.publication import publications
from tests.publication.published import QUESTION, RELEASES, release
from werkplaats.operations.coordinator import publish as publishing

NETWORK, OWN = "proeftuin", "ggd"
QUESTIONS = {"griep": QUESTION}
BOTH = {**RELEASES, "0.9.0": release("0.9.0", "9")}
"""Of a network that moves from one to the other."""


@dataclasses.dataclass
class Served:
    """The server of one organisation. `reloads` counts what its gateway was asked, `fetched` the looks at `site`."""

    paths: Paths
    coordinator: Coordinator
    folder: Path
    keys: dict[str, Keys]
    own: str = OWN
    reloads: int = 0
    site: str = ""
    fetched: int = 0

    def publish(self, definition: model.Definition | None = None, questions: Any = None) -> verified.Verified:
        """Have the coordinator publish in its own folder."""
        return publishing.publish(
            self.folder, definition or self.coordinator.definition, BOTH, self.coordinator.authority,
            asked=QUESTIONS if questions is None else questions,
        )  # fmt: skip

    def up(self) -> None:
        """What `up` does once all is accepted."""
        taken = publication.take(self.folder, NETWORK, None)
        view = acceptance.accept(taken.verified)
        network = compiler.compile_network(view.definition)
        made = entry.made(network, self.own, view, taken.verified)
        documents, _ = asked.wanted(view, network, taken.verified.questions, self.own)
        self.place({f"/etc/werkplaats/accepted/{NETWORK}.json": applied.text(view)})
        self.place({**texts.view(made), **texts.gateway(made)})
        for peer in made["peers"]:
            self.place({**texts.serial(made, peer["id"], peer["serial"]), self.peer(peer["id"], "to.cfg"): "listen\n"})
        for name, text in asked.texts(documents, {}).items():
            self.place({f"{texts.NETWORKS}/{NETWORK}/{name}.json": text})
        pem, begins, rest = self.keys[self.own].as_read(self.own).partition("-----BEGIN PUBLIC")
        public, ends, statement = (begins + rest).partition("END PUBLIC KEY-----\n")
        names = [f"/etc/werkplaats/identity/{path.name}" for path in self.paths.own_keys]
        self.place(dict(zip(names, (pem, public + ends, statement), strict=True)))
        self.bring()

    def bring(self) -> None:
        """Bring the publication, as `up` does."""
        taken = publication.take(self.folder, NETWORK, None)
        given = {"number": taken.verified.number, "publication": kept.laid(taken.following, taken.files)}
        main.bring(self.paths, NETWORK, json.dumps(given).encode())

    def peer(self, peer: str, name: str) -> str:
        """The path of a file of a peer."""
        return f"{texts.COMPILED}/networks/{NETWORK}/peers/{peer}/{name}"

    def place(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            self.paths.at(path).parent.mkdir(parents=True, exist_ok=True)
            self.paths.at(path).write_text(text)

    def inbox(self, made: Mapping[str, bytes] | None = None, peer: str = "") -> Path:
        """Put the publication of the coordinator, or this one, where people put one, or the agent that of a peer."""
        source = self.paths.relayed(NETWORK) / peer if peer else self.paths.inbox(NETWORK)
        shutil.rmtree(source, ignore_errors=True)
        return publications.put(source, publications.gathered(self.folder) if made is None else made)

    def ask(self, question: bytes) -> bytes:
        """The part that parses, without its unit."""
        networks = values.mapping(question)["networks"]
        return json.dumps({"networks": {name: follow.answered(name, one) for name, one in networks.items()}}).encode()

    def reload(self) -> str:
        self.reloads += 1
        return ""

    def fetch(self, question: bytes) -> bytes:
        """The part that fetches, without its unit: at `site`, wherever the definition says that the place is."""
        asked = values.mapping(question)["networks"]
        self.fetched += 1
        found = {name: fetch.fetched(name, self.site, Path(one["kept"]), 5.0, near=True) for name, one in asked.items()}
        return json.dumps({"networks": found}).encode()

    def run(self, ask: parts.Ask | None = None, fetch: parts.Ask | None = None) -> bool:
        return main.run(self.paths, ask or self.ask, self.reload, fetch or self.fetch)

    @property
    def told(self) -> dict[str, Any]:
        """What the follower tells of the network."""
        found: dict[str, Any] = telling.before(self.paths)[NETWORK]
        return found

    def state(self) -> dict[str, bytes]:
        """Everything that lies below /etc, but what is half written."""
        top = self.paths.at("/etc")
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}

    def accepted(self) -> dict[str, Any]:
        return values.mapping(self.paths.accepted(NETWORK).read_bytes())


class Made:
    """Servers that are up, of a network of which everybody is approved: made once for a definition, and copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], tuple[Path, dict[str, Keys]]] = {}

    def server(self, folder: Path, coordinator: Coordinator, own: str = OWN) -> Served:
        """One in `folder`, where its coordinator works too and has done nothing yet."""
        asked = (coordinator.definition.model_dump_json(), own)
        if asked in self._made:
            shutil.copytree(self._made[asked][0], folder, symlinks=True, dirs_exist_ok=True)
        else:
            place = self._folder / str(len(self._made))
            self._made[asked] = place, _up(folder, coordinator, own)
            shutil.copytree(folder, place, symlinks=True)
        keys = {organisation: dataclasses.replace(one) for organisation, one in self._made[asked][1].items()}
        return Served(Paths(folder / "server"), coordinator, folder / "publication", keys, own)


def _up(folder: Path, coordinator: Coordinator, own: str) -> dict[str, Keys]:
    keys = {organisation: make_keys() for organisation in coordinator.definition.stations}
    for organisation, made in keys.items():
        coordinator.approve(organisation, made)
    server = Served(Paths(folder / "server"), coordinator, folder / "publication", keys, own)
    for name in ("/run/werkplaats", "/var/lib/werkplaats"):
        server.paths.at(name).mkdir(parents=True)
    server.publish(questions={})
    server.up()
    return keys


def taken_over(
    ask: Callable[[bytes], bytes], network: str, change: Callable[[dict[str, Any]], None]
) -> Callable[[bytes], bytes]:
    """The part that parses, with what it answers of a network changed by somebody who took it over."""

    def answer(question: bytes) -> bytes:
        answers = json.loads(ask(question))
        change(answers["networks"][network])
        return json.dumps(answers).encode()

    return answer
