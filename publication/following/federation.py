"""What belongs on a server of a federation, of the newest that it and its members publish, each by its own root.

What one of them publishes holds up nothing of the others. Where it cannot be read, or ended, what it said last counts;
and where what all of them say cannot be joined, because a card breaks a rule of the whole or a member is new, what was
accepted stands: lists, cuts and withdrawn identities apply, and all else waits for the operator's own `up`. A station
of a region that left, or was cut off, closes its doors.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from base import canonical, errors
from network_topology import model, names
from network_topology.compiling import compile as compiler
from publication import acceptance, profile, publication, trust, verified
from publication.federations import federated, joint, members
from publication.following import applied, asked, entry, kept, looking
from publication.publication import Kind

MOST_NEW, MOST_VALUES = 8 * 1024 * 1024, 1_000_000
"""Characters, and values as JSON, of members' publications that are kept anew after one run; the rest is after a next
one, but for one that is larger by itself: that comes with `up`."""
Sources = tuple[Path, Sequence[Path]]
"""Where a publication is kept, and where a newer one may lie."""


@dataclasses.dataclass(frozen=True)
class Server(looking.Server):
    """The same of a federation. `members`: slug → where that publication lies."""

    own: Sources
    members: Mapping[str, Sources]


def followed(server: Server, moment: datetime.datetime | None = None) -> dict[str, Any]:
    """The answer about a federation: that about a network, and `members`: slug → publication that is new.

    `left` are those of which the new one found no place in it: then what is placed is to be asked for by what is kept.
    """
    told: looking.Told = {}
    found: dict[str, Any] = {"sources": told, "applies": [], "waits": [], "refused": "", "place": None}
    seconds = looking.LOOK_SECONDS / (1 + len(server.members))
    moment = moment or canonical.now()
    try:
        said = _counts(federated.verify, server.network, server.own, told, seconds, moment)
        each: dict[str, looking.Found[verified.Verified]] = {
            slug: _counts(verified.verify, slug, sources, told, seconds, moment)
            for slug, sources in sorted(server.members.items())
            if slug in said.taken.verified.definition.members or slug == _home(server)
        }
        published = _together(server, said.taken.verified, each, told)
        out = published.out(server.organisation)
        published = (_alone(server, published, each) if out else None) or published
    except errors.WerkplaatsError as error:
        return {**found, "refused": str(error)}
    made = applied.judge(published, server.organisation, server.accepted, server.keys)
    try:
        place = _place(server, published, made)
    except errors.WerkplaatsError as error:
        place, made.refused = None, str(error)
    new = {slug: one for slug, one in each.items() if one.source != server.members[slug][0]}
    brought = [str(one.source) for one in new.values()]
    fit = dict(_that_fit({slug: one.laid for slug, one in new.items()}))
    left = sorted(new.keys() - fit.keys())
    for slug in left:
        told[str(new[slug].source)] = "found no place this time beside what is new of others, or is too large by itself"
    return found | {
        "from": str(said.source) if said.source != server.own[0] or not brought else ", ".join(brought),
        "number": published.number,
        "published": published.published,
        "ends": canonical.stamp(min(published.ends.values())),
        "applies": made.applies[: applied.MOST_SAID],
        "waits": made.waits[: applied.MOST_SAID],
        "refused": made.refused or out,
        "publication": said.laid,
        "members": fit,
        "left": left,
        "place": place,
    }


def _counts(
    verify: publication.Verify[Kind],
    network: str,
    sources: Sources,
    told: looking.Told,
    seconds: float,
    moment: datetime.datetime,
) -> looking.Found[Kind]:
    """The newest publication of a network, or what was kept of it where no word counts any more."""
    place, others = sources
    try:
        if found := looking.newest(verify, network, place, others, told, seconds, moment):
            return found
        return looking.Found(publication.last_as(verify, place, network, kept.read(place)), place)
    except errors.WerkplaatsError as error:
        raise errors.PublicationError(f"{network}: {error}", "run `werkplaats up` of the home network") from error


def _together(
    server: Server,
    said: federated.Federated,
    each: Mapping[str, looking.Found[verified.Verified]],
    told: looking.Told,
) -> joint.Joint:
    """All of it joined; where that cannot be, and why is told, what was accepted without what was taken away."""
    there = {slug: one.taken.verified for slug, one in each.items() if slug in said.definition.members}
    met = {slug: members.meet(said.definition, said.lineage, slug, one) for slug, one in there.items()}
    try:
        for slug, member in said.definition.members.items():
            _require_of(slug, member.root, there)
        return joint.join(said, met)
    except errors.PublicationError as error:
        accepted = _accepted(server)
        if accepted is None:
            raise
        told[str(server.own[0])] = f"nothing is added of what its members say now, only taken away: {error}"
        return joint.standing(said, met, accepted)


def _accepted(server: Server) -> model.Joined | None:
    """The definition that was accepted; None where none was."""
    accepted = acceptance.load(applied.document(server.accepted))
    return accepted.definition if accepted and isinstance(accepted.definition, model.Joined) else None


def _alone(
    server: Server, published: joint.Joint, each: Mapping[str, looking.Found[verified.Verified]]
) -> joint.Joint | None:
    """The federation as this station is to find it that is out; None where its own region publishes it no more."""
    _, organisation = names.home(server.network, server.organisation)
    accepted, own = _accepted(server), each[_home(server)].taken.verified.identities.get(organisation)
    return published.alone(server.organisation, own, accepted) if accepted and own else None


def _home(server: Server) -> str:
    return names.home(server.network, server.organisation)[0]


def _require_of(slug: str, root: str, there: Mapping[str, verified.Verified]) -> None:
    if slug not in there:
        told = f"no publication of {slug} was brought here"
        raise errors.PublicationError(told, "run `werkplaats up` of the home network")
    if root not in there[slug].lineage:
        raise members.other_root(root)


def _place(server: Server, published: joint.Joint, made: applied.Applied) -> Mapping[str, Any] | None:
    if made.view is None or server.organisation not in made.view.statement_keys:
        return None
    network = compiler.compile_network(made.view.definition)
    documents, _ = asked.wanted(made.view, network, published.questions, server.organisation)
    trusted = published.beside(_certificates(server), _home(server))
    if not trusted.narrowed(made.view).trusted:
        raise errors.AcceptanceError(
            f"the gateway of {server.organisation} has no CA yet of {server.network}",
            "its operator accepted it, and runs `werkplaats up` of the home network",
        )
    return {
        "accepted": applied.text(made.view),
        "entry": entry.of_federation(network, server.organisation, made.view, trusted),
        "files": asked.texts(documents, asked.figures(documents, published.figures)),
    }


def _certificates(server: Server) -> list[Any]:
    try:
        return profile.certificates(server.ca.encode(), trust.MOST * (1 + len(server.members)))
    except ValueError as error:
        told = f"the CAs that the gateway of {server.organisation} has cannot be read: {error}"
        raise errors.AcceptanceError(told, "run `werkplaats up` of the home network") from error


def _that_fit(publications: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The smallest first: a large one of one member keeps none of the others from being kept."""
    left = [MOST_NEW, MOST_VALUES]
    for slug, files in sorted(publications.items(), key=lambda one: sum(map(len, one[1].values()))):
        sizes = sum(map(len, files.values())), sum(text.count(mark) for text in files.values() for mark in "[{,:")
        if all(size <= most for size, most in zip(sizes, left, strict=True)):
            left = [most - size for size, most in zip(sizes, left, strict=True)]
            yield slug, files
