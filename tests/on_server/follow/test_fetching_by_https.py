"""The place that a definition names, over TLS: only whom the server's own list of CAs knows by that name is read."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from publication.following import fetch
from tests.harness import pki
from tests.on_server.follow.served import NETWORK
from tests.on_server.follow.test_fetching import Empty, serving

HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
READ = "no publication is there"
"""What is said of a web server that was asked and has none."""


def shown(folder: Path, of: x509.GeneralName) -> tuple[ssl.SSLContext, Path]:
    """What a web server shows, a certificate that it signed itself, and the file of it for whoever trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=publicatie.example")
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(pki.now() - pki.DAY)
        .not_valid_after(pki.now() + pki.DAY)
        .add_extension(x509.SubjectAlternativeName([of]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "shown.pem", folder / "shown.key"
    certificate.write_bytes(made.public_bytes(pki.PEM))
    private.write_bytes(pki.key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return context, certificate


@pytest.mark.parametrize(
    ("of", "trusted", "why"),
    [
        (HERE, True, READ),
        (HERE, False, "certificate verify failed"),
        (x509.DNSName("elders.example"), True, "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["known", "of nobody's CA", "of another name"],
)
def test_a_place_is_read_over_tls_only_where_it_is_who_it_is_called(
    of: x509.GeneralName, trusted: bool, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: whoever is on the way keeps news back, and learns who asks."""
    context, certificate = shown(tmp_path, of)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Empty, context) as url:
        answer = fetch.fetched(NETWORK, url, tmp_path, 30.0, near=True)
    assert why in str(answer["why"])
    assert answer["files"] is None
