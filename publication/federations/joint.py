"""A federation's publication together with those of its members, in the shape of one network's: as it is accepted.

Nothing is copied from one to the other on their way: the federation says who takes part and certifies CAs, each region
says which organisations it said yes to, where these are reached, and what keys they have. Whoever the two do not both
name has a card and no key, so that nobody lets it in. So stations, gateways and operators are given a federation
as they are given a network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from cryptography import x509

from base import errors
from network_topology import model, names, questions, rules, tables, violation
from network_topology.federations.joined import joined
from network_topology.federations.resolved import Resolved
from publication import acceptance, identity, profile, trust, verified
from publication.federations.federated import Federated
from publication.federations.members import Member
from publication.whole import FETCH


@dataclasses.dataclass(frozen=True)
class Joint(verified.Verified):
    """`definition` is a `model.Joined`, and identities are by `<regional network>/<organisation>`.

    `regions`: member → its CAs with their lists, of each with a CA that the federation certified: the certificate is
    the federation's, so that nobody trusts another region's CA by itself.
    """

    definition: model.Joined
    regions: Mapping[str, tuple[trust.Trust, ...]] = dataclasses.field(default_factory=dict)

    @property
    def release(self) -> None:  # type: ignore[override]  # each region ships its own
        """No image is shipped by a federation."""
        return

    def trusts(self, organisation: str) -> tuple[trust.Trust, ...]:
        """The CAs of the organisation's own region, as far as the federation certified them, the earlier one first."""
        network, _ = names.home(self.network, organisation)
        return self.regions.get(network, ())

    def narrowed(self, view: acceptance.Accepted) -> Joint:
        """The same with no CA that the operator did not say yes to: of the federation, or of a region of another root.

        That a region of the accepted root has another CA needs nobody's yes: its own root holders signed for that.
        """
        own = tuple(one for one in self.trusted if one.key in view.authorities)
        issuers = {one.authority.subject for one in own}
        roots = view.definition.roots if isinstance(view.definition, model.Joined) else {}
        regions = {
            slug: tuple(one for one in some if one.authority.issuer in issuers)
            for slug, some in self.regions.items()
            if roots.get(slug) == self.definition.roots[slug]
        }
        return dataclasses.replace(self, trusted=own, regions={slug: some for slug, some in regions.items() if some})

    def beside(self, there: Iterable[x509.Certificate], home: str) -> Joint:
        """The same with no CA but these, which a gateway in the region `home` has beside its own.

        By the very certificate that it has: another one has other constraints, or another term.
        """
        found = {(one.subject, profile.key_of(one)): one for one in there}

        def known(some: Iterable[trust.Trust]) -> tuple[trust.Trust, ...]:
            with_ = ((one, found.get((one.authority.subject, one.key))) for one in some)
            return tuple(dataclasses.replace(one, authority=here) for one, here in with_ if here)

        regions = {slug: some if slug == home else known(some) for slug, some in self.regions.items()}
        return dataclasses.replace(
            self, trusted=known(self.trusted), regions={slug: some for slug, some in regions.items() if some}
        )

    def alone(self, own: str, one: identity.Identity, accepted: model.Joined) -> Joint:
        """As a station finds it that none of the others lets in any more: it lets in none of them, and asks nothing.

        `accepted`: what it was in before.
        """
        return dataclasses.replace(self, definition=accepted, identities={own: one}, regions={}, questions={})

    def out(self, organisation: str) -> str:
        """Why no station of the federation lets that of an organisation in; "" of one that is let in."""
        if organisation in self.identities:
            return ""
        region, _ = names.home(self.network, organisation)
        effect = f"no other station lets this one in as one of {self.network}; its own network goes on"
        if organisation not in self.definition.stations:
            return f"no station of {self.network} any more by its publication {self.number}: {effect}"
        if region not in self.regions:
            return f"{region} takes no part in {self.network} now, or its CA is not certified: {effect}"
        return f"{region} said no yes for it to {self.network}, or withdrew its certificate: {effect}"

    def carried(self, home: str) -> tuple[trust.Trust, ...]:
        """All that the gateway of a station of this region needs beside its own CA to let others of the federation in.

        A region's own CA is none of it: its stations are let in by what they trust without any federation.
        """
        others = (one for slug, some in sorted(self.regions.items()) if slug != home for one in some)
        return (*self.by_generation, *others)


