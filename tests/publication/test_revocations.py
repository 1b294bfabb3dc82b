from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from base import canonical, errors
from publication import revocations
from werkplaats.operations.coordinator import authority, ledger, revocation
from werkplaats.operations.home import vault

DAY = datetime.timedelta(days=1)


def test_a_list_from_the_future_is_refused(coordinator: Any) -> None:
    own = coordinator.authority
    with pytest.raises(errors.RevocationError, match="set the clock"):
        revocations.verify(revocation.current(own), own.certificate, canonical.now() - DAY)


def test_the_list_before_a_revocation_is_refused_after_it(coordinator: Any, approve: Callable[..., Any]) -> None:
    own = coordinator.authority
    before = revocation.current(own)
    after = revocation.revoke(own, approve("ggd").station_certificate.serial_number)
    revocations.refuse_rollback(before, after)
    revocations.refuse_rollback(after, after)
    with pytest.raises(errors.RevocationError, match="has number 1, and number 2 is in force"):
        revocations.refuse_rollback(after, before)


def signed(own: authority.Authority, number: int, moment: datetime.datetime) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder(last_update=moment, next_update=moment + 90 * DAY)
    return own.sign_revocations(builder.add_extension(x509.CRLNumber(number), critical=False))


def test_an_older_date_under_a_newer_number_is_refused(coordinator: Any) -> None:
    own, start = coordinator.authority, canonical.now()
    with pytest.raises(errors.RevocationError, match=r"revocation list 8 is of .*, older than the one in force"):
        revocations.refuse_rollback(signed(own, 7, start), signed(own, 8, start - DAY))


def test_two_lists_of_one_number_are_refused(coordinator: Any) -> None:
    own, start = coordinator.authority, canonical.now()
    with pytest.raises(errors.RevocationError, match="two different revocation lists with number 7"):
        revocations.refuse_rollback(signed(own, 7, start), signed(own, 7, start + DAY))


def test_the_list_of_another_ca_is_refused(
    coordinator: Any, make_coordinator: Callable[..., Any], definition: Any, tmp_path: Path
) -> None:
    other = make_coordinator(definition.model_copy(update={"network": "elders"})).authority
    with pytest.raises(errors.RevocationError, match=r"not signed by CN=CA-1,OU=proeftuin"):
        revocations.verify(revocation.current(other), coordinator.authority.certificate)
    # A CA of the same name with another key, as somebody would make who has the folder but not the vault.
    double = authority.open_or_found(pretender(tmp_path), ledger.Records(tmp_path / "pretender-records"))
    with pytest.raises(errors.RevocationError, match=r"not signed by CN=CA-1,OU=proeftuin"):
        revocations.verify(revocation.current(double), coordinator.authority.certificate)


def pretender(tmp_path: Path) -> vault.Vault:
    kept = vault.Vault("proeftuin", tmp_path / "pretender")
    kept.make_passphrase()
    return kept


@pytest.mark.parametrize("content", [b"", b"no list", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_list_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(errors.RevocationError, match="not a revocation list"):
        revocations.load(content)


def test_a_list_without_a_number_is_refused(coordinator: Any) -> None:
    start = canonical.now()
    builder = x509.CertificateRevocationListBuilder(last_update=start, next_update=start + DAY)
    with pytest.raises(errors.RevocationError, match="with a number"):
        revocations.load(revocations.pem(coordinator.authority.sign_revocations(builder)))
