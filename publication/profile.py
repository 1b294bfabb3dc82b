"""What every certificate of a network looks like: one table for who makes one and for who reads one.

RFC 5280 with the constraints of the design: without each of them an attack worked. A reader does not ask whether a
certificate is acceptable, it asks whether it is exactly the one that this network would have made.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import ipaddress
import re
from collections.abc import Callable

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, types
from cryptography.x509.oid import ExtendedKeyUsageOID

from network_topology import names

AUTHORITY_LIFETIME = datetime.timedelta(days=3653)
FEDERATION_LIFETIME = datetime.timedelta(days=7305)
CROSS_LIFETIME = datetime.timedelta(days=1826)
STATION_LIFETIME = datetime.timedelta(days=180)
BACKDATED = datetime.timedelta(minutes=5)  # so that a server whose clock is a little behind takes it at once
MOST_SERIAL_BITS = 159  # RFC 5280, 4.1.2.2: 20 bytes, of which the first bit is the sign

Extensions = tuple[tuple[x509.ExtensionType, bool], ...]

_AUTHORITY_USES = {"key_cert_sign", "crl_sign"}
_STATION_USES = {"digital_signature"}  # all that ECDSA in TLS 1.3 needs (RFC 8446, 4.4.2.2)
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def distinguished(text: str) -> x509.Name:
    """A name from RFC 2253 text, the form of `network_topology.names`."""
    return x509.Name.from_rfc4514_string(text)


def authority_extensions(
    network: str, key: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePublicKey | None = None
) -> Extensions:
    """Extensions of the CA of a regional network, which can name its own stations and nothing else.

    In its own certificate it constrains itself. In a cross-certificate, of the same name and key, the `issuer` is the
    CA of a federation, and nothing else is another.
    """
    domain = names.trust_domain(network)
    unit = f"OU={network},O={names.ORGANISATION},C={names.COUNTRY}"
    return _authority_extensions(0, _constraints(domain, domain, unit), key, issuer or key)


def federation_extensions(key: ec.EllipticCurvePublicKey) -> Extensions:
    """Extensions of the CA of a federation: it signs for CAs of regional networks, whichever they are, and no further.

    It has no stations of its own. What it signs below itself is of this suite's names all the same.
    """
    whole = f"O={names.ORGANISATION},C={names.COUNTRY}"
    return _authority_extensions(1, _constraints(names.DNS_ROOT, f".{names.DNS_ROOT}", whole), key, key)


def _authority_extensions(
    path_length: int,
    constraints: x509.NameConstraints,
    key: ec.EllipticCurvePublicKey,
    issuer: ec.EllipticCurvePublicKey,
) -> Extensions:
    return (
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_key_usage(_AUTHORITY_USES), True),
        (constraints, True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (key_identifier(issuer), False),
    )


def _constraints(domain: str, hosts: str, unit: str) -> x509.NameConstraints:
    """What a CA can name: DNS names within a domain, URIs and mail of `hosts`, a dot before which takes in those below.

    A permitted subtree of one form says nothing about the other forms (RFC 5280, 4.2.1.10): every form that a TLS
    library may look at is constrained, and addresses, which no certificate has, are excluded as a whole.
    """
    return x509.NameConstraints(
        permitted_subtrees=[
            x509.DNSName(domain),
            x509.DirectoryName(distinguished(unit)),
            x509.UniformResourceIdentifier(hosts),
            x509.RFC822Name(hosts),
        ],
        excluded_subtrees=[
            x509.IPAddress(ipaddress.IPv4Network("0.0.0.0/0")),
            x509.IPAddress(ipaddress.IPv6Network("::/0")),
        ],
    )


def station_extensions(
    network: str, organisation: str, key: ec.EllipticCurvePublicKey, authority_key: ec.EllipticCurvePublicKey
) -> Extensions:
    """Extensions of a station's certificate: both sides of mutual TLS, its names, nothing that it asked for."""
    own_names: list[x509.GeneralName] = [
        x509.DNSName(names.dns(network, organisation)),
        x509.UniformResourceIdentifier(names.spiffe(network, organisation)),
    ]
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(_STATION_USES), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(own_names), False),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (key_identifier(authority_key), False),
    )


def one_certificate(pem: bytes) -> x509.Certificate:
    """The certificate that a text is; raises ValueError when the text is anything more or less."""
    return certificates(pem, 1)[0]


def certificates(pem: bytes, most: int) -> list[x509.Certificate]:
    """The certificates that a text is, one to so many; raises ValueError when the text is anything more or less.

    A reader that passes over what it does not know hands it to readers that do: OpenSSL takes the first private key
    that it finds, and trusts what a block `TRUSTED CERTIFICATE` holds.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
        for one in found:
            _ = one.public_key(), one.extensions, one.signature_hash_algorithm, one.subject, one.issuer
    except Exception as error:  # a parser of hostile bytes, late too: not all of what it stops for is a ValueError
        raise ValueError(f"it cannot be read as a certificate: {error}") from error
    if not 1 <= len(found) <= most:
        raise ValueError(f"it has {len(found)} certificates, where a network on its own has one")
    if b"".join(map(as_pem, found)) != pem:
        raise ValueError("it has something beside the certificate, or writes it in another way than we do")
    return found


def as_pem(one: x509.Certificate) -> bytes:
    """A certificate as PEM, in the one way that this network writes it."""
    return one.public_bytes(serialization.Encoding.PEM)


def due(certificate: x509.Certificate) -> datetime.datetime:
    """From when on a certificate is signed anew: two thirds of its life are over."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc - BACKDATED
    return certificate.not_valid_after_utc - life / 3


