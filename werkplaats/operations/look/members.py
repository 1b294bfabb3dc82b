"""The members of a federation, as they publish themselves: what its definition says of them, held to that.

Nothing is kept of what was read: that a publication is not older than one that somebody read before is not seen here.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator

from base import canonical, errors
from publication import folder, publication, verified
from publication.metadata import TIMESTAMP
from publication.whole import Consent
from werkplaats.operations.home.networks import Federation


@dataclasses.dataclass(frozen=True)
class MemberStatus:
    """One regional network: its publication, what its root holders said yes to, and what is not as it should be."""

    network: str
    publication: int | None = None
    published: str = ""
    ends: str = ""
    """Until when its coordinator's word counts."""
    consent: Consent | None = None
    wrong: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether the federation can count on it."""
        return not self.wrong

    def document(self) -> dict[str, object]:
        """As `--json` shows it."""
        consent = self.consent.model_dump(mode="json") if self.consent else None
        return {**dataclasses.asdict(self), "consent": consent, "wrong": [*self.wrong], "good": self.good}


def read(federation: Federation, moment: datetime.datetime | None = None) -> list[MemberStatus]:
    """Each member, by its publication where that lies here, read at the moment (now) under the root that is defined."""
    found = [_read(federation, slug, moment or canonical.now()) for slug in sorted(federation.compiled.members)]
    roots = {one.consent.root for one in found if one.consent}
    if len(roots) < 2:
        return found
    return [
        dataclasses.replace(one, wrong=(*one.wrong, f"other members said yes to another root than {one.consent.root}"))
        if one.consent
        else one
        for one in found
    ]


def _read(federation: Federation, slug: str, moment: datetime.datetime) -> MemberStatus:
    place, member = federation.publication(slug), federation.compiled.members[slug]
    if not folder.there(place):
        return MemberStatus(slug, wrong=(f"its publication is not here: fetch it into {place}",))
    try:
        made = publication.read(place, slug, moment=moment)
    except errors.WerkplaatsError as error:
        return MemberStatus(slug, wrong=(str(error),))
    if member.root not in made.lineage:
        told = f"its publication has root {made.root}, and the definition names {member.root}"
        return MemberStatus(slug, wrong=(f"{told}: have one of its root holders read it to you",))
    ends = canonical.stamp(made.ends[TIMESTAMP])
    consent = made.federations.get(federation.name)
    wrong = tuple(_wrong(federation, slug, made))
    return MemberStatus(slug, made.number, made.published, ends, consent, wrong)


def _wrong(federation: Federation, slug: str, made: verified.Verified) -> Iterator[str]:
    """What its publication says otherwise than the federation's definition, each with what to do."""
    beside, consent = federation.resolved.members[slug], made.federations.get(federation.name)
    named = federation.compiled.members[slug].stations
    if verified.document(made.definition) != verified.document(beside):
        yield f"its definition here is not the one that it publishes: put that of publication {made.number} here"
    if consent is None:
        yield (
            f"its root holders did not say yes to {federation.name}: werkplaats trust root federate {slug} "
            f"{federation.name} --root sha256:…, which they sign"
        )
    elif others := sorted(named.keys() - {*consent.organisations}):
        yield f"its root holders did not say yes to {', '.join(others)}, which the federation names"
    if without := sorted(named.keys() - made.identities.keys()):
        yield f"no certificate is published of {', '.join(without)}: its coordinator approves what they ask"


def lines(found: Iterable[MemberStatus]) -> Iterator[str]:
    """A line for each, and one for each thing that is wrong."""
    for one in found:
        told = f"publication {one.publication} of {one.published}, good until {one.ends}" if one.publication else ""
        yes = f"takes part with {', '.join(one.consent.organisations)}" if one.consent else ""
        about = "; ".join(filter(None, (told, yes))) or "not read"
        yield f"{one.network}: {'good' if one.good else 'NOT GOOD'}: {about}"
        yield from (f"  {why}" for why in one.wrong)