def join(said: Federated, met: Mapping[str, Member]) -> Joint:
    """What the federation and its members say together.

    Raises PublicationError where the publication of a member could not be read, since its organisations would be gone
    for everybody, and where the whole breaks a rule that its parts did not.
    """
    published = {slug: _published(one) for slug, one in met.items()}
    try:
        definition = joined(Resolved(said.definition, {slug: one.definition for slug, one in published.items()}))
        rules.require(definition)
        for name, asked in said.questions.items():
            questions.require(name, asked, definition, said.figures)
    except (ValueError, violation.DefinitionError) as error:
        raise errors.PublicationError(
            f"{said.network} cannot be used as its members publish themselves now: {error}",
            f"werkplaats status {said.network} says what each of them is to do",
        ) from error
    return _joint(said, met, definition, said.questions)


def standing(said: Federated, met: Mapping[str, Member], accepted: model.Joined) -> Joint:
    """What takes away of what they say, where they cannot be joined: the definition that was accepted stands.

    Nobody is in it whom it does not name, or whom they do not both name now. A member of another root than was accepted
    is none, and so is one of which no publication could be read.
    """
    known = {
        slug: one
        for slug, one in met.items()
        if one.published and slug in said.definition.members and accepted.roots.get(slug) in one.published.lineage
    }

    def holds(name: str, asked: model.Question) -> bool:
        try:
            questions.require(name, asked, accepted, said.figures)
        except (violation.DefinitionError, tables.TableError):
            return False
        return True

    # A set that the federation takes out is out, whatever its members say.
    sets = tuple(one for one in accepted.computing_alternates if one in said.definition.computing_alternates)
    accepted = accepted.model_copy(update={"computing_alternates": sets})
    return _joint(said, known, accepted, {name: one for name, one in said.questions.items() if holds(name, one)})


def _joint(
    said: Federated, met: Mapping[str, Member], definition: model.Joined, asked: Mapping[str, model.Question]
) -> Joint:
    """Those whom all name, by their own regions and by the federation, in a definition."""
    published = {slug: _published(one) for slug, one in met.items()}
    consents = {slug: one.consent.organisations for slug, one in met.items() if one.consent and not one.left}
    regions = {slug: tuple(_crossed(said, slug, one)) for slug, one in published.items() if slug in consents}
    regions = {slug: some for slug, some in regions.items() if some}
    found: dict[str, identity.Identity] = {}
    for reference in definition.organisations.keys() & {*said.definition.organisations}:
        slug, organisation = names.home(said.network, reference)
        one = published[slug].identities.get(organisation) if slug in regions else None
        if one and organisation in consents[slug]:
            found[reference] = one
    return Joint(
        network=said.network,
        number=said.number,
        published=said.published,
        definition=definition,
        trusted=said.trusted,
        identities=dict(sorted(found.items())),
        releases={},
        holders=said.holders,
        root_version=said.root_version,
        lineage=said.lineage,
        ends=said.ends,
        regions=regions,
        questions=asked,
        figures=said.figures,
    )


def _published(one: Member) -> verified.Verified:
    if one.published is None:
        raise errors.PublicationError(f"{one.network}: {'; '.join(one.wrong)}", FETCH)
    return one.published


def _crossed(said: Federated, slug: str, published: verified.Verified) -> Iterator[trust.Trust]:
    """The CAs of a member as the federation certified them, of keys that its own root holders named, with its lists."""
    by_key: dict[str, x509.Certificate] = {profile.key_of(one): one for one in said.crossed.get(slug, ())}
    for one in published.by_generation:
        if (certificate := by_key.get(one.key)) and certificate.subject == one.authority.subject:
            yield trust.Trust(slug, certificate, one.revocations)
