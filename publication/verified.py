"""What a publication says, once its signatures and digests hold: every document parsed and held to its rules.

Nothing is taken on trust: names are checked against the definition, certificates and list against the CA, and the CA
against what the root holders signed. That the root and the keys are the ones that were accepted, `acceptance` looks
after.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
from cryptography import x509

from base import canonical, errors, values
from network_topology import model, questions, rules, tables, violation
from network_topology.rules import texts
from publication import identity, profile, revocations, trust
from publication.whole import ASK, FETCH, Consent, Holders, Whole


@dataclasses.dataclass(frozen=True)
class Verified:
    """A publication that was read and found right. `releases` and `identities` are by name and organisation.

    `lineage`: the fingerprints of its root and of those that it follows from. `ends`: role → when its word ends.
    `federations`: by name, what its root holders said yes to.

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
    holders: Holders
    root_version: int = 1
    lineage: frozenset[str] = frozenset()
    ends: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    federations: Mapping[str, Consent] = dataclasses.field(default_factory=dict)
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)

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


def document(described: model.Definition | model.Question | model.Release) -> dict[str, Any]:
    """A definition, question or release as it is published; `canonical.digest` of it is its digest for everybody."""
    return described.model_dump(mode="json", exclude_defaults=True)


def verify(whole: Whole, moment: datetime.datetime) -> Verified:
    """What a publication says, each document held to the same rules as its author's file, certificates to the CA.

    Raises PublicationError (RevocationError, RequestError) with the file that is not right.
    """
    definition = _definition(whole)
    _require_holders(whole, definition)
    trusted = _trusted(whole, moment)
    people = _identities(whole, definition, trusted)
    releases = {release: _release(whole, release, name) for release, name in _named(whole, "releases")}
    if definition.release not in releases:
        raise errors.PublicationError(
            f"{whole.place / 'definition.json'} names release {definition.release}, which is not in releases/",
            FETCH,
        )
    there = _tables(whole)
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
        _questions(whole, definition, there),
        there,
    )


def _require_holders(whole: Whole, definition: model.Definition) -> None:
    """Raise PublicationError where fewer people sign than the definition says that must."""
    for role, wanted in definition.signatures:
        found = getattr(whole.holders, role)
        if found.threshold < wanted:
            raise errors.PublicationError(
                f"{whole.place}: {found.threshold} of the {role.removesuffix('s')} holders must sign by its metadata, "
                f"and {wanted} by the definition",
                ASK,
            )


def _release(whole: Whole, name: str, file: str) -> model.Release:
    place, content = whole.place / file, _text(whole, file)
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


def _tables(whole: Whole) -> dict[str, tables.Table]:
    """Every table that questions name, made anew from what was read."""
    found = {}
    for name, file in _named(whole, "tables"):
        place, content = whole.place / file, _file(whole, file)
        try:
            found[name] = tables.Table.of(values.mapping(content), name)
            again = canonical.dump(found[name].document)
        except (ValueError, RecursionError) as error:
            raise errors.PublicationError(f"{place} is no table: {error}", ASK) from error
        if again != content:
            raise errors.PublicationError(f"{place} is not in canonical form", FETCH)
    return found


def _questions(
    whole: Whole, definition: model.Definition, there: Mapping[str, tables.Table]
) -> dict[str, model.Question]:
    """Every agreed question, by the same rules as its author's file."""
    found = {}
    for name, file in _named(whole, "questions"):
        place, content = whole.place / file, _text(whole, file)
        try:
            asked = model.Question.model_validate_json(content)
            questions.require(name, asked, definition, there)
        except pydantic.ValidationError as error:
            raise errors.PublicationError(f"{place} is no question: {error.errors()[0]['msg']}", FETCH) from error
        except (violation.DefinitionError, tables.TableError) as error:
            raise errors.PublicationError(
                f"{place} breaks the rules of a question: {error}", "ask the coordinator"
            ) from error
        if canonical.dump(document(asked)) != content:
            raise errors.PublicationError(f"{place} is not in canonical form", FETCH)
        found[name] = asked
    return found


