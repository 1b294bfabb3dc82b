"""What a publication says, once its signatures and digests hold: every document parsed and held to its rules.

Nothing is taken on trust: names are checked against the definition, certificates and list against the CA, and the CA
against what the root holders signed. That the root and the keys are the ones that were accepted, `acceptance` looks
after.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pydantic
from cryptography import x509

from base import canonical, errors, values
from network_topology import model, questions, rules, tables, violation
from network_topology.federations.model import Federation
from network_topology.rules import texts
from publication import identity, parts, profile, trust
from publication.whole import ASK, FETCH, Consent, Holders, RootHolders, Whole


@dataclasses.dataclass(frozen=True)
class Verified:
    """A publication that was read and found right. `releases` and `identities` are by name and organisation.

    `lineage`: the fingerprints of its root and of those that it follows from. `ends`: role → when its word ends.
    `federations`: by name, what its root holders said yes to. `released_by`: the fingerprints of the release
    holders who signed for its releases.

    What was read is not in it: whoever hands a part on encodes anew what was understood of it.
    """

    network: str
    number: int
    published: str
    definition: model.Definition
    trusted: tuple[trust.Trust, ...]
    """The CA that signs now, and behind it the one that it takes the place of, or that will take its place."""
    identities: Mapping[str, identity.Identity]
    releases: Mapping[str, model.Release]
    holders: RootHolders
    root_version: int = 1
    lineage: frozenset[str] = frozenset()
    ends: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    federations: Mapping[str, Consent] = dataclasses.field(default_factory=dict)
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)
    released_by: frozenset[str] = frozenset()

    @property
    def authority(self) -> x509.Certificate:
        """The certificate of the CA that signs now."""
        return self.trusted[0].authority

    @property
    def revocations(self) -> x509.CertificateRevocationList:
        """The revocation list of the CA that signs now."""
        return self.trusted[0].revocations

    @property
    def by_generation(self) -> tuple[trust.Trust, ...]:
        """The CAs that are trusted, the earlier one first."""
        return tuple(sorted(self.trusted, key=lambda one: one.generation))

    @property
    def statement_keys(self) -> dict[str, str]:
        """Organisation → statement key (base64 of 32 bytes), of every organisation that has an identity."""
        return {organisation: one.statement_key for organisation, one in self.identities.items()}

    def serial(self, organisation: str, statement_key: str) -> int:
        """The serial number of an organisation's gateway key, where this statement key signed it; else 0."""
        one = self.identities.get(organisation)
        return one.statement.serial if one and one.statement_key == statement_key else 0

    def out(self, organisation: str) -> str:
        """Why no station lets that of an organisation in, as its own operator reads it; "" of one that is let in."""
        effect = "no other station lets this one in. Nothing on its server was changed"
        if organisation not in self.definition.stations:
            return (
                f"no station of {self.network} any more by publication {self.number} of {self.published}: {effect}; "
                f"werkplaats destroy {self.network} --only {organisation} takes the station off it, and leaves data "
                "and results. Ring the coordinator up where this is not what was agreed"
            )
        if organisation not in self.identities:
            return (
                f"its certificate is withdrawn by publication {self.number} of {self.published}: {effect}. Ring the "
                "coordinator up: it comes back with new keys only, or as it is where it was on hold"
            )
        return ""

    @property
    def root(self) -> str:
        """The fingerprint of its root: what people read to each other."""
        return self.holders.fingerprint(self.network)

    @property
    def authority_key(self) -> str:
        """The fingerprint of the key of the CA that signs now."""
        return self.trusted[0].key

    @property
    def release(self) -> model.Release:
        """The release that the definition names."""
        return self.releases[self.definition.release]

    @property
    def earlier(self) -> model.Release | None:
        """The release that stations may go on running while that one comes to them; None where no upgrade goes on."""
        return self.releases.get(self.definition.upgrading_from)


def document(described: model.Network | model.Question | model.Notes) -> dict[str, Any]:
    """A definition, question or release as it is published; `canonical.digest` of it is its digest for everybody."""
    return described.model_dump(mode="json", exclude_defaults=True)


def verify(whole: Whole, moment: datetime.datetime) -> Verified:
    """What a publication says, each document held to the same rules as its author's file, certificates to the CA.

    Raises PublicationError (RevocationError, RequestError) with the file that is not right.
    """
    if not isinstance(whole.holders, Holders):
        raise errors.PublicationError(
            f"{whole.place} is the publication of a federation, not a regional network's",
            f"name one of its members where a regional network is meant; else {ASK}",
        )
    definition = defined(whole, model.Definition, rules.require)
    parts.require_holders(whole, definition)
    trusted = parts.trusted(whole, moment)
    people = _identities(whole, definition, trusted)
    releases = {release: _release(whole, release, name) for release, name in parts.named(whole, "releases")}
    for named in filter(None, (definition.release, definition.upgrading_from)):
        if named not in releases:
            raise errors.PublicationError(
                f"{whole.place / 'definition.json'} names release {named}, which is not in releases/", FETCH
            )
    there = figures(whole)

    def held(name: str, one: model.Question) -> None:
        questions.require(name, one, definition, there)

    return Verified(
        whole.network,
        whole.number,
        whole.published,
        definition,
        trusted,
        people,
        releases,
        whole.holders,
        whole.root_version,
        whole.lineage,
        whole.ends,
        whole.federations,
        asked(whole, held),
        there,
        whole.released_by,
    )


