"""Federations on the servers of one regional network: accepted beside it, and brought by its own `up`.

A station stays in its home network whatever becomes of a federation. What cannot be told of one now, because something
of it is not here or not right, leaves on the servers what they have of it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from base import canonical, errors
from network_topology import names
from network_topology.compiling import compiled
from publication import acceptance, folder, publication
from publication.federations import federated, joint, members
from publication.following import entry
from werkplaats.operations import progress
from werkplaats.operations.bring_up import carried, hand_over, questions
from werkplaats.operations.home import networks, places, vault
from werkplaats.operations.reach import remote, servers

Told = dict[str, dict[str, list[str]]]
"""Federation → organisation → sentences."""
Taken = Mapping[str, publication.Read[Any]]
"""The publications of a federation and its members, by what a server keeps each as; of who ended there is none."""


@dataclasses.dataclass(frozen=True)
class Beside:
    """A federation on servers of one region; `found` is by the organisations' own slugs, `problem` says why not.

    `taken`: what a server is to keep, once what was read is kept here too.
    """

    federation: networks.Federation
    published: joint.Joint | None = None
    found: hand_over.Applicable = dataclasses.field(default_factory=hand_over.Applicable)
    problem: str = ""
    taken: Taken = dataclasses.field(default_factory=dict)

    def gone(self, reference: str) -> str:
        """Why an organisation that accepted it is none of it any more; "" where it is, or where that is not known."""
        return self.published.out(reference) if self.published else ""


@dataclasses.dataclass(frozen=True)
class Federations:
    """All of which something is known here, on servers of one region.

    `accepted`: organisation → every network of which its server has an accepted document.
    """

    region: str
    each: tuple[Beside, ...] = ()
    accepted: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)

    def entries(self, organisation: str) -> list[entry.Entry]:
        """The entries of a server for the federations in which it takes part, as its operator accepted them."""
        return [
            entry.of_federation(network, names.reference(self.region, organisation), view, published)
            for _, published, view, network in self._in_force(organisation)
        ]

    def rows(self, organisation: str) -> list[compiled.FirewallRow]:
        """What else a server's own firewall lets in: the peers of other regions."""
        reference = names.reference(self.region, organisation)
        return [
            row
            for _, _, _, network in self._in_force(organisation)
            for row in network.stations[reference].firewall
            if row.purpose == "mesh" and row.direction == "in"
        ]

    def untold(self, organisation: str) -> list[str]:
        """The networks that a server has beside its own and of which nothing can be told now: it keeps what it has."""
        reference = names.reference(self.region, organisation)
        told = {
            one.federation.name
            for one in self.each
            if not one.problem and (organisation not in one.found.refused or one.gone(reference))
        }
        return sorted(self.accepted.get(organisation, frozenset()) - told - {self.region})

    def bring(self, remotes: remote.Remotes, organisations: Sequence[str]) -> dict[str, str]:
        """Bring what was taken to servers that are in federations, as `carried.bring` does; returns who failed.

        A server has the publication of its own region already.
        """
        failed: dict[str, str] = {}
        for one in self.each:
            own = names.reference(one.federation.name, self.region)
            inside = [o for o in organisations if any(of is one for of, *_ in self._in_force(o))]
            for name, taken in one.taken.items():
                if name != own:
                    failed |= carried.bring(name, remotes, inside, taken)
        return failed

    def deliver(
        self, remotes: remote.Remotes, ready: Sequence[str], say: progress.Say
    ) -> tuple[dict[str, dict[str, list[str]]], dict[str, str]]:
        """Bring questions to stations that are in federations, as `questions.deliver` does those of a network.

        Their names are `<federation>/<question>`.
        """
        told: dict[str, dict[str, list[str]]] = {}
        left_out: dict[str, str] = {}
        called = functools.partial(names.reference, self.region)
        for one in self.each:
            inside = [o for o in ready if any(of is one for of, *_ in self._in_force(o))]
            found, lost = questions.deliver(one.federation, remotes, one.found, inside, say, called)
            told |= {names.reference(one.federation.name, name): states for name, states in found.items()}
            left_out |= lost
        return told, left_out

    def planned(self, remotes: remote.Remotes) -> list[str]:
        """What questions would be delivered where, as `questions.planned` says of those of a network."""
        called = functools.partial(names.reference, self.region)
        return [
            f"{one.federation.name}: {line}"
            for one in self.each
            if one.found.views
            for line in questions.planned(one.federation, remotes, one.found, called)
        ]

    def told(self) -> Told:
        """What people are told: what applies by itself, what waits for whom, and why nothing of one is changed."""
        found: Told = {}
        for one in self.each:
            name, rows = one.federation.name, found.setdefault(one.federation.name, {})
            if one.problem:
                rows[""] = [f"nothing of it is changed: {one.problem}"]
            for organisation, applies in one.found.applies.items():
                rows.setdefault(organisation, []).extend(f"applies by itself: {change}" for change in applies)
            for organisation in one.found.waiting:
                reference = names.reference(self.region, organisation)
                yes = f"waits for its operator's yes: werkplaats accept {name} --only {reference}"
                rows.setdefault(organisation, []).append(yes)
            for organisation, why in one.found.refused.items():
                gone = one.gone(names.reference(self.region, organisation))
                rows.setdefault(organisation, []).append(gone or f"nothing of it is changed: {why}")
        return {name: rows for name, rows in found.items() if rows}

    def _in_force(
        self, organisation: str
    ) -> Iterator[tuple[Beside, joint.Joint, acceptance.Accepted, compiled.CompiledNetwork]]:
        """Each that a server takes part in, with what its operator accepted of it."""
        reference = names.reference(self.region, organisation)
        for one in self.each:
            view = one.found.views.get(organisation)
            if one.published and view is not None and reference in view.statement_keys:
                yield one, one.published, view, one.found.compiled(organisation)


