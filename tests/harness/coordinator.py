"""A network's coordinator with a vault, records and a CA, organisations with keys, and the real openssl as judge."""

from __future__ import annotations

import base64
import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from base import canonical
from network_topology import load, model
from publication import identity, profile
from publication.following import requests
from station_image.runtime.accepted.gateway import said
from station_image.runtime.accepted.statement import GATEWAY_KEY, StatementKey
from werkplaats.operations.coordinator import approval, authority, ledger, revocation, roles
from werkplaats.operations.home import vault

NETWORKS = Path(load.__file__).parent / "networks"


@dataclasses.dataclass
class Coordinator:
    """What a coordinator has, in folders of its own."""

    definition: model.Definition
    vault: vault.Vault
    records: ledger.Records

    @property
    def authority(self) -> authority.Authority:
        """The CA; the publication's root is founded with it, all keys in the one vault."""
        own = authority.open_or_found(self.vault, self.records)
        self.roles.found_here(self.definition.signatures, own.key_fingerprint, canonical.now())
        return own

    @property
    def roles(self) -> roles.Roles:
        return roles.Roles(self.vault, self.records)

    def approve(self, organisation: str, keys: Keys | None = None) -> identity.Identity:
        """Request and approve, as the two do it, with keys or new ones."""
        keys = keys or make_keys()
        network = self.definition.network
        signed = keys.statement_of(network, organisation)
        asked = requests.request(network, organisation, keys.request_pem, keys.statement_key, signed)
        approval.receive(self.records, asked)
        return approval.approve(self.definition, organisation, asked.fingerprint, self.authority)


@dataclasses.dataclass
class Keys:
    """What is made on one server."""

    private: ec.EllipticCurvePrivateKey
    statement: ed25519.Ed25519PrivateKey
    serial: int = 1

    @property
    def request_pem(self) -> str:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        return builder.sign(self.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    @property
    def statement_key(self) -> str:
        return base64.b64encode(self.statement.public_key().public_bytes_raw()).decode()

    def statement_of(self, network: str, organisation: str) -> identity.Statement:
        """By which the statement key signs the gateway's."""
        spki = profile.spki(self.private.public_key())
        signed = StatementKey(self.statement).sign(GATEWAY_KEY, said(network, organisation, spki, self.serial))
        return identity.Statement(serial=self.serial, signature=signed)

    def as_read(self, organisation: str, network: str = "proeftuin") -> str:
        """The contents of the public files on the server, one after another."""
        public = self.statement.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return self.request_pem + public.decode() + self.statement_of(network, organisation).model_dump_json() + "\n"


def make_keys() -> Keys:
    return Keys(ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def new_keys() -> Callable[[], Keys]:
    return make_keys


@pytest.fixture
def definition() -> model.Definition:
    return load.find("proeftuin", NETWORKS)


def founded(folder: Path, definition: model.Definition) -> Coordinator:
    kept = vault.Vault(definition.network, folder / "state" / definition.network)
    kept.make_passphrase()
    return Coordinator(definition, kept, ledger.Records(folder / "inventories" / definition.network))


@pytest.fixture
def make_coordinator(tmp_path: Path) -> Callable[[model.Definition], Coordinator]:
    return lambda definition: founded(tmp_path, definition)


@pytest.fixture
def coordinator(
    make_coordinator: Callable[[model.Definition], Coordinator], definition: model.Definition
) -> Coordinator:
    return make_coordinator(definition)


@pytest.fixture
def approve(coordinator: Coordinator) -> Callable[..., identity.Identity]:
    return coordinator.approve


def pem(one: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def openssl_verify(tmp_path: Path) -> Callable[..., str]:
    """`openssl verify` as strict as it gets; returns "" when it accepts, else what it says."""

    def run(
        certificate: x509.Certificate,
        trusted: list[x509.Certificate],
        *options: str,
        lists: list[x509.CertificateRevocationList] | None = None,
        between: list[x509.Certificate] | None = None,
    ) -> str:
        (tmp_path / "trusted.pem").write_bytes(b"".join(map(pem, trusted)))
        (tmp_path / "certificate.pem").write_bytes(pem(certificate))
        command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", "trusted.pem", *options]
        if lists is not None:
            (tmp_path / "lists.pem").write_bytes(b"".join(map(pem, lists)))
            command += ["-crl_check", "-CRLfile", "lists.pem"]
        if between:
            (tmp_path / "between.pem").write_bytes(b"".join(map(pem, between)))
            command += ["-untrusted", "between.pem"]
        done = subprocess.run([*command, "certificate.pem"], cwd=tmp_path, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return run


@pytest.fixture
def trusted_and_list(
    coordinator: Coordinator,
) -> Callable[[], tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]]:
    def give() -> tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]:
        own = coordinator.authority
        return [own.certificate], [revocation.current(own)]

    return give
