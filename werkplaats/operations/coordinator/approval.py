"""Identities: an organisation asks with a public key, the coordinator approves by fingerprint and signs.

The fingerprint is shown on the organisation's server and at the coordinator, and compared by people over another way.
It covers all that is approved: network, organisation, the gateway's public key and the statement key.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
from typing import Any, Self

import pydantic
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from base import errors
from network_topology import model, names
from publication import profile
from werkplaats.operations.coordinator import revocation
from werkplaats.operations.coordinator.authority import Authority
from werkplaats.operations.coordinator.ledger import Records, now, stamp

LARGEST_REQUEST = 16 * 1024
_DOMAIN = b"datawerkplaats station request 1\x00"  # so that no other digest of ours is ever taken for a fingerprint


class _Document(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    organisation: str
    statement_key: str
    fingerprint: str

    @classmethod
    def read(cls, document: Any, place: object) -> Self:
        """The document at a place; raises RequestError for one of another shape."""
        try:
            return cls.model_validate(document)
        except pydantic.ValidationError as error:
            told = ", ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
            raise errors.RequestError(
                f"{place} is not of the shape that it should be: {told}", "make it anew"
            ) from error


class Request(_Document):
    """What an organisation asks: `request_pem` is PKCS 10, `statement_key` the base64 of 32 bytes (Ed25519)."""

    request_pem: str


class Identity(_Document):
    """What the coordinator approved: `certificate_chain_pem` is what the gateway shows, the station's own first."""

    certificate_chain_pem: str
    approved: str

    @property
    def station_certificate(self) -> x509.Certificate:
        """The station's own certificate; raises RequestError when there is none."""
        try:
            return x509.load_pem_x509_certificate(self.certificate_chain_pem.encode())
        except ValueError as error:
            raise errors.RequestError(
                f"the identity of {self.organisation} holds no certificate: {error}", "restore it from git"
            ) from error


def fingerprint(network: str, organisation: str, key: ec.EllipticCurvePublicKey, statement_key: str) -> str:
    """What people compare: "SHA256:" and base64, over every part with its length before it (4 bytes, big-endian)."""
    parts = (network.encode(), organisation.encode(), profile.spki(key), base64.b64decode(statement_key))
    digest = hashlib.sha256(_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def request(network: str, organisation: str, request_pem: str, statement_key: str) -> Request:
    """Make the request of an organisation from the files of its server; raises RequestError when it is no good one."""
    key = _requested_key(request_pem, f"the request of {organisation}")
    statement_key = checked_statement_key(statement_key, f"the request of {organisation}")
    return Request(
        network=network,
        organisation=organisation,
        statement_key=statement_key,
        fingerprint=fingerprint(network, organisation, key, statement_key),
        request_pem=request_pem,
    )


def receive(records: Records, asked: Request) -> None:
    """Put a request among the coordinator's records, where it waits for approval; a newer one takes its place."""
    records.write("requests", asked.organisation, asked.model_dump())


def approve(
    definition: model.Definition,
    organisation: str,
    approved_fingerprint: str,
    authority: Authority,
    moment: datetime.datetime | None = None,
) -> Identity:
    """Approve the waiting request of an organisation by its fingerprint, and sign a certificate for its public key.

    The same keys again give the same identity. Raises UsageError for an organisation without a station or request,
    RequestError for another fingerprint, for keys that are somebody else's, and for new keys beside a valid identity.
    """
    asked = _waiting_request(definition, organisation, authority.records)
    place = authority.records.place("requests", organisation)
    key = _requested_key(asked.request_pem, str(place))
    checked_statement_key(asked.statement_key, str(place))
    computed = fingerprint(definition.network, organisation, key, asked.statement_key)
    _refuse_other_fingerprint(asked, computed, approved_fingerprint, str(place))
    _refuse_keys_of_others(definition, organisation, key, asked.statement_key, authority.records)
    existing = find(authority.records, organisation)
    if existing and _stands(existing, computed, authority, moment or now()):
        return existing
    certificate = authority.issue(organisation, key, moment)
    identity = Identity(
        network=definition.network,
        organisation=organisation,
        statement_key=asked.statement_key,
        fingerprint=computed,
        certificate_chain_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        approved=stamp(moment or now()),
    )
    authority.records.write("identities", organisation, identity.model_dump())
    return identity


def find(records: Records, organisation: str) -> Identity | None:
    """The identity that was approved for an organisation, if any."""
    document = records.read("identities", organisation)
    return None if document is None else Identity.read(document, records.place("identities", organisation))


def checked_statement_key(text: str, place: str) -> str:
    """The statement key, when it is the base64 of 32 bytes in the one way that base64 writes them."""
    try:
        raw = base64.b64decode(text, validate=True)
        ed25519.Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError) as error:
        raise errors.RequestError(
            f"{place}: the statement key is not the base64 of the 32 bytes of an Ed25519 public key",
            "take it from statement.pub on the server",
        ) from error
    if base64.b64encode(raw).decode() != text:
        raise errors.RequestError(
            f"{place}: the statement key is written in an unusual way", "take it from statement.pub"
        )
    return text


