"""A federation seen together with the definitions of its members: who is who, and who operates what over all regions.

Whoever operates servers in several regions can read what is on all of them, so it is one operator here, by whatever
slug each region knows it.
"""

import dataclasses
import functools
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from network_topology import context, model, names, operators
from network_topology.federations.model import Federation


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A federation and the regional networks of its members, by slug, as far as they are known."""

    federation: Federation
    members: Mapping[str, model.Definition]

    def card(self, reference: str) -> model.Organisation | None:
        """The card of an organisation; None where its network or itself is not known."""
        slug, organisation = names.referred(reference) or ("", "")
        network = self.members.get(slug)
        return network.organisations.get(organisation) if network else None

    def name(self, reference: str) -> str:
        """An organisation's name as people know it; where it is not known, what it is referred to by."""
        card = self.card(reference)
        return card.name if card else reference

    def operator(self, reference: str) -> tuple[model.Definition, str]:
        """The regional network of a station, and the slug by which that knows its operator."""
        slug, organisation = reference.split("/")
        return self.members[slug], operators.operator_of(self.members[slug], organisation)

    @functools.cached_property
    def stations(self) -> dict[str, model.Organisation]:
        """The organisations that take part with a station, as far as they are known: by reference, in that order."""
        cards = {one: self.card(one) for one in self.federation.organisations}
        return {one: card for one, card in cards.items() if card is not None and card.role != "coordinator_only"}

    def known(self, parties: Sequence[str]) -> tuple[str, ...]:
        """Those of a set of computing parties that take part and are known, each once, as references in party order."""
        return tuple(one for one in dict.fromkeys(parties) if one in self.stations)

    @functools.cached_property
    def operated_by(self) -> dict[str, str]:
        """The operator of each station, by reference: an operator of several counts once.

        Two operators are one where they have one name, or are processors with one slug.
        """
        first: dict[str, str] = {}  # a mark of an operator → the operator that had it first
        found = {one: tuple(_marks(*self.operator(one))) for one in self.stations}
        for marks in found.values():
            _join(first, marks)
        return {reference: _root(first, marks[0]) for reference, marks in found.items()}

    @functools.cached_property
    def operator_names(self) -> dict[str, str]:
        """Every operator's name as people know it."""
        found: dict[str, str] = {}
        for reference, operator in self.operated_by.items():
            found.setdefault(operator, operators.name_of(*self.operator(reference)))
        return found

    def computing_per_operator(self, parties: Sequence[str]) -> dict[str, list[str]]:
        """The computing parties of a set by operator; who has most of them comes first."""
        return operators.grouped((self.operated_by[one], one) for one in self.known(parties))


def resolve(federation: Federation, known: context.Context) -> Resolved:
    """The federation with those of its members that are regional networks which can be used."""
    there = {slug: known.networks.get(slug) for slug in federation.members}
    return Resolved(federation, {slug: one for slug, one in there.items() if isinstance(one, model.Definition)})


def listed(slugs: Sequence[str], noun: str) -> str:
    """One or more with the word for them, as in `region twente` or `2 regions (drenthe, twente)`."""
    return f"{noun} {slugs[0]}" if len(slugs) == 1 else f"{len(slugs)} {noun}s ({', '.join(slugs)})"


def as_read(name: str) -> str:
    """A name as people read it: without what they do not see, or see no difference in."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _marks(network: model.Definition, operator: str) -> Iterator[str]:
    """What an operator is known by in every region: its name as it looks, and the slug of a processor."""
    yield f"name:{as_read(operators.name_of(network, operator))}"
    if operator in network.processors:
        yield f"processor:{operator}"


def _join(first: dict[str, str], marks: tuple[str, ...]) -> None:
    root = _root(first, marks[0])
    for mark in marks:
        first[_root(first, mark)] = root
    first[root] = root


def _root(first: dict[str, str], mark: str) -> str:
    while (before := first.get(mark, mark)) != mark:
        mark = before
    return mark
