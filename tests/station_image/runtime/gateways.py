"""Real gateways for tests: HAProxy with certificates made for this run, in the form that the roles will give them."""

from __future__ import annotations

import base64
import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NETWORK = "drie"
NOW = datetime.datetime.now(datetime.UTC)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Datawerkplaats"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, NETWORK),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@dataclass(frozen=True)
class Certificate:
    """A station certificate with its key, as one PEM file, and its fingerprint as gateways report it."""

    pem: bytes
    fingerprint: str


class Authority:
    """The network's CA: whoever holds it can mint any name."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("CA-1")
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        empty = x509.CertificateRevocationListBuilder().issuer_name(self._name).last_update(NOW)
        signed = empty.next_update(NOW + datetime.timedelta(days=1)).sign(self._key, hashes.SHA256())
        self.crl = signed.public_bytes(Encoding.PEM)

    def issue(self, organisation: str) -> Certificate:
        """A certificate for the station of `organisation`; each call makes another one with the same name."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = (
            self._builder(_name(f"station-{organisation}"), key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(dns(organisation))]), critical=False)
            .add_extension(usage, critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        der = certificate.public_bytes(Encoding.DER)
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
        return Certificate(certificate.public_bytes(Encoding.PEM) + private, fingerprint)

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - datetime.timedelta(hours=1))
            .not_valid_after(NOW + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        )


def dns(organisation: str) -> str:
    """The DNS name in a station's certificate."""
    return f"{organisation}.{NETWORK}.datawerkplaats.internal"


def identity(organisation: str) -> str:
    """Issuer and subject as HAProxy prints them."""
    rest = f"OU={NETWORK},O=Datawerkplaats,C=NL"
    return f"CN=CA-1,{rest}|CN=station-{organisation},{rest}"


GLOBAL = """global
    log stdout format raw local0 notice
    tune.ssl.cachesize 0
    noreuseport
    maxconn 2000
defaults
    mode tcp
    log global
    timeout connect 3s
    retries 0
    timeout client 1h
    timeout server 1h
"""

INBOUND = """frontend mesh
    bind 127.0.0.1:{port} ssl crt {folder}/station.pem ca-file {folder}/ca.pem crl-file {folder}/crl.pem verify required ssl-min-ver TLSv1.3 no-tls-tickets alpn mpc/1
    tcp-request inspect-delay 5s
    tcp-request content set-var(sess.subject) ssl_c_s_dn(,0,rfc2253)
    tcp-request content set-var(sess.name) ssl_c_i_dn(,0,rfc2253),concat(|,sess.subject)
    tcp-request content set-var(sess.peer) var(sess.name),map_str({folder}/peers.map)
    tcp-request content set-var(sess.print) ssl_c_der,sha2(256),base64
    tcp-request content reject unless {{ var(sess.peer) -m found }}
    unique-id-format %[var(sess.peer)]|%[var(sess.print)]
    default_backend agent
backend agent
    server agent unix@{mesh} send-proxy-v2 proxy-v2-options unique-id
"""  # noqa: E501  # a bind line cannot be broken

OUTBOUND = """listen to-{organisation}
    bind unix@{socket} mode 660
    tcp-response inspect-delay 5s
    tcp-response content reject unless {{ ssl_s_s_dn(,0,rfc2253) -m str "{subject}" }}
    server peer 127.0.0.1:{port} ssl crt {folder}/station.pem ca-file {folder}/ca.pem crl-file {folder}/crl.pem verify required sni str({dns}) verifyhost {dns} ssl-min-ver TLSv1.3 alpn mpc/1
"""  # noqa: E501


def write(
    folder: Path,
    authority: Authority,
    certificate: Certificate,
    peers: dict[str, str],
    inbound: tuple[int, Path] | None,
) -> None:
    """Key, certificates, revocation list and peer map. `peers` maps peer ids to organisations."""
    folder.mkdir(exist_ok=True)
    (folder / "station.pem").write_bytes(certificate.pem)
    (folder / "ca.pem").write_bytes(authority.pem)
    (folder / "crl.pem").write_bytes(authority.crl)
    lines = [f"{identity(organisation)} {peer}" for peer, organisation in peers.items()]
    (folder / "peers.map").write_text("\n".join(lines) + "\n")
    text = GLOBAL
    if inbound is not None:
        text += INBOUND.format(port=inbound[0], folder=folder, mesh=inbound[1])
    (folder / "haproxy.cfg").write_text(text)


def add_outbound(folder: Path, socket: Path, organisation: str, port: int) -> None:
    """An outbound socket to the gateway of `organisation` at `port`."""
    subject = identity(organisation).split("|")[1]
    section = OUTBOUND.format(
        socket=socket, organisation=organisation, subject=subject, port=port, folder=folder, dns=dns(organisation)
    )
    with (folder / "haproxy.cfg").open("a") as file:
        file.write(section)
