"""The publication: what a coordinator gives out and every member may read. A folder, on any web server or stick.

    definition.json                    canonical JSON of the network's definition
    ca.pem  crl.pem                    the CA's certificate and the revocation list in force
    identities/<organisation>.json     certificate chain, statement key, approved fingerprint
    releases/<release>.json            what the station image of a release is, by digest
    questions/<question>.json          an agreed question, as its author wrote it; each steward allows it or not
    index.json  index.json.sig         the digest of each of these and a number that grows; its signature (see `index`)

A reader takes nothing on trust: names are checked against the definition, certificates, list and index against the CA.
That it is the same CA, and that the keys are the ones that were accepted, `acceptance` looks after.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic
from cryptography import x509

from base import canonical, errors
from network_topology import model, questions, rules, violation
from publication import profile, repository
from werkplaats.operations.coordinator import approval, revocation
from werkplaats.operations.coordinator.authority import Authority, key_fingerprint
from werkplaats.operations.coordinator.ledger import now, stamp

_NAMES = re.compile(
    r"definition\.json|(ca|crl)\.pem|(identities|questions)/[a-z0-9-]+\.json|releases/[A-Za-z0-9][\w.-]*\.json"
)


@dataclasses.dataclass(frozen=True)
class Publication:
    """A publication that was read and found right. `releases` and `identities` are by name and organisation."""

    network: str
    number: int
    published: str
    definition: model.Definition
    authority: x509.Certificate
    revocations: x509.CertificateRevocationList
    identities: Mapping[str, approval.Identity]
    releases: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, bytes]
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)

    @property
    def statement_keys(self) -> dict[str, str]:
        """Organisation → statement key (base64 of 32 bytes), of every organisation that has an identity."""
        return {organisation: identity.statement_key for organisation, identity in self.identities.items()}

    @property
    def authority_key(self) -> str:
        """The fingerprint of the CA's key."""
        return key_fingerprint(profile.p256(self.authority.public_key()))

    @property
    def release(self) -> Mapping[str, Any]:
        """The release that the definition names."""
        return self.releases[self.definition.release]


def publish(
    folder: Path,
    definition: model.Definition,
    releases: Mapping[str, Mapping[str, Any]],
    authority: Authority,
    moment: datetime.datetime | None = None,
    asked: Mapping[str, model.Question] | None = None,
) -> Publication:
    """Publish what the records say, with a revocation list in force; where nothing changed, nothing is written.

    `releases` maps name to document, `asked` name to question. Raises PublicationError when the result is one that
    readers would refuse.
    """
    moment = moment or now()
    files = {
        "definition.json": canonical.dump(document(definition)),
        "ca.pem": authority.pem,
        "crl.pem": revocation.pem(revocation.current(authority, moment)),
        **{f"identities/{name}.json": canonical.pretty(one) for name, one in _approved(definition, authority).items()},
        **{f"releases/{name}.json": canonical.pretty(one) for name, one in releases.items()},
        **{f"questions/{name}.json": canonical.dump(_plain(one)) for name, one in (asked or {}).items()},
    }
    number = max((int(row["number"]) for row in authority.records.rows("publications")), default=0) + 1
    # Read before it is written: a publication that members would refuse must not take the place of a good one.
    made = _understood(repository.Whole(definition.network, number, stamp(moment), files), folder, moment)
    try:
        existing = read(folder, definition.network, least_number=number - 1, moment=moment)
    except errors.RefusedError:
        existing = None  # none yet, or one that was damaged or is not the newest: this one takes its place
    if existing and existing.files == files:
        return existing
    authority.records.append(
        "publications", number=number, published=made.published, definition=canonical.digest(document(definition))
    )
    repository.write(folder, definition.network, number, files, authority.sign_publication, moment)
    return made


def read(folder: Path, network: str, *, least_number: int = 0, moment: datetime.datetime | None = None) -> Publication:
    """Read and verify a publication; `least_number` is the number of the newest one that was ever accepted here.

    Raises PublicationError (RevocationError, RequestError) with the file that is not right.
    """
    return _understood(repository.read(folder, network, least_number), folder, moment or now())


def document(definition: model.Definition) -> dict[str, Any]:
    """A definition as it is published: `canonical.digest` of it is `network_topology.compile.digest`."""
    return definition.model_dump(mode="json", exclude_defaults=True)


def _plain(asked: model.Question) -> dict[str, Any]:
    return asked.model_dump(mode="json", exclude_defaults=True)


def _approved(definition: model.Definition, authority: Authority) -> dict[str, dict[str, Any]]:
    """The identities of the definition's organisations, without those whose certificate was revoked."""
    found: dict[str, dict[str, Any]] = {}
    revoked = revocation.revoked_serials(authority.records)
    for organisation in definition.stations:
        identity = approval.find(authority.records, organisation)
        if identity and f"{identity.station_certificate.serial_number:x}" not in revoked:
            found[organisation] = identity.model_dump()
    return found


def _understood(whole: repository.Whole, folder: Path, moment: datetime.datetime) -> Publication:
    for name in whole.files:
        if not _NAMES.fullmatch(name):
            raise errors.PublicationError(f"{folder / name} is nothing that a publication has", repository.FETCH)
    definition = _definition(whole, folder)
    authority = _authority(whole, folder)
    revocations = revocation.load(_file(whole, folder, "crl.pem"))
    revocation.verify(revocations, authority, moment)
    people = _identities(whole, folder, definition, authority, revocations)
    releases = {release: _json(whole, folder, name) for release, name in _named(whole, "releases")}
    if definition.release not in releases:
        raise errors.PublicationError(
            f"{folder / 'definition.json'} names release {definition.release}, which is not in releases/",
            repository.FETCH,
        )
    return Publication(
        whole.network,
        whole.number,
        whole.published,
        definition,
        authority,
        revocations,
        people,
        releases,
        whole.files,
        _questions(whole, folder, definition),
    )


