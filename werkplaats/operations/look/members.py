"""A federation and its members, as they publish themselves: what its definition here says, held to that."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator

from base import canonical, errors
from network_topology import model
from publication import folder, profile, verified
from publication.federations import federated, members
from publication.metadata import TIMESTAMP
from publication.whole import Consent
from werkplaats.operations.home.networks import Federation


@dataclasses.dataclass(frozen=True)
class Status:
    """A federation or a member of it: its publication, and what is not as it should be."""

    network: str
    publication: int | None = None
    published: str = ""
    ends: str = ""
    """Until when its coordinator's word counts."""
    wrong: tuple[str, ...] = ()
    consent: Consent | None = None
    """Of a member: what its root holders said yes to."""
    crossed: tuple[str, ...] = ()
    """Of a member: until when the federation's CA certified its CA; one for each of its CAs."""
    until: tuple[str, ...] = ()
    """Of a member: until when it computes with others, where an upgrade that ends parts it from them."""

    @property
    def good(self) -> bool:
        """Whether the federation can count on it."""
        return not self.wrong

    def document(self) -> dict[str, object]:
        """As `--json` shows it."""
        consent = self.consent.model_dump(mode="json") if self.consent else None
        return {**dataclasses.asdict(self), "consent": consent, "good": self.good}


def read(federation: Federation, moment: datetime.datetime | None = None) -> list[Status]:
    """The federation and then each member, by its publication where that lies here, read at the moment (now)."""
    moment = moment or canonical.now()
    own, said = _own(federation, moment)
    lineage = said.lineage if said else frozenset[str]()
    found = members.read(federation.definition, lineage, federation.publication_of, moment)
    roots = {one.consent.root for one in found.values() if one.consent}
    apart = len(roots) > 1 and not said
    return [own, *(_member(federation, one, said, moment, apart=apart) for one in found.values())]


def _own(federation: Federation, moment: datetime.datetime) -> tuple[Status, federated.Federated | None]:
    place = federation.publication_of(federation.name)
    if not folder.there(place):
        return Status(federation.name, wrong=(f"its publication is not here: fetch it into {place}",)), None
    try:
        said = federated.read(place, federation.name, moment)
    except errors.WerkplaatsError as error:
        return Status(federation.name, wrong=(str(error),)), None
    wrong = _drifted(federation.definition, said.definition, said.number)
    return Status(federation.name, said.number, said.published, canonical.stamp(said.ends[TIMESTAMP]), wrong), said


def _drifted(here: model.Network, published: model.Network, number: int) -> tuple[str, ...]:
    if verified.document(here) == verified.document(published):
        return ()
    return (f"its definition here is not the one that it publishes: put that of publication {number} here",)


def _member(
    federation: Federation,
    one: members.Member,
    said: federated.Federated | None,
    moment: datetime.datetime,
    *,
    apart: bool,
) -> Status:
    made = one.published
    if made is None:
        return Status(one.network, wrong=one.wrong)
    wrong = [*_drifted(federation.members[one.network], made.definition, made.number), *one.wrong]
    if apart and one.consent:
        wrong.append(f"other members said yes to another root than {one.consent.root}")
    crossed = said.crossed.get(one.network, ()) if said else ()
    if said and not one.left:
        known = {profile.key_of(each) for each in crossed if each.not_valid_after_utc > moment}
        without = [each.generation for each in made.by_generation if each.key not in known]
        wrong += [f"{federation.name} did not certify its CA-{each}: {_PUBLISH} {federation.name}" for each in without]
    ends = canonical.stamp(made.ends[TIMESTAMP])
    until = tuple(canonical.stamp(each.not_valid_after_utc) for each in crossed)
    return Status(one.network, made.number, made.published, ends, tuple(wrong), one.consent, until, one.until)


_PUBLISH = "its coordinator runs werkplaats trust publish"


def lines(found: Iterable[Status]) -> Iterator[str]:
    """A line for each, and one for each thing that is wrong or will be."""
    for one in found:
        told = f"publication {one.publication} of {one.published}, good until {one.ends}" if one.publication else ""
        yes = f"takes part with {', '.join(one.consent.organisations)}" if one.consent else ""
        until = f"its CA is certified until {', '.join(one.crossed)}" if one.crossed else ""
        about = "; ".join(filter(None, (told, yes, until))) or "not read"
        yield f"{one.network}: {'good' if one.good else 'NOT GOOD'}: {about}"
        yield from (f"  {why}" for why in one.wrong)
        yield from (f"  soon: {until}" for until in one.until)