def read(federation: networks.Federation, root: str | None = None) -> joint.Joint:
    """What a federation and its members publish, as `read_on` does."""
    return read_on(federation, root)[0]


def read_on(federation: networks.Federation, root: str | None = None) -> tuple[joint.Joint, Taken]:
    """What a federation and its members publish, as far as that lies here, together and each alone.

    `root` is as it was told by people; then what is read is kept, and nothing older is taken afterwards. Raises
    PublicationError (ExpiredError, OtherRootError, RevocationError), AcceptanceError for another root than was told.
    """
    lies, moment = federation.publication_of(federation.name), canonical.now()
    if not folder.there(lies):
        raise errors.PublicationError(f"its publication is not here: {lies}", "fetch it there")
    kept = _kept(federation)
    memory = kept if root is not None or kept.exists() else None
    own = publication.read_as(federated.verify, lies, federation.name, memory, root=root, moment=moment)
    said, beside = own.verified, kept.with_name(members.KEPT) if memory else None
    met = members.read(said.definition, said.lineage, federation.publication_of, moment, beside)
    taken = {names.reference(federation.name, slug): one.taken for slug, one in met.items() if one.taken}
    return joint.join(said, met), {federation.name: own, **taken}


def _kept(federation: networks.Federation) -> Path:
    """What was read of it last; looking makes no vault."""
    return vault.folder_of(federation.name) / networks.TRUSTED


def look(
    federation: networks.Federation,
    published: joint.Joint,
    region: networks.Network,
    remotes: remote.Remotes,
    organisations: Iterable[str],
) -> Beside:
    """What may be applied of a federation on servers of a region."""
    found = hand_over.Applicable(published)
    called = functools.partial(names.reference, region.name)
    part = [one for one in organisations if called(one) in published.definition.organisations]
    known = hand_over.judged(federation, remotes, part, found, published, called)
    if known and not _kept(federation).exists():  # what servers accepted tells whose the root is
        read(federation, published.root)
    return Beside(federation, published, found)


def beside(
    network: networks.Network,
    remotes: remote.Remotes,
    organisations: Sequence[str],
    say: progress.Say,
    *,
    looking: bool = False,
) -> Federations:
    """Every federation that is defined here of which the region is a member, with what of it may be applied now.

    What applies by itself is kept on the servers, but for who is only `looking`.
    """
    found: list[Beside] = []
    for federation in networks.federations(network):
        if federation.made_here and not folder.there(federation.publication_of(federation.name)):
            continue  # a twin that nobody made
        try:
            one = _beside(federation, network, remotes, organisations)
            _require_one_truth(one, found)
        except errors.WerkplaatsError as error:
            one = Beside(federation, problem=str(error))
        if not looking:
            hand_over.keep(federation, remotes, one.found)
        found.append(one)
    made = Federations(network.name, tuple(found), _accepted(remotes, organisations))
    for name, rows in made.told().items():
        for organisation, sentences in rows.items():
            for sentence in sentences:
                say(f"{name}: {f'{organisation}: ' if organisation else ''}{sentence}")
    for organisation in organisations:
        if untold := made.untold(organisation):
            say(f"{organisation}: keeps what it has of {', '.join(untold)}")
    return made


def _beside(
    federation: networks.Federation,
    network: networks.Network,
    remotes: remote.Remotes,
    organisations: Iterable[str],
) -> Beside:
    known = _kept(federation).exists()
    published, taken = read_on(federation)
    found = look(federation, published, network, remotes, organisations)
    if not known:  # what was read proves nothing, but where servers have just told whose the root is
        taken = read_on(federation)[1] if _kept(federation).exists() else {}
    return dataclasses.replace(found, taken=taken)


def _require_one_truth(one: Beside, others: Iterable[Beside]) -> None:
    """Raise PublicationError where two federations on a server know a region by two roots: one of them is deceived."""
    if one.published is None or not one.found.views:
        return
    ours = one.published.definition.roots
    for other in others:
        theirs = other.published.definition.roots if other.published and other.found.views else {}
        for slug in ours.keys() & theirs.keys():
            if ours[slug] != theirs[slug]:
                raise errors.PublicationError(
                    f"it knows {slug} by root {ours[slug]}, and {other.federation.name} by {theirs[slug]}",
                    f"ring a root holder of {slug} up: in one of the two somebody poses as it",
                )


def _accepted(remotes: remote.Remotes, organisations: Sequence[str]) -> dict[str, frozenset[str]]:
    """What each server has accepted documents of; one that does not answer is no reason to take anything off it."""
    place = Path(places.accepted("any"))
    found = {}
    for organisation, answer in remotes.ask_all(organisations, "ls", str(place.parent)).items():
        if isinstance(answer, servers.UnreachableError):
            continue
        lines = answer.stdout.splitlines()
        found[organisation] = frozenset(one.removesuffix(place.suffix) for one in lines if one.endswith(place.suffix))
    return found
