"""Plan: what `up` would change, read from the definition, the servers and the engines. Changes nothing.

`ahead` asks no server: it has the steps from what is published to what the definition says now.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from base import errors
from network_topology import check, load, model, names, twin
from network_topology.federations.model import Federation
from network_topology.steps import federated, listed
from publication import folder, publication, verified
from stacks import drive
from stacks.engine import install
from stacks.servers.image import make as server_image
from station_image.builder import images
from werkplaats.operations import progress
from werkplaats.operations.bring_up import (
    configure,
    federations,
    hand_over,
    hostvars,
    questions,
    servers,
    stations,
    unchanged,
)
from werkplaats.operations.home import networks, places
from werkplaats.operations.reach import remote
from werkplaats.operations.release import find

_WORDS = {"create": "make", "update": "change", "replace": "make anew", "delete": "remove"}


@dataclasses.dataclass
class Plan:
    """What would change, as sentences, and who was left out with the reason."""

    servers: list[str] = dataclasses.field(default_factory=list)
    waiting: list[str] = dataclasses.field(default_factory=list)
    applies: list[str] = dataclasses.field(default_factory=list)
    configuration: list[str] = dataclasses.field(default_factory=list)
    stations: list[str] = dataclasses.field(default_factory=list)
    questions: list[str] = dataclasses.field(default_factory=list)
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)

    def sections(self) -> list[tuple[str, list[str]]]:
        """Headings and lines for people."""
        missing = [f"{organisation}: {why}" for organisation, why in self.left_out.items()]
        return [
            ("servers", self.servers),
            ("waits for acceptance", self.waiting),
            ("applies by itself", self.applies),
            ("on the servers", self.configuration),
            ("stations", self.stations),
            ("questions", self.questions),
            *([("left out", missing)] if missing else []),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def plan(network: networks.Network, only: Sequence[str], reporter: progress.Progress) -> Plan:
    """Look at everything; a network of which nothing exists yet is planned from its definition alone."""
    found = Plan()
    engine = install.ensure(lambda text: reporter.say(text, "engine"))
    pinned = find.pinned(network.definition.release, network.home)
    image = images.built(pinned.image_id) if pinned else images.current()
    if image is None:
        reporter.say(
            f"the station image is not made on this machine yet: werkplaats up {network.name} makes it", "image"
        )
    if network.made_here:
        image_id = server_image.ensure(lambda text: reporter.say(text, "servers"))
        found.servers = _sentences(servers.plan(network, engine, image_id))
    to_be_made = {o for o in network.compiled.stations if f"make server of {o}" in found.servers}
    with network.remotes() as remotes:
        unreachable = remotes.probe()
        wanted = [o for o in remotes.servers if not only or o in only]
        found.left_out = {o: why for o, why in unreachable.items() if o in wanted and o not in to_be_made}
        reached = [o for o in wanted if o not in unreachable]
        applicable = hand_over.applicable(network, remotes, reached, looking=True)
        if applicable.stale:
            found.left_out["every change"] = applicable.stale
        found.waiting, found.applies = (
            [f"{o}: {change}" for o, changes in told.items() for change in changes]
            for told in (applicable.waiting, applicable.applies)
        )
        beside = federations.beside(network, remotes, reached, lambda text: reporter.say(text, "plan"), looking=True)
        running = stations.running(remotes, applicable.views)
        hosts = hostvars.applied(network, applicable, reached, running, beside)
        late = stations.late(network, applicable, running)
        found.waiting += [f"{o}: {what}" for o, what in late.items()]
        found.configuration = _configuration(network, remotes, hosts, reporter)
        missing = {o: applicable.refused.get(o, "has no certificate or acceptance yet") for o in reached}
        found.configuration += [f"{o}: {why}" for o, why in missing.items() if o not in hosts]
        found.configuration += [f"{o}: everything, from a bare server to a gateway" for o in sorted(to_be_made)]
        new = image.image_id if image else stations.NO_IMAGE
        wanted_images = {o: host["image"]["id"] for o, host in hosts.items() if o not in late}
        wanted_images |= dict.fromkeys(to_be_made, new)
        outcome = stations.plan(network, remotes, engine, wanted_images)
        found.stations = _sentences(outcome)
        found.questions = questions.planned(network, remotes, applicable) + beside.planned(remotes)
    return found


def ahead(
    network: networks.Network, against: Path | None, beside: Collection[listed.Beside], at_once: bool
) -> listed.Plan:
    """The steps from what is published, or from the definition in the file `against`, to what the definition says now.

    Raises UsageError where that file is of another network, DefinitionError where it is none.
    """
    found = None if against else published(network)
    before = _other(network, against) if against else found.definition if found else None
    known = places.known(network.home)
    return listed.plan(before, network.definition, known, beside=beside, questions=network.questions, at_once=at_once)


def ahead_together(
    federation: networks.Federation, published: networks.Federation | None, against: Path | None, at_once: bool
) -> federated.Plan:
    """The same of a federation. Raises UsageError where the file is of another one, or a member is not defined here."""
    before = _other_federation(federation, against) if against else published.definition if published else None
    home, known = federation.home, places.known(federation.home)
    there: dict[str, model.Network | None] = {**federation.members}
    for slug in sorted(before.members.keys() - there.keys() if before else ()):
        if names.defined(slug) not in load.known(home.networks) or not (
            found := check.network(slug, home.networks, known).definition
        ):
            raise errors.UsageError(
                f"{slug}, which leaves {federation.name}, is not defined here, or not rightly",
                f"keep its definition in {home.networks / names.defined(slug)} until it has left",
            )
        there[slug] = found
    known = dataclasses.replace(known, networks=there)
    return federated.plan(before, federation.definition, known, questions=federation.questions, at_once=at_once)


def _other_federation(federation: networks.Federation, path: Path) -> Federation:
    if names.is_sandbox(federation.name):
        raise errors.UsageError(f"{path} is of no twin", f"name {names.defined(federation.name)} itself")
    if not path.is_file():
        raise errors.UsageError(f"{path} is no file", "name the file of a definition")
    found = load.read_what_can_be(path).definition
    if not isinstance(found, Federation) or found.network != federation.name:
        raise errors.UsageError(f"{path} does not define {federation.name}", "name a file of the same federation")
    return found


def published(network: networks.Network) -> verified.Verified | None:
    """What is published of a network, also where nobody said lately that it is the newest; None where nothing is."""
    if not folder.there(network.publication):
        return None
    try:
        return publication.read(network.publication, network.name, network.trusted)
    except errors.ExpiredError:
        return publication.last(network.publication, network.name, network.trusted)


def _other(network: networks.Network, path: Path) -> model.Definition:
    found = load.read(path)
    if found.network != names.defined(network.name):
        raise errors.UsageError(
            f"{path} defines {found.network}, not {network.name}", "name a file of the same network"
        )
    return twin.sandbox_twin(found) if names.is_sandbox(network.name) else found


def _configuration(
    network: networks.Network,
    remotes: remote.Remotes,
    hosts: Mapping[str, Mapping[str, Any]],
    reporter: progress.Progress,
) -> list[str]:
    same = unchanged.Notes(network.run_folder, remotes).unchanged(hosts)
    others = {o: host for o, host in hosts.items() if o not in same}
    result = configure.run(network.run_folder, remotes, others, lambda text: reporter.say(text, "plan"), check=True)
    return result.tasks


def _sentences(outcome: drive.Outcome) -> list[str]:
    """`create gelre-server` → `make server of gelre`."""
    sentences = []
    for change in outcome.changes:
        organisation, _, part = change.name.rpartition("-")
        about = f"{part} of {organisation}" if organisation else f"network {change.name}"
        sentences.append(f"{_WORDS[change.operation]} {about}")
    return sentences