def key_identifier(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    """The issuer by its key only: with issuer name and serial a cross-certificate would break every station."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """The fingerprint of a CA's key: the same in its self-signed certificate and in every cross-certificate."""
    return f"sha256:{hashlib.sha256(spki(key)).hexdigest()}"


def key_of(certificate: x509.Certificate) -> str:
    """The fingerprint of the key that a certificate is of; raises ValueError where that is no P-256."""
    return key_fingerprint(p256(certificate.public_key()))


def p256(key: types.CertificateIssuerPublicKeyTypes | types.PublicKeyTypes) -> ec.EllipticCurvePublicKey:
    """The key, when it is ECDSA P-256; else raises ValueError with what it is."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    kind = (
        key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.removesuffix("PublicKey")
    )
    size = getattr(key, "key_size", None)
    raise ValueError(f"its key is {kind}{f' of {size} bits' if size else ''}, and P-256 is the only kind that is taken")


@dataclasses.dataclass(frozen=True)
class Tier:
    """What the CA of a network looks like, by the kind of network: its name, its extensions, and its longest life."""

    subject: Callable[[str, int], str]
    extensions: Callable[[str, ec.EllipticCurvePublicKey], Extensions]
    lifetime: datetime.timedelta


REGION = Tier(names.ca_subject, authority_extensions, AUTHORITY_LIFETIME)
FEDERATION = Tier(names.federation_ca_subject, lambda _, key: federation_extensions(key), FEDERATION_LIFETIME)


def authority_fault(certificate: x509.Certificate, network: str, tier: Tier = REGION) -> str:
    """What is wrong with the CA certificate of a network, as the end of a sentence; "" when nothing is."""
    return _authority_fault(certificate, certificate, network, tier)


def cross_fault(certificate: x509.Certificate, federation: x509.Certificate, network: str) -> str:
    """The same of the certificate that the CA of a federation made for the CA of a regional network."""
    try:
        issuer = p256(federation.public_key())
    except ValueError as error:
        return f"is of a CA that cannot be read: {error}"
    crossed = Tier(names.ca_subject, lambda slug, key: authority_extensions(slug, key, issuer), CROSS_LIFETIME)
    return _authority_fault(certificate, federation, network, crossed)


def _authority_fault(certificate: x509.Certificate, issuer: x509.Certificate, network: str, tier: Tier) -> str:
    try:
        generation = re.fullmatch(r"CN=(?:federation-)?CA-([1-9][0-9]*),.*", certificate.subject.rfc4514_string())
        if not generation:
            return f"is not the certificate of a CA of {network}, but of {certificate.subject.rfc4514_string()}"
        subject, key = tier.subject(network, int(generation[1])), p256(certificate.public_key())
        return _fault(certificate, issuer, subject, tier.extensions(network, key), tier.lifetime)
    except ValueError as error:
        return f"cannot be read as a certificate: {error}"


def station_fault(certificate: x509.Certificate, authority: x509.Certificate, network: str, organisation: str) -> str:
    """What is wrong with a station's certificate, as the end of a sentence; "" when nothing is.

    Dates are not looked at: an overdue renewal of one organisation must not stop the others' reading.
    """
    try:
        subject = names.subject(network, organisation)
        key, authority_key = p256(certificate.public_key()), p256(authority.public_key())
        expected = station_extensions(network, organisation, key, authority_key)
        return _fault(certificate, authority, subject, expected, STATION_LIFETIME)
    except ValueError as error:
        return f"cannot be read as a certificate: {error}"


def _fault(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    subject: str,
    expected: Extensions,
    longest: datetime.timedelta,
) -> str:
    """Compare a certificate with what this network would have made."""
    found = {one.oid: (one.critical, one.value) for one in certificate.extensions}
    wanted = {value.oid: (critical, value) for value, critical in expected}
    if certificate.subject != distinguished(subject):
        return f"names {certificate.subject.rfc4514_string()}, not {subject}"
    if differing := sorted(oid.dotted_string for oid in found.keys() ^ wanted.keys()):
        return f"has too many or too few extensions ({', '.join(differing)})"
    for oid, (critical, value) in wanted.items():
        if found[oid] != (critical, value):
            return f"has another {type(value).__name__} than this network gives"
    if not 0 < certificate.serial_number < 2**MOST_SERIAL_BITS:
        return f"has a serial number that is not positive, or of more than {MOST_SERIAL_BITS} bits"
    if certificate.not_valid_after_utc - certificate.not_valid_before_utc > longest + BACKDATED:
        return f"is valid for longer than {longest.days} days"
    if not isinstance(certificate.signature_hash_algorithm, hashes.SHA256):
        return "is signed with another hash than SHA-256"
    try:
        certificate.verify_directly_issued_by(issuer)
    except (exceptions.InvalidSignature, TypeError, ValueError):
        return f"is not signed by {issuer.subject.rfc4514_string()}"
    return ""


def _key_usage(wanted: set[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in wanted for use in _USES})