def _named(whole: Whole, kind: str) -> list[tuple[str, str]]:
    """The files `<kind>/<name>.json`, as pairs of name and file."""
    return [(file.removeprefix(f"{kind}/").removesuffix(".json"), file) for file in whole.files if f"{kind}/" in file]


def _file(whole: Whole, name: str) -> bytes:
    if name not in whole.files:
        raise errors.PublicationError(f"{whole.place / name} is missing", FETCH)
    return whole.files[name]


def _text(whole: Whole, name: str) -> bytes:
    """The text of a document that can be written again: pydantic takes 1e400 where a model says `Any`."""
    content = _file(whole, name)
    try:
        values.mapping(content)
    except ValueError as error:
        raise errors.PublicationError(f"{whole.place / name} is not JSON: {error}", FETCH) from error
    return content


def _json(whole: Whole, name: str) -> dict[str, Any]:
    """A document in the one form that is published: of another, two readers could understand two things."""
    content = _text(whole, name)
    found = values.mapping(content)
    if canonical.pretty(found) != content:
        raise errors.PublicationError(f"{whole.place / name} is not in the form that is published", FETCH)
    return found


def _definition(whole: Whole) -> model.Definition:
    """The definition, by the same rules as its author's file: who published it may have checked nothing."""
    place = whole.place / "definition.json"
    content = _text(whole, "definition.json")
    try:
        definition = model.Definition.model_validate_json(content)
        rules.require(definition)
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


def _trusted(whole: Whole, moment: datetime.datetime) -> tuple[trust.Trust, ...]:
    """Each CA with its list, which lie in the same order."""
    try:
        authorities = profile.certificates(_file(whole, "ca.pem"), trust.MOST)
    except ValueError as error:
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} is not one certificate: {error}", FETCH) from error
    for one in authorities:
        _require_authority(whole, one)
    if len({one.subject for one in authorities}) < len(authorities):
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} has two CAs of one name", ASK)
    lists = revocations.load_all(_file(whole, "crl.pem"))
    if len(lists) != len(authorities):
        raise errors.PublicationError(
            f"{whole.place / 'crl.pem'} has {len(lists)} lists, and ca.pem {len(authorities)} CAs", FETCH
        )
    for listed, one in zip(lists, authorities, strict=True):
        revocations.verify(listed, one, moment)
    return tuple(trust.Trust(whole.network, *both) for both in zip(authorities, lists, strict=True))


def _require_authority(whole: Whole, found: x509.Certificate) -> None:
    if fault := profile.authority_fault(found, whole.network):
        raise errors.PublicationError(f"{whole.place / 'ca.pem'} {fault}", ASK)
    key = profile.key_fingerprint(profile.p256(found.public_key()))
    if key not in whole.authorities:
        raise errors.PublicationError(
            f"{whole.place / 'ca.pem'} has key {key}, which the root holders did not sign for",
            f"{ASK}; where the CA is new, root holders sign for it: werkplaats trust root sign {whole.network}",
        )


def _identities(
    whole: Whole, definition: model.Definition, trusted: Sequence[trust.Trust]
) -> dict[str, identity.Identity]:
    """Every identity, each with a certificate of its own names and keys that nobody else has."""
    found: dict[str, identity.Identity] = {}
    owners: dict[object, str] = {}
    for organisation, name in _named(whole, "identities"):
        one = identity.Identity.read(_json(whole, name), whole.place / name)
        if fault := identity.fault(one, organisation, definition, *trusted):
            raise errors.PublicationError(f"{whole.place / name} {fault}", ASK)
        key = profile.spki(profile.p256(one.station_certificate.public_key()))
        for what, kind in ((one.statement_key, "statement key"), (key, "gateway key")):
            if owners.setdefault(what, organisation) != organisation:
                raise errors.PublicationError(f"{whole.place / name} has the {kind} of {owners[what]}", ASK)
        found[organisation] = one
    return found
