"""A station's gateway as others may take it: its certificate, of a key that the station's statement key signed.

A certificate is what the CA says of a key. That the key is the station's, its statement key says: it signs the key with
the network, the organisation, and a serial number that grows with each new key. So the CA cannot give a station's name
to another key, and a key that was given up does not come back.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import statement


class GatewayError(ValueError):
    """What is wrong with a gateway, as the end of a sentence about its station."""


@dataclass(frozen=True)
class Gateway:
    """What a station says of its gateway. `certificate` is DER, `signature` base64."""

    certificate: bytes
    serial: int
    signature: str

    @classmethod
    def read(cls, document: object) -> Gateway:
        """From the form of `document`; raises GatewayError."""
        if not isinstance(document, dict) or set(document) != {"certificate", "serial", "signature"}:
            raise GatewayError("did not say what its gateway is")
        certificate, serial, signature = document["certificate"], document["serial"], document["signature"]
        if not (isinstance(certificate, str) and type(serial) is int and isinstance(signature, str)):
            raise GatewayError("did not say what its gateway is")
        try:
            return cls(base64.b64decode(certificate, validate=True), serial, signature)
        except ValueError as error:
            raise GatewayError("sent a gateway certificate that is not base64") from error

    @property
    def document(self) -> dict[str, Any]:
        """As it is sent and signed in a hello."""
        text = base64.b64encode(self.certificate).decode()
        return {"certificate": text, "serial": self.serial, "signature": self.signature}

    @property
    def fingerprint(self) -> str:
        """Of the certificate, as a gateway tells it of who calls: base64 of SHA-256."""
        return base64.b64encode(hashlib.sha256(self.certificate).digest()).decode()

    def require(self, network: str, organisation: str, key: bytes, least: int) -> None:
        """Raise GatewayError unless the statement key `key` signed the certificate's key as at least the `least`-th."""
        if self.serial < least:
            raise GatewayError(f"has an older gateway key, statement {self.serial}, than was seen here, {least}")
        try:
            content = said(network, organisation, _public(self.certificate), self.serial)
            statement.verify(key, statement.GATEWAY_KEY, content, self.signature)
        except statement.StatementError as error:
            raise GatewayError(
                "has a gateway certificate of a key that its pinned statement key did not sign: somebody else holds "
                "the gateway under its name"
            ) from error


def said(network: str, organisation: str, spki: bytes, serial: int) -> dict[str, Any]:
    """What a statement key signs of a gateway's key, given as DER SubjectPublicKeyInfo."""
    digest = hashlib.sha256(spki).hexdigest()
    return {"network": network, "organisation": organisation, "gateway_key": digest, "serial": serial}


def _public(certificate: bytes) -> bytes:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except Exception as error:  # a parser of what others send: whatever it stops for, this is no certificate of ours
        raise GatewayError("sent a gateway certificate that cannot be read") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
