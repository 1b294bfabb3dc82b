from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from base import errors
from network_topology import names
from publication import identity, profile
from publication.following import requests
from tests.harness.coordinator import Keys
from werkplaats.operations.coordinator import approval, revocation

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
STATEMENT_KEY = base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
STATEMENT = identity.Statement(serial=1, signature=base64.b64encode(bytes(64)).decode())
HOSTILE = """
[req]
distinguished_name = subject
req_extensions = wishes
prompt = no
[subject]
C = NL
O = Datawerkplaats
OU = proeftuin
CN = station-ziekenhuis
[wishes]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
extendedKeyUsage = anyExtendedKeyUsage, codeSigning
subjectAltName = DNS:ziekenhuis.proeftuin.datawerkplaats.internal, DNS:*.datawerkplaats.internal, IP:192.0.2.1
nameConstraints = permitted;DNS:datawerkplaats.internal
certificatePolicies = 1.2.3.4
1.3.6.1.5.5.7.1.24 = DER:30030201FF
"""


def csr(key: Any, hash_: hashes.SHA256 | None = None) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hash_).public_bytes(serialization.Encoding.PEM).decode()


def openssl_request(folder: Path, *arguments: str) -> str:
    (folder / "hostile.cnf").write_text(HOSTILE)
    command = ["openssl", "req", "-new", "-config", "hostile.cnf", "-nodes", "-keyout", "hostile.key", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_of_a_hostile_request_only_the_public_key_is_taken(
    tmp_path: Path, coordinator: Any, openssl_verify: Callable[..., str]
) -> None:
    request_pem = openssl_request(tmp_path, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    shown = subprocess.run(
        ["openssl", "req", "-noout", "-text"], input=request_pem, capture_output=True, text=True, check=True
    )
    assert {"CA:TRUE", "IP Address:192.0.2.1", "Certificate Sign"} <= set(re.split(r",? {2,}|, |\n", shown.stdout))
    private: Any = serialization.load_pem_private_key((tmp_path / "hostile.key").read_bytes(), None)
    own_keys = Keys(private, ed25519.Ed25519PrivateKey.generate())
    signed = own_keys.statement_of("proeftuin", "huisartsen")
    asked = requests.request("proeftuin", "huisartsen", request_pem, own_keys.statement_key, signed)
    approval.receive(coordinator.records, asked)
    made = approval.approve(coordinator.definition, "huisartsen", asked.fingerprint, coordinator.authority)
    certificate = made.station_certificate
    own = coordinator.authority
    assert certificate.public_key() == x509.load_pem_x509_csr(request_pem.encode()).public_key()
    assert certificate.subject.rfc4514_string() == names.subject("proeftuin", "huisartsen")
    assert profile.station_fault(certificate, own.certificate, "proeftuin", "huisartsen") == ""
    lists = [revocation.current(own)]
    assert openssl_verify(certificate, [own.certificate], "-purpose", "sslclient", lists=lists) == ""
    for purpose in ("smimesign", "timestampsign"):
        assert "unsuitable certificate purpose" in openssl_verify(certificate, [own.certificate], "-purpose", purpose)


REFUSED_KEYS = {
    "rsaEncryption 2048": lambda: csr(rsa.generate_private_key(65537, 2048), hashes.SHA256()),
    "RSA of 1024 bits": lambda: csr(rsa.generate_private_key(65537, 1024), hashes.SHA256()),  # noqa: S505 - weak on purpose
    "secp384r1": lambda: csr(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()),
    "secp256k1": lambda: csr(ec.generate_private_key(ec.SECP256K1()), hashes.SHA256()),
    "secp224r1": lambda: csr(ec.generate_private_key(ec.SECP224R1()), hashes.SHA256()),
    "Ed25519": lambda: csr(ed25519.Ed25519PrivateKey.generate()),
}


@pytest.mark.parametrize("kind", REFUSED_KEYS)
def test_any_other_kind_of_key_is_refused_with_a_sentence(kind: str) -> None:
    with pytest.raises(errors.RequestError, match=r"cannot be taken: its key is .*P-256 is the only kind.*; make key"):
        requests.request("proeftuin", "ggd", REFUSED_KEYS[kind](), STATEMENT_KEY, STATEMENT)


def test_a_request_for_somebody_elses_public_key_is_refused() -> None:
    """The request of another, with the signature of one's own: the key cannot be proved to be held."""
    other = x509.load_pem_x509_csr(csr(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).encode())
    der = bytearray(other.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(errors.RequestError, match=r"not signed with the key|cannot be taken"):
        requests.request("proeftuin", "ggd", pem, STATEMENT_KEY, STATEMENT)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no request",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "é" * 10,
        "x" * 20_000,
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(pem: str) -> None:
    with pytest.raises(errors.RequestError, match=r"the request of ggd (cannot be taken|is larger).*; make key"):
        requests.request("proeftuin", "ggd", pem, STATEMENT_KEY, STATEMENT)


@pytest.mark.parametrize("key", ["", "AAAA", "é", STATEMENT_KEY + "\n", STATEMENT_KEY[:-1], STATEMENT_KEY + "AAAA"])
def test_a_statement_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(errors.RequestError, match="the statement key"):
        requests.request(
            "proeftuin", "ggd", csr(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()), key, STATEMENT
        )


def waiting(coordinator: Any, organisation: str, keys: Any) -> identity.Request:
    asked = requests.request(
        "proeftuin", organisation, keys.request_pem, keys.statement_key, keys.statement_of("proeftuin", organisation)
    )
    approval.receive(coordinator.records, asked)
    return asked


def test_approval_with_another_fingerprint_is_refused(coordinator: Any, new_keys: Callable[[], Any]) -> None:
    asked = waiting(coordinator, "ggd", new_keys())
    wrong = identity.fingerprint("proeftuin", "ggd", KEY, STATEMENT_KEY)
    with pytest.raises(errors.RequestError) as refused:
        approval.approve(coordinator.definition, "ggd", wrong, coordinator.authority)
    assert asked.fingerprint in str(refused.value)
    assert wrong in str(refused.value)
    assert "by telephone" in str(refused.value)
    assert approval.find(coordinator.records, "ggd") is None


def test_a_request_that_was_changed_on_the_way_is_refused(coordinator: Any, new_keys: Callable[[], Any]) -> None:
    asked = waiting(coordinator, "ggd", new_keys())
    path = coordinator.records.place("requests", "ggd")
    path.write_text(json.dumps({**json.loads(path.read_text()), "statement_key": new_keys().statement_key}))
    with pytest.raises(errors.RequestError, match=r"requests/ggd.json was changed on the way"):
        approval.approve(coordinator.definition, "ggd", asked.fingerprint, coordinator.authority)


def test_the_request_of_another_organisation_is_refused(coordinator: Any, new_keys: Callable[[], Any]) -> None:
    asked = waiting(coordinator, "ggd", new_keys())
    coordinator.records.write("requests", "ziekenhuis", asked.model_dump())
    with pytest.raises(errors.RequestError, match="is a request of ggd in proeftuin, not of ziekenhuis"):
        approval.approve(coordinator.definition, "ziekenhuis", asked.fingerprint, coordinator.authority)


@pytest.mark.parametrize("content", ["[]", "{}", "{", '{"organisation": 1}', "[" * 100_000, '"' + "x" * 70_000 + '"'])
def test_a_request_file_of_another_shape_is_refused(
    coordinator: Any, new_keys: Callable[[], Any], content: str
) -> None:
    asked = waiting(coordinator, "ggd", new_keys())
    coordinator.records.place("requests", "ggd").write_text(content)
    with pytest.raises(errors.RefusedError, match=r"requests/ggd.json"):
        approval.approve(coordinator.definition, "ggd", asked.fingerprint, coordinator.authority)


def test_an_organisation_without_station_or_request_is_named(coordinator: Any) -> None:
    with pytest.raises(errors.UsageError, match=r"'gelre' has no station in proeftuin; one of ggd, huisartsen"):
        approval.approve(coordinator.definition, "gelre", "SHA256:", coordinator.authority)
    with pytest.raises(
        errors.UsageError, match=r"ggd has not asked yet.*werkplaats trust request proeftuin --only ggd"
    ):
        approval.approve(coordinator.definition, "ggd", "SHA256:", coordinator.authority)


def test_the_same_keys_again_give_the_same_identity(approve: Callable[..., Any], new_keys: Callable[[], Any]) -> None:
    keys = new_keys()
    assert approve("ggd", keys) == approve("ggd", keys)


def test_other_keys_beside_a_valid_identity_are_refused(
    approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    first = approve("ggd", new_keys())
    with pytest.raises(
        errors.RequestError, match=r"ggd has an identity with other keys.*revoke that certificate first"
    ):
        approve("ggd", new_keys())
    assert first.fingerprint


def test_keys_of_another_organisation_are_refused(approve: Callable[..., Any], new_keys: Callable[[], Any]) -> None:
    first, second = new_keys(), new_keys()
    approve("ggd", first)
    with pytest.raises(errors.RequestError, match="has the gateway's key of ggd"):
        approve("ziekenhuis", first)
    second.statement = first.statement
    with pytest.raises(errors.RequestError, match="has the statement key of ggd"):
        approve("ziekenhuis", second)


def test_after_a_revocation_new_keys_are_taken_and_the_old_are_not(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    stolen, new = new_keys(), new_keys()
    serial = approve("ggd", stolen).station_certificate.serial_number
    revocation.revoke(coordinator.authority, serial, "keyCompromise")
    with pytest.raises(errors.RequestError, match=r"for these keys was revoked; make new keys"):
        approve("ggd", stolen)
    assert approve("ggd", new).station_certificate.serial_number != serial
    assert approve("ggd", new).statement_key == new.statement_key


@pytest.mark.parametrize("organisation", ["ggd", "ziekenhuis"])
@pytest.mark.parametrize("part", ["private", "statement"])
def test_a_revoked_key_is_never_certified_again_for_anybody_not_even_beside_a_new_one(
    coordinator: Any,
    approve: Callable[..., Any],
    new_keys: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    organisation: str,
    part: str,
) -> None:
    """Who has stolen a key asks for it anew, or has another organisation ask: it gains a certificate of that name."""
    stolen = new_keys()
    serial = approve("ggd", stolen).station_certificate.serial_number
    revocation.revoke(coordinator.authority, serial, "keyCompromise")
    between = approve("ggd", new_keys())
    revocation.revoke(coordinator.authority, between.station_certificate.serial_number)
    again = dataclasses.replace(new_keys(), serial=2, **{part: getattr(stolen, part)})
    with pytest.raises(errors.RequestError, match=rf"of certificate {serial:x}, and that for these keys was revoked"):
        approve(organisation, again)
    monkeypatch.setattr(revocation, "revoked_keys", lambda _: {})
    assert approve(organisation, again), "without the defence"


def test_a_new_gateway_key_of_the_same_statement_key_takes_the_place_of_the_one_before(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    keys = new_keys()
    first = approve("ggd", keys)
    later = dataclasses.replace(keys, private=new_keys().private, serial=2)
    second = approve("ggd", later)
    assert second.statement_key == first.statement_key
    revoked = revocation.revoked_serials(coordinator.records)
    assert revoked == {f"{first.station_certificate.serial_number:x}"}
    with pytest.raises(errors.RequestError, match="has the gateway's key of certificate"):
        approve("ggd", dataclasses.replace(keys, serial=3))
    assert approve("ggd", later) == second


@pytest.mark.parametrize("serial", [1, 2])
def test_a_new_gateway_key_with_a_number_that_was_passed_is_refused(
    approve: Callable[..., Any], new_keys: Callable[[], Any], serial: int
) -> None:
    keys = dataclasses.replace(new_keys(), serial=2)
    approve("ggd", keys)
    with pytest.raises(errors.RequestError, match=f"signed as number {serial}, and number 2 was approved before"):
        approve("ggd", dataclasses.replace(keys, private=new_keys().private, serial=serial))


def test_the_number_that_was_approved_stays_where_a_server_that_lost_its_statement_signs_the_same_key_as_a_lower_one(
    coordinator: Any, new_keys: Callable[[], Any]
) -> None:
    """With a lower number the station is nobody's peer any more: all others remember the higher one."""
    keys = dataclasses.replace(new_keys(), serial=5)
    first = coordinator.approve("ggd", keys)
    late = first.station_certificate.not_valid_after_utc + datetime.timedelta(days=1)
    signed = dataclasses.replace(keys, serial=1).statement_of("proeftuin", "ggd")
    asked = requests.request("proeftuin", "ggd", keys.request_pem, keys.statement_key, signed)
    approval.receive(coordinator.records, asked)
    second = approval.approve(coordinator.definition, "ggd", asked.fingerprint, coordinator.authority, late)
    assert second.certificate_chain_pem != first.certificate_chain_pem
    assert second.statement == first.statement


def test_the_highest_number_of_a_statement_key_is_remembered_while_another_one_is_in_use(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    """An expired certificate is not revoked: its statement key may come back, and others remember its number."""
    keys = dataclasses.replace(new_keys(), serial=5)
    first = approve("ggd", keys)
    coordinator.records.place("identities", "ggd").unlink()
    approve("ggd", new_keys())
    coordinator.records.place("identities", "ggd").unlink()
    back = dataclasses.replace(keys, private=new_keys().private, serial=5)
    with pytest.raises(
        errors.RequestError, match=r"signed as number 5, and number 5 .* remove /etc/.*statement\.json "
    ):
        approve("ggd", back)
    assert approve("ggd", dataclasses.replace(back, serial=6)).statement_key == first.statement_key


def test_of_a_lower_number_nothing_is_revoked(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    keys = dataclasses.replace(new_keys(), serial=5)
    approve("ggd", keys)
    with pytest.raises(errors.RequestError, match="signed as number 4"):
        approve("ggd", dataclasses.replace(keys, private=new_keys().private, serial=4))
    assert revocation.revoked_serials(coordinator.records) == set()


def test_a_request_whose_gateway_key_the_statement_key_did_not_sign_is_refused(new_keys: Callable[[], Any]) -> None:
    keys, other = new_keys(), new_keys()
    signed = other.statement_of("proeftuin", "ggd")
    with pytest.raises(errors.RequestError, match="its statement key did not sign"):
        requests.request("proeftuin", "ggd", keys.request_pem, keys.statement_key, signed)


def test_records_of_before_keys_were_signed_are_refused_with_the_way_on(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    keys = new_keys()
    approve("ggd", keys)
    path = coordinator.records.place("identities", "ggd")
    path.write_text(
        json.dumps({name: one for name, one in json.loads(path.read_text()).items() if name != "statement"})
    )
    with pytest.raises(
        errors.RequestError, match=r"identities/ggd.json.*statement: Field required.*werkplaats trust request"
    ):
        approve("ggd", keys)


def test_an_expired_certificate_is_made_anew_for_the_same_keys(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any]
) -> None:
    keys = new_keys()
    first = approve("ggd", keys)
    later = first.station_certificate.not_valid_after_utc + datetime.timedelta(days=1)
    again = approval.approve(coordinator.definition, "ggd", first.fingerprint, coordinator.authority, later)
    assert again.fingerprint == first.fingerprint
    assert again.station_certificate.not_valid_after_utc > later


def test_an_approval_that_broke_off_before_its_identity_was_written_is_made_again(
    coordinator: Any, approve: Callable[..., Any], new_keys: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or Ctrl-C: its number counted as approved, and nothing that was said to do helped."""
    keys = new_keys()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(type(coordinator.records), "write", full)
        with pytest.raises(OSError, match="No space left"):
            approve("ggd", keys)
    assert approve("ggd", keys).statement.serial == 1
    with pytest.raises(errors.RequestError):
        approve("ggd", dataclasses.replace(keys, private=new_keys().private))
