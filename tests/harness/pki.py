"""Certificates for tests, made as production makes them, and the ones that attackers would make."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from network_topology import names
from publication import profile

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass
class Authority:
    """The CA of one test network."""

    network: str
    generation: int = 1
    constrained: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    number: int = 0
    revoked: list[int] = field(default_factory=list)
    tier: profile.Tier = profile.REGION

    def __post_init__(self) -> None:
        self.subject = self.tier.subject(self.network, self.generation)
        self.name = x509.Name.from_rfc4514_string(self.subject)
        builder = self._builder(self.key.public_key(), self.name, now() + 3650 * DAY)
        for extension, critical in self.tier.extensions(self.network, self.key.public_key()):
            if self.constrained or not isinstance(extension, x509.NameConstraints):
                builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    def _builder(self, key: ec.EllipticCurvePublicKey, name: x509.Name, end: datetime.datetime) -> Any:
        builder = x509.CertificateBuilder(self.name, name, key, x509.random_serial_number())
        return builder.not_valid_before(now() - DAY).not_valid_after(end)

    @property
    def pem(self) -> str:
        pem: bytes = self.certificate.public_bytes(PEM)
        return pem.decode()

    def cross(self, member: Authority, key: ec.EllipticCurvePublicKey | None = None, **other: Any) -> x509.Certificate:
        """What the CA of a federation makes for that of a member; production never makes one of another key or so."""
        key = key or member.key.public_key()
        network, name = other.get("network", member.network), other.get("name", member.name)
        builder = self._builder(key, name, now() + other.get("days", 1825) * DAY)
        for extension, critical in profile.authority_extensions(network, key, self.key.public_key()):
            if not isinstance(extension, other.get("without", ())):
                builder = builder.add_extension(extension, critical)
        certificate: x509.Certificate = builder.sign(self.key, hashes.SHA256())
        return certificate

    def station(
        self, organisation: str, key: ec.EllipticCurvePublicKey, *, subject: str = "", address: str = ""
    ) -> x509.Certificate:
        """A station's certificate; production never makes one with a `subject` or `address` given."""
        name = x509.Name.from_rfc4514_string(subject or names.subject(self.network, organisation))
        builder = self._builder(key, name, now() + 179 * DAY)  # and the day before: 180, as production gives
        extensions = profile.station_extensions(self.network, organisation, key, self.key.public_key())
        for extension, critical in extensions:
            added: x509.ExtensionType = extension
            if address and isinstance(extension, x509.SubjectAlternativeName):
                added = x509.SubjectAlternativeName([*extension, x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(added, critical)
        certificate: x509.Certificate = builder.sign(self.key, hashes.SHA256())
        return certificate

    def crl(self, *, number: int | None = None, issued: datetime.datetime | None = None, days: int = 90) -> str:
        """The revocation list with the next number, or the given one."""
        self.number = self.number + 1 if number is None else number
        moment = issued or now()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(moment)
        builder = builder.next_update(moment + days * DAY)
        builder = builder.add_extension(x509.CRLNumber(self.number), critical=False)
        builder = builder.add_extension(profile.key_identifier(self.key.public_key()), critical=False)
        for serial in self.revoked:
            row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
            builder = builder.add_revoked_certificate(row)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM).decode()


@dataclass
class Party:
    """A station outside any server: key and certificate in one PEM file, for clients and servers of the tests."""

    authority: Authority
    organisation: str
    folder: Path
    subject: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.authority.station(
            self.organisation, self.key.public_key(), subject=self.subject, address=self.address
        )
        self.file = self.folder / f"{self.organisation}-{self.certificate.serial_number:x}.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM) + key_pem(self.key))
        os.chmod(self.file, 0o600)  # noqa: PTH101

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    @property
    def fingerprint(self) -> str:
        """Of the certificate, as gateways report it."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()
