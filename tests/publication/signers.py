"""A CA of a few lines, for tests of what a publication is and not of what a CA must be."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from publication import repository, signature


class Signer:
    """A key and the certificate that names it."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        self.key = ec.generate_private_key(curve or ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA-1")])
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), 1, start, start.replace(year=2036))
        self.pem = builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def sign(self, content: bytes, network: str = "proeftuin") -> bytes:
        """As a coordinator signs an index."""
        return signature.make(self.key, network, content)

    def with_ca(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Files of a publication that this signer can sign."""
        return {repository.AUTHORITY: self.pem, **files}