def _release(whole: Whole, name: str, file: str) -> model.Release:
    place, content = whole.place / file, parts.text(whole, file)
    try:
        found = model.Release.model_validate_json(content)
    except pydantic.ValidationError as error:
        wrong = error.errors()[0]
        raise errors.PublicationError(
            f"{place} is no release: {'.'.join(map(str, wrong['loc'])) or 'it'}: {wrong['msg']}", FETCH
        ) from error
    if unseen := next(texts.unseen(document(found)), None):
        raise errors.PublicationError(f"{place}: {unseen.text}, but {texts.WHY}", ASK)
    if canonical.pretty(document(found)) != content:
        raise errors.PublicationError(f"{place} is not in the form that is published", FETCH)
    if found.release != name:
        raise errors.PublicationError(f"{place} describes release {found.release}", ASK)
    return found


def figures(whole: Whole) -> dict[str, tables.Table]:
    """Every table that questions name, made anew from what was read."""
    found = {}
    for name, file in parts.named(whole, "tables"):
        place, content = whole.place / file, parts.content(whole, file)
        try:
            found[name] = tables.Table.of(values.mapping(content), name)
            again = canonical.dump(found[name].document)
        except (ValueError, RecursionError) as error:
            raise errors.PublicationError(f"{place} is no table: {error}", ASK) from error
        if again != content:
            raise errors.PublicationError(f"{place} is not in canonical form", FETCH)
    return found


def asked(whole: Whole, held: Callable[[str, model.Question], None]) -> dict[str, model.Question]:
    """Every agreed question; `held` holds one to the rules of its author's file: raises DefinitionError, TableError."""
    found = {}
    for name, file in parts.named(whole, "questions"):
        place, content = whole.place / file, parts.text(whole, file)
        try:
            one = model.Question.model_validate_json(content)
            held(name, one)
        except pydantic.ValidationError as error:
            raise errors.PublicationError(f"{place} is no question: {error.errors()[0]['msg']}", FETCH) from error
        except (violation.DefinitionError, tables.TableError) as error:
            raise errors.PublicationError(
                f"{place} breaks the rules of a question: {error}", "ask the coordinator"
            ) from error
        if canonical.dump(document(one)) != content:
            raise errors.PublicationError(f"{place} is not in canonical form", FETCH)
        found[name] = one
    return found


Defined = TypeVar("Defined", model.Definition, Federation)


def defined(whole: Whole, shape: type[Defined], require: Callable[[Defined], None]) -> Defined:
    """The definition, by the same rules as its author's file: who published it may have checked nothing.

    `require` raises DefinitionError where it breaks one. Raises PublicationError.
    """
    place = whole.place / "definition.json"
    content = parts.text(whole, "definition.json")
    try:
        definition = shape.model_validate_json(content)
        require(definition)
    except pydantic.ValidationError as error:
        raise errors.PublicationError(f"{place} is not a definition: {error.errors()[0]['msg']}", FETCH) from error
    except violation.DefinitionError as error:
        raise errors.PublicationError(
            f"{place} breaks the rules of a network: {error}", "ask the coordinator"
        ) from error
    if canonical.dump(document(definition)) != content:
        raise errors.PublicationError(f"{place} is not in canonical form", FETCH)
    if definition.network != whole.network:
        raise errors.PublicationError(f"{place} is of {definition.network}, not of {whole.network}", FETCH)
    return definition


def _identities(
    whole: Whole, definition: model.Definition, trusted: Sequence[trust.Trust]
) -> dict[str, identity.Identity]:
    """Every identity, each with a certificate of its own names and keys that nobody else has."""
    found: dict[str, identity.Identity] = {}
    owners: dict[object, str] = {}
    for organisation, name in parts.named(whole, "identities"):
        one = identity.Identity.read(parts.document(whole, name), whole.place / name)
        if fault := identity.fault(one, organisation, definition, *trusted):
            raise errors.PublicationError(f"{whole.place / name} {fault}", ASK)
        key = profile.spki(profile.p256(one.station_certificate.public_key()))
        for what, kind in ((one.statement_key, "statement key"), (key, "gateway key")):
            if owners.setdefault(what, organisation) != organisation:
                raise errors.PublicationError(f"{whole.place / name} has the {kind} of {owners[what]}", ASK)
        found[organisation] = one
    return found