def _questions(whole: repository.Whole, folder: Path, definition: model.Definition) -> dict[str, model.Question]:
    """Every agreed question, by the same rules as its author's file."""
    found = {}
    for name, file in _named(whole, "questions"):
        place, content = folder / file, _file(whole, folder, file)
        try:
            asked = model.Question.model_validate_json(content)
            questions.require(name, asked, definition)
        except pydantic.ValidationError as error:
            raise errors.PublicationError(
                f"{place} is no question: {error.errors()[0]['msg']}", repository.FETCH
            ) from error
        except violation.DefinitionError as error:
            raise errors.PublicationError(
                f"{place} breaks the rules of a question: {error}", "ask the coordinator"
            ) from error
        if canonical.dump(_plain(asked)) != content:
            raise errors.PublicationError(f"{place} is not in canonical form", repository.FETCH)
        found[name] = asked
    return found


def _named(whole: repository.Whole, kind: str) -> list[tuple[str, str]]:
    """The files `<kind>/<name>.json`, as pairs of name and file."""
    return [(file.removeprefix(f"{kind}/").removesuffix(".json"), file) for file in whole.files if f"{kind}/" in file]


def _file(whole: repository.Whole, folder: Path, name: str) -> bytes:
    if name not in whole.files:
        raise errors.PublicationError(f"{folder / name} is missing", repository.FETCH)
    return whole.files[name]


def _json(whole: repository.Whole, folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_file(whole, folder, name))
    except (ValueError, RecursionError) as error:
        raise errors.PublicationError(f"{folder / name} is not JSON: {error}", repository.FETCH) from error
    if not isinstance(found, dict):
        raise errors.PublicationError(f"{folder / name} is not a JSON object", repository.FETCH)
    return found


def _definition(whole: repository.Whole, folder: Path) -> model.Definition:
    """The definition, by the same rules as its author's file: who published it may have checked nothing."""
    place = folder / "definition.json"
    content = _file(whole, folder, "definition.json")
    try:
        definition = model.Definition.model_validate_json(content)
        rules.require(definition)
    except pydantic.ValidationError as error:
        raise errors.PublicationError(
            f"{place} is not a definition: {error.errors()[0]['msg']}", repository.FETCH
        ) from error
    except violation.DefinitionError as error:
        raise errors.PublicationError(
            f"{place} breaks the rules of a network: {error}", "ask the coordinator"
        ) from error
    if canonical.dump(document(definition)) != content:
        raise errors.PublicationError(f"{place} is not in canonical form", repository.FETCH)
    if definition.network != whole.network:
        raise errors.PublicationError(f"{place} is of {definition.network}, not of {whole.network}", repository.FETCH)
    return definition


def _authority(whole: repository.Whole, folder: Path) -> x509.Certificate:
    try:
        (found,) = x509.load_pem_x509_certificates(_file(whole, folder, "ca.pem"))
    except ValueError as error:
        raise errors.PublicationError(
            f"{folder / 'ca.pem'} is not one certificate: {error}", repository.FETCH
        ) from error
    if fault := profile.authority_fault(found, whole.network):
        raise errors.PublicationError(f"{folder / 'ca.pem'} {fault}", "ask the coordinator, and install nothing of it")
    return found


def _identities(
    whole: repository.Whole,
    folder: Path,
    definition: model.Definition,
    authority: x509.Certificate,
    revocations: x509.CertificateRevocationList,
) -> dict[str, approval.Identity]:
    """Every identity, each with a certificate of its own names and keys that nobody else has."""
    found: dict[str, approval.Identity] = {}
    owners: dict[object, str] = {}
    for organisation, name in _named(whole, "identities"):
        identity = approval.Identity.read(_json(whole, folder, name), folder / name)
        if fault := _identity_fault(identity, organisation, definition, authority, revocations):
            raise errors.PublicationError(f"{folder / name} {fault}", "ask the coordinator, and install nothing of it")
        key = profile.spki(profile.p256(identity.station_certificate.public_key()))
        for what, kind in ((identity.statement_key, "statement key"), (key, "gateway key")):
            if owners.setdefault(what, organisation) != organisation:
                raise errors.PublicationError(
                    f"{folder / name} has the {kind} of {owners[what]}",
                    "ask the coordinator, and install nothing of it",
                )
        found[organisation] = identity
    return found


def _identity_fault(
    identity: approval.Identity,
    organisation: str,
    definition: model.Definition,
    authority: x509.Certificate,
    revocations: x509.CertificateRevocationList,
) -> str:
    """What is wrong with an identity, as the end of a sentence; "" when nothing is."""
    if organisation not in definition.stations:
        return f"is of {organisation}, which has no station in the definition"
    if (identity.network, identity.organisation) != (definition.network, organisation):
        return f"is of {identity.organisation} in {identity.network}"
    try:
        certificates = x509.load_pem_x509_certificates(identity.certificate_chain_pem.encode())
        approval.checked_statement_key(identity.statement_key, organisation)
    except (ValueError, errors.RequestError) as error:
        return f"cannot be read: {error}"
    if len(certificates) != 1:
        return f"has {len(certificates)} certificates, where a network on its own has one"
    certificate = certificates[0]
    if fault := profile.station_fault(certificate, authority, definition.network, organisation):
        return f"has a certificate that {fault}"
    if revocations.get_revoked_certificate_by_serial_number(certificate.serial_number):
        return "has a certificate that crl.pem revokes"
    key = profile.p256(certificate.public_key())
    if identity.fingerprint != approval.fingerprint(definition.network, organisation, key, identity.statement_key):
        return "has other keys than the fingerprint that was approved"
    return ""
