"""The members of a federation, as they publish themselves: each by its own root, held to what the federation says.

Where a reader keeps what it read, none goes back to an older publication. Where nothing is kept, that is not seen.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from base import errors
from network_topology.federations import rules
from network_topology.federations.model import Federation
from network_topology.federations.model import Member as Named
from publication import folder, publication, verified
from publication.whole import Consent

KEPT = "members"
"""In the vault of a federation: the folder with what was read last of each of its members."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A regional network as it is met. `published` is None where that could not be read, or is not of it.

    `left`: its root holders do not say yes to this federation, or not to this root. `wrong`: all that is not as the
    federation says, as sentences, each with what to do. `taken`: what was read, with its files, while its word counts.
    """

    network: str
    published: verified.Verified | None
    consent: Consent | None
    left: bool
    wrong: tuple[str, ...]
    taken: publication.Taken | None = None
    until: tuple[str, ...] = ()
    """Until when it computes with others, whom the end of an upgrade parts it from, as sentences with what to do."""


def read(
    federation: Federation,
    lineage: Collection[str],
    place_of: Callable[[str], Path],
    moment: datetime.datetime,
    kept: Path | None = None,
) -> dict[str, Member]:
    """Every member by its publication at its place, at the moment.

    `lineage`: the fingerprints of the federation's own root and of those that it follows from, to one of which a region
    says yes; without any it is not looked at which one it was. `kept`: the folder in which this reader keeps what it
    read of each.
    """
    found = {}
    for slug in sorted(federation.members):
        memory = kept / f"{slug}.json" if kept else None
        found[slug] = _read(federation, lineage, slug, place_of(slug), moment, memory)
    published = {slug: one.published for slug, one in found.items() if one.published is not None}
    spoken = {slug: _spoken(one) for slug, one in published.items()}
    later = {slug: frozenset(one.release.protocols) for slug, one in published.items()}
    defined = {slug: one.definition for slug, one in published.items()}
    for slug, reasons in rules.apart(federation, defined, spoken).items():
        found[slug] = dataclasses.replace(found[slug], wrong=(*found[slug].wrong, *reasons))
    for slug, ends in rules.until(federation, defined, spoken, later).items():
        found[slug] = dataclasses.replace(found[slug], until=tuple(ends))
    return found


def _spoken(published: verified.Verified) -> frozenset[int]:
    both = (published.release, published.earlier)
    return frozenset(number for one in both if one for number in one.protocols)


def _read(
    federation: Federation,
    lineage: Collection[str],
    slug: str,
    place: Path,
    moment: datetime.datetime,
    kept: Path | None,
) -> Member:
    if not folder.there(place):
        return Member(slug, None, None, False, (f"its publication is not here: fetch it into {place}",))
    root = federation.members[slug].root
    try:
        taken = _of_root(place, slug, root, kept, moment)
    except errors.ExpiredError as error:
        # A region that lets its publication end holds up no news of the others: what it said stands, nothing is added.
        made = publication.last(place, slug, kept or place / "nothing-is-kept")
        if root in made.lineage:
            return meet(federation, lineage, slug, made, (str(error),))
        return Member(slug, None, None, False, (str(error),))
    except errors.WerkplaatsError as error:
        return Member(slug, None, None, False, (str(error),))
    return dataclasses.replace(meet(federation, lineage, slug, taken.verified), taken=taken)


def meet(
    federation: Federation,
    lineage: Collection[str],
    slug: str,
    made: verified.Verified,
    ended: tuple[str, ...] = (),
) -> Member:
    """A member by what it publishes, of the root that the federation names; `ended`: why its word counts no more."""
    consent = made.federations.get(federation.network)
    left = consent is None or bool(lineage and consent.root not in lineage)
    wrong = _wrong(federation.network, slug, federation.members[slug], made, consent, left)
    return Member(slug, made, consent, left, (*ended, *wrong))


def _of_root(place: Path, slug: str, root: str, kept: Path | None, moment: datetime.datetime) -> publication.Taken:
    """The publication of a member, of the root that the federation names or of one that follows from it.

    What was kept counts, but where the member was founded anew and the federation names its new root: an operator is
    asked about that one before anything of it is taken.
    """
    try:
        taken = publication.read_on(place, slug, kept, moment=moment)
    except errors.OtherRootError:
        taken = publication.read_on(place, slug, moment=moment)
        if root not in taken.verified.lineage:
            raise
        return publication.read_on(place, slug, kept, root=taken.verified.root, moment=moment)
    if root not in taken.verified.lineage:
        raise other_root(root)
    if kept and not kept.exists():
        return publication.read_on(place, slug, kept, root=taken.verified.root, moment=moment)
    return taken


def other_root(root: str) -> errors.PublicationError:
    """What is said where a federation names a root from which that of a member does not follow.

    Its own is not said: who keeps the definition would name it, and has compared nothing.
    """
    return errors.PublicationError(
        f"its publication is of another root than the definition names, {root}",
        "have one of its root holders read it to you",
    )


def _wrong(
    federation: str, slug: str, named: Named, made: verified.Verified, consent: Consent | None, left: bool
) -> Iterator[str]:
    if consent is None:
        yield (
            f"its root holders did not say yes to {federation}: werkplaats trust root federate {slug} {federation} "
            "--root sha256:…, which they sign"
        )
    elif left:
        yield (
            f"its root holders said yes to root {consent.root}, which is not that of {federation} and none that it "
            "follows from: have one of the federation's root holders read the right one to them"
        )
    elif others := sorted({*named.organisations} - {*consent.organisations}):
        yield f"its root holders did not say yes to {', '.join(others)}, which the federation names"
    if without := sorted({*named.organisations} - made.identities.keys()):
        yield f"no certificate is published of {', '.join(without)}: its coordinator approves what they ask"
