"""Identities: what an organisation asks and what the coordinator approved, and the fingerprint that people compare.

The fingerprint is shown on the organisation's server and at the coordinator, and compared by people over another way.
It covers all that is approved: network, organisation, the gateway's public key and the statement key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Self

import pydantic
from cryptography import exceptions, x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from base import canonical, errors
from network_topology import model
from publication import profile, trust

_STATEMENT = b"datawerkplaats statement 1\ngateway key of a station\n"  # as stations sign it
_DOMAIN = b"datawerkplaats station request 1\x00"  # so that no other digest of ours is ever taken for a fingerprint
HIGHEST = 2**31 - 1  # the last number of a gateway key


class Statement(pydantic.BaseModel):
    """By which a statement key signed the gateway's key of its station: the `serial`-th one, of which only that grows.

    `signature` is the base64 of an Ed25519 signature over network, organisation, key and serial number.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    serial: int = pydantic.Field(ge=1, le=HIGHEST)
    signature: str = pydantic.Field(pattern=r"^[A-Za-z0-9+/]{86}==$")


class _Document(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    network: str
    organisation: str
    statement_key: str
    statement: Statement
    fingerprint: str

    @classmethod
    def read(cls, document: Any, place: object) -> Self:
        """The document at a place; raises RequestError for one of another shape."""
        try:
            return cls.model_validate(document)
        except pydantic.ValidationError as error:
            told = ", ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
            raise errors.RequestError(
                f"{place} is not of the shape that it should be: {told}",
                "move it away, and ask anew with `werkplaats trust request`",
            ) from error


class Request(_Document):
    """What an organisation asks: `request_pem` is PKCS 10, `statement_key` the base64 of 32 bytes (Ed25519)."""

    request_pem: str


class Identity(_Document):
    """What the coordinator approved: `certificate_chain_pem` is what the gateway shows, the station's own first."""

    certificate_chain_pem: str
    approved: str
    earlier_chain_pem: str = ""
    """While a CA takes the place of another: what the one before it signed, for whoever does not trust the new one."""

    @pydantic.field_validator("approved")
    @classmethod
    def _a_moment(cls, approved: str) -> str:
        canonical.moment(approved)
        return approved

    @property
    def station_certificate(self) -> x509.Certificate:
        """The station's own certificate; raises RequestError when there is none, or anything beside it."""
        return self._certificate(self.certificate_chain_pem)

    @property
    def earlier_certificate(self) -> x509.Certificate | None:
        """What the CA before it signed for the same key, as long as that is trusted too; raises as above."""
        return self._certificate(self.earlier_chain_pem) if self.earlier_chain_pem else None

    def of(self, issuer: x509.Name) -> x509.Certificate | None:
        """Its certificate by a CA of this name; None where it has none."""
        both = (self.station_certificate, self.earlier_certificate)
        return next((one for one in both if one is not None and one.issuer == issuer), None)

    def document(self) -> dict[str, Any]:
        """As it is kept and published."""
        return self.model_dump(exclude_defaults=True)

    def _certificate(self, pem: str) -> x509.Certificate:
        try:
            return profile.one_certificate(pem.encode())
        except ValueError as error:
            raise errors.RequestError(
                f"the identity of {self.organisation} does not hold one certificate: {error}", "restore it from git"
            ) from error


def fingerprint(network: str, organisation: str, key: ec.EllipticCurvePublicKey, statement_key: str) -> str:
    """What people compare: "SHA256:" and base64, over every part with its length before it (4 bytes, big-endian)."""
    parts = (network.encode(), organisation.encode(), profile.spki(key), base64.b64decode(statement_key))
    digest = hashlib.sha256(_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def signed(network: str, organisation: str, key: ec.EllipticCurvePublicKey, found: _Document) -> bool:
    """Whether the statement key of a document signed this gateway key, under its serial number."""
    content = {
        "network": network,
        "organisation": organisation,
        "gateway_key": hashlib.sha256(profile.spki(key)).hexdigest(),
        "serial": found.statement.serial,
    }
    raw = base64.b64decode(found.statement.signature)
    try:
        public = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(found.statement_key))
        public.verify(raw, _STATEMENT + canonical.dump(content))
    except (exceptions.InvalidSignature, ValueError):
        return False
    return base64.b64encode(raw).decode() == found.statement.signature


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


def fault(
    found: Identity,
    organisation: str,
    definition: model.Definition,
    signing: trust.Trust,
    earlier: trust.Trust | None = None,
) -> str:
    """What is wrong with an identity, as the end of a sentence; "" when nothing is.

    `earlier` is the CA of which it may have a certificate beside that of the one that signs now.
    """
    if organisation not in definition.stations:
        return f"is of {organisation}, which has no station in the definition"
    if (found.network, found.organisation) != (definition.network, organisation):
        return f"is of {found.organisation} in {found.network}"
    try:
        certificate, before = found.station_certificate, found.earlier_certificate
        checked_statement_key(found.statement_key, organisation)
    except errors.RequestError as error:
        return f"cannot be read: {error}"
    for one, by in ((certificate, signing), (before, earlier)):
        if one is not None and (wrong := _certificate_fault(one, by, organisation)):
            return wrong
    key = profile.p256(certificate.public_key())
    if before is not None and before.public_key() != key:
        return "has certificates of two keys"
    if found.fingerprint != fingerprint(definition.network, organisation, key, found.statement_key):
        return "has other keys than the fingerprint that was approved"
    if not signed(definition.network, organisation, key, found):
        return "has a gateway key that its statement key did not sign"
    return ""


def _certificate_fault(certificate: x509.Certificate, by: trust.Trust | None, organisation: str) -> str:
    """What is wrong with a certificate of an identity, by the CA of which it is to be; "" when nothing is."""
    if by is None:
        return "has a certificate of a CA that is trusted no more"
    if wrong := profile.station_fault(certificate, by.authority, by.network, organisation):
        return f"has a certificate that {wrong}"
    if by.revocations.get_revoked_certificate_by_serial_number(certificate.serial_number):
        return "has a certificate that crl.pem revokes"
    return ""
