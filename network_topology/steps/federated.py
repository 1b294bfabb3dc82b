"""The same of a federation: which of its definitions are published in turn, and what its members publish before that.

It owns no server, address or release. What of it has an order is who takes part and who computes: a region consents in
its own publication before the federation names it, and takes that back only once the federation names it no more.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from network_topology import context, diff, model, names
from network_topology.federations import rules
from network_topology.federations.joined import joined
from network_topology.federations.model import Federation, Member
from network_topology.federations.resolved import resolve
from network_topology.steps import between, listed, rounds, sessions
from network_topology.steps.listing import COORDINATOR, ROOT, Listing, Step

Chain = tuple[Federation, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """As `listed.Plan`: `differences` is what stations are told otherwise by each definition than by the one before."""

    before: Federation | None
    steps: tuple[Step, ...]
    definitions: Chain
    differences: tuple[list[diff.Change], ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return listed.told(self.steps, self.differences, self.definitions)


def plan(
    old: Federation | None,
    new: Federation,
    known: context.Context,
    *,
    questions: Mapping[str, model.Question] | None = None,
    at_once: bool = False,
) -> Plan:
    """The steps from what is published, None where nothing is, to `new`; none where both are the same.

    `known.networks` has the definitions of their members, of those that leave too; all else is as for `listed.plan`.
    """
    first = (new,) if at_once or old is None else definitions(old, new, known)
    chain = () if old == new else first
    listing, before, changed = Listing(new.network, questions or {}, known), old, []
    for number, definition in enumerate(chain, start=1):
        changed.append(_take(listing, known, before, definition, number, len(chain)))
        before = definition
    if chain:
        listing.add(COORDINATOR, "verify every link between regions, by a joint computation", "verify {}")
    return Plan(old, tuple(listing.steps), chain, tuple(changed))


def definitions(old: Federation, new: Federation, known: context.Context) -> Chain:
    """What is published one after the other; the last is `new`. Empty where both are the same.

    Of the ways there are, of which each definition holds the rules, it is the one in which sessions stop least often,
    and the shortest of those.
    """
    if old == new:
        return ()
    best: Chain = (new,)
    least = _cost(old, best, known)
    for chain in _chains(old, new):
        if not least[0]:
            break
        if (cost := _cost(old, chain, known)) < least and all(_sound(one, known) for one in chain[:-1]):
            best, least = chain, cost
    return best


def _cost(old: Federation, chain: Chain, known: context.Context) -> tuple[int, int]:
    shapes = [joined(resolve(one, known)) for one in (old, *chain)]
    return sum(bool(sessions.ended(*pair, known)) for pair in itertools.pairwise(shapes)), len(chain)


def _chains(old: Federation, new: Federation) -> Iterator[Chain]:
    """The ways from one to the other, the shorter ones first."""
    yield (_beside(new, old, new.sets), new)
    for middles in between.sets_between(old.computing, new.computing):
        for base, other in ((new, old), (old, new)) if middles else ():
            chain = tuple(_beside(base, other, between.with_others(sets, old, new)) for sets in middles)
            yield (*chain, new)
            yield (*chain, _beside(new, old, new.sets), new)


def _beside(base: Federation, other: Federation, sets: between.Sets) -> Federation:
    """One of both with these sets, and with those of the other one that compute in them."""
    members = dict(base.members)
    for reference in dict.fromkeys(one for parties in sets for one in parties):
        slug, organisation = names.referred(reference) or ("", "")
        if slug not in members and slug in other.members:
            members[slug] = other.members[slug].model_copy(update={"organisations": ()})
        if slug in members and organisation not in members[slug].organisations:
            more = (*members[slug].organisations, organisation)
            members[slug] = members[slug].model_copy(update={"organisations": more})
    return base.model_copy(update={"computing": sets[0], "computing_alternates": sets[1:], "members": members})


def _sound(federation: Federation, known: context.Context) -> bool:
    return all(one.severity != "error" for one in rules.check(federation, known))


def _take(
    listing: Listing, known: context.Context, old: Federation | None, new: Federation, number: int, of: int
) -> list[diff.Change]:
    """Add the steps of one definition that takes the place of `old`; returns what stations are told otherwise."""
    before, after = joined(resolve(old, known)) if old else None, joined(resolve(new, known))
    changes, start = diff.changes(before, after), listing.last
    ready = [*_consenting(listing, old, new, start), *_signing(listing, before, after, start)]
    why = sessions.ended(before, after, known) if before else "no station is up yet"
    published = rounds.publishing(listing, before, after, ready or list(start), rounds.which(number, of, changes), why)
    if any(one.adds for one in changes):
        rounds.accepting(listing, before, after, *(f"up {slug}" for slug in sorted(new.members)))
    elif why:
        listing.add(COORDINATOR, "wait until every station has it", "status {}", sessions="possible again")
    if before and old:
        rounds.ask_anew(listing, before, after)
        for slug in sorted(old.members.keys() - new.members.keys()):
            words = (f"trust root leave {slug} {{}}", *_said(slug))
            listing.aside(f"root holders of {slug}", "take back their consent", *words, after=(published,))
    return changes


def _consenting(listing: Listing, old: Federation | None, new: Federation, start: tuple[int, ...]) -> Iterator[int]:
    for slug, member in sorted(new.members.items()):
        before = old.members.get(slug) if old else None
        if _more(before, member):
            only = "".join(f" --only {one}" for one in member.organisations)
            words = (f"trust root federate {slug} {{}} --root sha256:…{only}", *_said(slug))
            what = f"consent that {', '.join(member.organisations)} take part, in the publication of {slug}"
            yield listing.aside(f"root holders of {slug}", what, *words, after=start)


def _more(before: Member | None, after: Member) -> bool:
    """Whether a region says yes to more than it did."""
    return before is None or before.root != after.root or not {*after.organisations} <= {*before.organisations}


def _said(region: str) -> tuple[str, str]:
    return f"trust root sign {region} --key KEY", f"trust publish {region}"


def _signing(
    listing: Listing, old: model.Definition | None, new: model.Definition, start: tuple[int, ...]
) -> list[int]:
    if old is None:
        found = [(COORDINATOR, "name the holders of its root", "trust root found {} --root FILE.pub")]
    else:
        found = [*rounds.keys(old, new, frozenset())]
    made = [listing.aside(who, what, word, after=start) for who, what, word in found]
    return [listing.aside(ROOT, "sign for these keys", "trust root sign {} --key KEY", after=made)] if made else []
