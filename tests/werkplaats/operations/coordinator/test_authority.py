from __future__ import annotations

import dataclasses
import datetime
import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from base import canonical, errors
from network_topology import model, names
from publication import profile
from werkplaats.operations.coordinator import authority, revocation

Verify = Callable[..., str]
NAMED = ["-verify_hostname", "ggd.proeftuin.datawerkplaats.internal"]


@dataclasses.dataclass
class Region:
    """A CA with its private key in hand, for signing what its own code never would."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def sign(
        self, subject: str, alternatives: list[x509.GeneralName], ca_key: ec.EllipticCurvePrivateKey | None = None
    ) -> x509.Certificate:
        """A certificate for a new key, or of a CA with the given one."""
        ca, key = ca_key is not None, (ca_key or ec.generate_private_key(ec.SECP256R1())).public_key()
        usage = profile._key_usage(profile._AUTHORITY_USES if ca else profile._STATION_USES)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=ca, path_length=0 if ca else None), True),
            (usage, True),
            (x509.SubjectKeyIdentifier.from_public_key(key), False),
            (profile.key_identifier(self.key.public_key()), False),
        ]
        if alternatives:
            extensions.append((x509.SubjectAlternativeName(alternatives), False))
        start = canonical.now()
        builder = x509.CertificateBuilder(
            self.certificate.subject,
            profile.distinguished(subject),
            key,
            x509.random_serial_number(),
            start - profile.BACKDATED,
            start + datetime.timedelta(days=1),
        )
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture
def other_region(make_coordinator: Callable[[model.Definition], Any], definition: model.Definition) -> Region:
    other = make_coordinator(definition.model_copy(update={"network": "elders"}))
    own = other.authority
    return Region(own.certificate, other.vault.read_private_key("ca-1.key"))


@pytest.fixture
def own(coordinator: Any) -> authority.Authority:
    found = coordinator.authority
    assert isinstance(found, authority.Authority)
    return found


def new_public_key() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP256R1()).public_key()


@pytest.mark.parametrize("purpose", ["sslclient", "sslserver"])
def test_openssl_takes_a_station_certificate_for_both_sides_of_tls(
    own: authority.Authority, openssl_verify: Verify, purpose: str
) -> None:
    made = own.issue("ggd", new_public_key())
    lists = [revocation.current(own)]
    assert openssl_verify(made, [own.certificate], "-purpose", purpose, *NAMED, lists=lists) == ""
    assert "hostname mismatch" in openssl_verify(
        made, [own.certificate], "-verify_hostname", "elders.example", lists=lists
    )


def test_certificates_have_the_names_of_the_topology_and_their_lifetimes(own: authority.Authority) -> None:
    made = own.issue("ggd", new_public_key())
    assert own.certificate.subject.rfc4514_string() == names.ca_subject("proeftuin", 1)
    assert made.subject.rfc4514_string() == names.subject("proeftuin", "ggd")
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in found] == [
        "ggd.proeftuin.datawerkplaats.internal",
        "spiffe://proeftuin.datawerkplaats.internal/station/ggd",
    ]
    day = datetime.timedelta(days=1)
    assert (made.not_valid_after_utc - made.not_valid_before_utc) // day == 180
    assert (own.certificate.not_valid_after_utc - own.certificate.not_valid_before_utc) // day == 3653


def test_every_issuer_is_named_by_its_key_only(own: authority.Authority) -> None:
    for certificate in (own.certificate, own.issue("ggd", new_public_key())):
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert found.key_identifier
        assert found.authority_cert_issuer is None
        assert found.authority_cert_serial_number is None


def test_every_serial_is_another_one_and_was_recorded(own: authority.Authority) -> None:
    made = [own.issue("ggd", new_public_key()) for _ in range(5)]
    recorded = {row["serial"]: row["name"] for row in own.records.rows("serials")}
    assert len(recorded) == 6
    assert recorded[f"{own.certificate.serial_number:x}"] == names.ca_subject("proeftuin", 1)
    assert {recorded[f"{one.serial_number:x}"] for one in made} == {names.subject("proeftuin", "ggd")}


OURS = "CN=station-ggd,OU=proeftuin,O=Datawerkplaats,C=NL"
THEIRS = "CN=station-ggd,OU=elders,O=Datawerkplaats,C=NL"
# Each attack alone, with all other names as the other region may give them.
ATTACKS: dict[str, tuple[str, list[x509.GeneralName]]] = {
    "our subject": (OURS, []),
    "our DNS name": (THEIRS, [x509.DNSName("ggd.proeftuin.datawerkplaats.internal")]),
    "our SPIFFE name": (
        THEIRS,
        [x509.UniformResourceIdentifier("spiffe://proeftuin.datawerkplaats.internal/station/ggd")],
    ),
    "our subject as an alternative": (THEIRS, [x509.DirectoryName(profile.distinguished(OURS))]),
    "our email domain": (THEIRS, [x509.RFC822Name("ggd@proeftuin.datawerkplaats.internal")]),
    "an IPv4 address": (THEIRS, [x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]),
    "an IPv6 address": (THEIRS, [x509.IPAddress(ipaddress.ip_address("2001:db8::1"))]),
    "the domain of all regions": (THEIRS, [x509.DNSName("datawerkplaats.internal")]),
    "a name that only ends like theirs": (THEIRS, [x509.DNSName("ggd.nietelders.datawerkplaats.internal")]),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_openssl_refuses_what_another_regions_ca_signs_in_our_name(
    own: authority.Authority, other_region: Region, openssl_verify: Verify, attack: str
) -> None:
    forged = other_region.sign(*ATTACKS[attack])
    said = openssl_verify(forged, [own.certificate, other_region.certificate])
    assert "permitted subtree violation" in said or "excluded subtree violation" in said


@pytest.mark.parametrize("attack", ATTACKS)
def test_openssl_refuses_the_same_below_a_national_root(
    other_region: Region, openssl_verify: Verify, attack: str
) -> None:
    root, cross = federated(other_region)
    forged = other_region.sign(*ATTACKS[attack])
    said = openssl_verify(forged, [root], between=[cross])
    assert "permitted subtree violation" in said or "excluded subtree violation" in said


def test_what_another_region_may_sign_is_taken_so_that_the_refusals_above_mean_something(
    own: authority.Authority, other_region: Region, openssl_verify: Verify
) -> None:
    alternatives: list[x509.GeneralName] = [
        x509.DNSName("ggd.elders.datawerkplaats.internal"),
        x509.UniformResourceIdentifier("spiffe://elders.datawerkplaats.internal/station/ggd"),
    ]
    fine = other_region.sign(THEIRS, alternatives)
    assert openssl_verify(fine, [own.certificate, other_region.certificate]) == ""


def test_a_station_certificate_stays_valid_when_its_region_joins_a_federation(
    own: authority.Authority, coordinator: Any, openssl_verify: Verify
) -> None:
    made = own.issue("ggd", new_public_key())
    key = coordinator.vault.read_private_key("ca-1.key")
    root, cross = federated(Region(own.certificate, key))
    assert openssl_verify(made, [root], *NAMED, between=[cross]) == ""
    assert openssl_verify(made, [own.certificate], *NAMED) == ""


def test_a_ca_below_a_regional_ca_is_worth_nothing(other_region: Region, openssl_verify: Verify) -> None:
    below = ec.generate_private_key(ec.SECP256R1())
    subordinate = other_region.sign("CN=station-ca,OU=elders,O=Datawerkplaats,C=NL", [], below)
    leaf = Region(subordinate, below).sign(THEIRS, [])
    said = openssl_verify(leaf, [other_region.certificate], between=[subordinate])
    assert "path length constraint exceeded" in said
    assert profile.authority_fault(subordinate, "elders")


def test_a_station_cannot_sign_for_others(own: authority.Authority, openssl_verify: Verify) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    station = own.issue("ggd", key.public_key())
    leaf = Region(station, key).sign("CN=station-ziekenhuis,OU=proeftuin,O=Datawerkplaats,C=NL", [])
    assert "invalid CA certificate" in openssl_verify(leaf, [own.certificate], between=[station])


def federated(region: Region) -> tuple[x509.Certificate, x509.Certificate]:
    """A national root, and its cross-certificate: the same key and name of the region, signed again."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = profile.distinguished("CN=Root-1,O=Datawerkplaats,C=NL")
    start, end = canonical.now() - profile.BACKDATED, canonical.now() + datetime.timedelta(days=30)
    root = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), True)
        .add_extension(profile._key_usage(profile._AUTHORITY_USES), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    builder = x509.CertificateBuilder(
        name, region.certificate.subject, region.key.public_key(), x509.random_serial_number(), start, end
    )
    for one in region.certificate.extensions:
        value = (
            profile.key_identifier(key.public_key())
            if isinstance(one.value, x509.AuthorityKeyIdentifier)
            else one.value
        )
        builder = builder.add_extension(value, one.critical)
    return root, builder.sign(key, hashes.SHA256())


def test_the_ca_is_found_again_and_not_made_twice(coordinator: Any) -> None:
    first, second = coordinator.authority, coordinator.authority
    assert first.certificate == second.certificate
    assert len(first.records.rows("authorities")) == 1


def test_a_founding_that_was_killed_between_key_and_certificate_goes_on(coordinator: Any) -> None:
    first = coordinator.authority
    (first.vault.folder / "ca-1.pem").unlink()
    second = coordinator.authority
    assert second.certificate.public_key() == first.certificate.public_key()
    assert profile.authority_fault(second.certificate, "proeftuin") == ""
    assert len(second.records.rows("authorities")) == 1


def test_a_lost_key_does_not_lead_to_a_second_ca_of_the_same_name(coordinator: Any) -> None:
    first = coordinator.authority
    (first.vault.folder / "ca-1.key").unlink()
    with pytest.raises(errors.VaultError, match=r"key of CA-1 of proeftuin is not in .* restore the vault"):
        _ = coordinator.authority


def test_the_vault_of_another_backup_is_refused(
    coordinator: Any, make_coordinator: Callable[[model.Definition], Any], definition: model.Definition
) -> None:
    own = coordinator.authority
    other = make_coordinator(definition.model_copy(update={"network": "elders"}))
    other_ca = other.authority
    for name in ("ca-1.key", "ca-1.pem"):
        own.vault.write(name, other_ca.vault.read(name))
    with pytest.raises(errors.VaultError, match="holds another CA-1 than"):
        _ = coordinator.authority


def test_a_key_that_is_not_of_the_certificate_is_refused(coordinator: Any) -> None:
    own = coordinator.authority
    (own.vault.folder / "ca-1.key").unlink()
    own.vault.write_private_key("ca-1.key", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(errors.VaultError, match="do not belong together"):
        coordinator.authority.issue("ggd", new_public_key())


def test_a_record_that_was_edited_by_hand_is_named_with_its_line(own: authority.Authority) -> None:
    path = own.records.folder / "serials.txt"
    path.write_text(path.read_text() + "half a line\n")
    with pytest.raises(errors.RefusedError, match=r"serials.txt:3 has 3 words, not serial name"):
        own.records.rows("serials")