def _requested_key(pem: str, place: str) -> ec.EllipticCurvePublicKey:
    """The public key of a request: all that is ever taken from it. Its names and extensions are not even looked at."""
    remedy = "make key and request anew on the server, with the role station_identity"
    if len(pem) > LARGEST_REQUEST:
        raise errors.RequestError(f"{place} is larger than {LARGEST_REQUEST} bytes", remedy)
    try:
        asked = x509.load_pem_x509_csr(pem.encode())
        key = profile.p256(asked.public_key())
        valid = asked.is_signature_valid
    except Exception as error:  # a parser of hostile bytes: whatever it stops for, the request is no good
        raise errors.RequestError(f"{place} cannot be taken: {error}", remedy) from error
    if not valid:
        raise errors.RequestError(f"{place} is not signed with the key that it asks for", remedy)
    return key


def _waiting_request(definition: model.Definition, organisation: str, records: Records) -> Request:
    if organisation not in definition.stations:
        raise errors.UsageError(
            f"{organisation!r} has no station in {definition.network}", f"one of {', '.join(definition.stations)}"
        )
    document = records.read("requests", organisation)
    place = records.place("requests", organisation)
    if document is None:
        raise errors.UsageError(
            f"{organisation} has not asked yet: {place} does not exist",
            f"run `werkplaats trust request {definition.network} --only {organisation}` where its server is operated",
        )
    asked = Request.read(document, place)
    if (asked.network, asked.organisation) != (definition.network, organisation):
        raise errors.RequestError(
            f"{place} is a request of {asked.organisation} in {asked.network}, not of {organisation} in "
            f"{definition.network}",
            "ask for it anew",
        )
    return asked


def _refuse_other_fingerprint(asked: Request, computed: str, approved: str, place: str) -> None:
    if asked.fingerprint != computed:
        raise errors.RequestError(
            f"{place} was changed on the way: it says {asked.fingerprint} and is {computed}",
            "fetch it anew from the server",
        )
    if computed != approved:
        raise errors.RequestError(
            f"the request of {asked.organisation} has fingerprint {computed}, not {approved}",
            "compare it by telephone with what the server shows, and approve only what is the same there",
        )


def _refuse_keys_of_others(
    definition: model.Definition,
    organisation: str,
    key: ec.EllipticCurvePublicKey,
    statement_key: str,
    records: Records,
) -> None:
    for other in definition.stations:
        identity = find(records, other) if other != organisation else None
        if identity is None:
            continue
        for same, what in (
            (identity.station_certificate.public_key() == key, "the gateway's key"),
            (identity.statement_key == statement_key, "the statement key"),
        ):
            if same:
                raise errors.RequestError(
                    f"the request of {organisation} has {what} of {other}: one of the two is not what it says",
                    "make keys on each server, and never copy a server with its keys",
                )


def _stands(existing: Identity, computed: str, authority: Authority, moment: datetime.datetime) -> bool:
    """Whether the identity that exists is the one asked for; raises RequestError when it is another that is valid."""
    organisation, certificate = existing.organisation, existing.station_certificate
    revoked = f"{certificate.serial_number:x}" in revocation.revoked_serials(authority.records)
    own = not profile.station_fault(certificate, authority.certificate, authority.network, organisation)
    if existing.fingerprint == computed:
        if revoked:
            raise errors.RequestError(
                f"the certificate of {organisation} for these keys was revoked", "make new keys on its server"
            )
        return own and certificate.not_valid_after_utc > moment  # else: a CA of a new generation, or too late
    if own and not revoked and certificate.not_valid_after_utc > moment:
        raise errors.RequestError(
            f"{organisation} has an identity with other keys, {existing.fingerprint}, valid until "
            f"{stamp(certificate.not_valid_after_utc)}",
            f"if the keys of {names.station_id(authority.network, organisation)} were lost or stolen, revoke that "
            "certificate first",
        )
    return False
