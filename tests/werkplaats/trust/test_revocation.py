from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from base import errors
from werkplaats.operations.coordinator import authority, ledger, revocation
from werkplaats.operations.home import vault

DAY = datetime.timedelta(days=1)
Verify = Callable[..., str]


def test_a_list_is_in_force_from_the_first_day_though_nothing_is_revoked(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    own, station = coordinator.authority, approve("ggd").station_certificate
    assert "unable to get certificate CRL" in openssl_verify(station, [own.certificate], "-crl_check")
    first = revocation.current(own)
    assert revocation.number(first) == 1
    assert openssl_verify(station, [own.certificate], lists=[first]) == ""
    revocation.verify(first, own.certificate)


def test_openssl_refuses_a_revoked_certificate_and_only_that_one(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    own = coordinator.authority
    bad, good = approve("ggd").station_certificate, approve("ziekenhuis").station_certificate
    now_in_force = revocation.revoke(own, bad.serial_number, "keyCompromise")
    assert "certificate revoked" in openssl_verify(bad, [own.certificate], lists=[now_in_force])
    assert openssl_verify(good, [own.certificate], lists=[now_in_force]) == ""
    entry = now_in_force.get_revoked_certificate_by_serial_number(bad.serial_number)
    assert entry
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise


def test_openssl_refuses_everybody_once_the_list_is_out_of_force(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    own, station = coordinator.authority, approve("ggd").station_certificate
    first = revocation.current(own)
    late = int((ledger.now() + 91 * DAY).timestamp())
    assert "CRL has expired" in openssl_verify(station, [own.certificate], "-attime", str(late), lists=[first])
    with pytest.raises(errors.RevocationError, match=r"was in force until .*trust publish"):
        revocation.verify(first, own.certificate, ledger.now() + 91 * DAY)


def test_a_list_from_the_future_is_refused(coordinator: Any) -> None:
    own = coordinator.authority
    with pytest.raises(errors.RevocationError, match="set the clock"):
        revocation.verify(revocation.current(own), own.certificate, ledger.now() - DAY)


def test_a_list_is_kept_until_less_than_60_days_are_left(coordinator: Any) -> None:
    own, start = coordinator.authority, ledger.now()
    first = revocation.current(own, start)
    assert first.next_update_utc == start + 90 * DAY
    assert revocation.current(own, start + 30 * DAY) == first
    second = revocation.current(own, start + 31 * DAY)
    assert revocation.number(second) == 2
    assert second.next_update_utc == start + 121 * DAY


def test_revoking_twice_makes_one_line_and_one_list(coordinator: Any, approve: Callable[..., Any]) -> None:
    own, serial = coordinator.authority, approve("ggd").station_certificate.serial_number
    assert revocation.revoke(own, serial) == revocation.revoke(own, serial, "superseded")
    assert [row["reason"] for row in own.records.rows("revoked")] == ["unspecified"]


def test_a_serial_that_was_never_issued_and_an_unknown_reason_are_refused(coordinator: Any) -> None:
    own = coordinator.authority
    with pytest.raises(
        errors.UsageError, match=r"no certificate of proeftuin has serial 1234; take it from serials.txt"
    ):
        revocation.revoke(own, 0x1234)
    with pytest.raises(errors.UsageError, match=r"'holiday' is not a reason.*keyCompromise"):
        revocation.revoke(own, own.certificate.serial_number, "holiday")


def test_the_list_before_a_revocation_is_refused_after_it(coordinator: Any, approve: Callable[..., Any]) -> None:
    own = coordinator.authority
    before = revocation.current(own)
    after = revocation.revoke(own, approve("ggd").station_certificate.serial_number)
    revocation.refuse_rollback(before, after)
    revocation.refuse_rollback(after, after)
    with pytest.raises(errors.RevocationError, match="has number 1, and number 2 is in force"):
        revocation.refuse_rollback(after, before)


def signed(own: authority.Authority, number: int, moment: datetime.datetime) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder(last_update=moment, next_update=moment + 90 * DAY)
    return own.sign_revocations(builder.add_extension(x509.CRLNumber(number), critical=False))


def test_an_older_date_under_a_newer_number_is_refused(coordinator: Any) -> None:
    own, start = coordinator.authority, ledger.now()
    with pytest.raises(errors.RevocationError, match=r"revocation list 8 is of .*, older than the one in force"):
        revocation.refuse_rollback(signed(own, 7, start), signed(own, 8, start - DAY))


def test_two_lists_of_one_number_are_refused(coordinator: Any) -> None:
    own, start = coordinator.authority, ledger.now()
    with pytest.raises(errors.RevocationError, match="two different revocation lists with number 7"):
        revocation.refuse_rollback(signed(own, 7, start), signed(own, 7, start + DAY))


def test_the_list_of_another_ca_is_refused(
    coordinator: Any, make_coordinator: Callable[..., Any], definition: Any, tmp_path: Path
) -> None:
    other = make_coordinator(definition.model_copy(update={"network": "elders"})).authority
    with pytest.raises(errors.RevocationError, match=r"not signed by CN=CA-1,OU=proeftuin"):
        revocation.verify(revocation.current(other), coordinator.authority.certificate)
    # A CA of the same name with another key, as somebody would make who has the folder but not the vault.
    double = authority.open_or_found(pretender(tmp_path), ledger.Records(tmp_path / "pretender-records"))
    with pytest.raises(errors.RevocationError, match=r"not signed by CN=CA-1,OU=proeftuin"):
        revocation.verify(revocation.current(double), coordinator.authority.certificate)


def pretender(tmp_path: Path) -> vault.Vault:
    kept = vault.Vault("proeftuin", tmp_path / "pretender")
    kept.make_passphrase()
    return kept


def test_numbers_go_on_when_the_list_itself_was_lost(coordinator: Any) -> None:
    own = coordinator.authority
    first = revocation.current(own)
    (own.vault.folder / revocation.IN_VAULT).unlink()
    second = revocation.current(own)
    assert revocation.number(second) == 2
    revocation.refuse_rollback(first, second)


def test_a_clock_that_was_set_back_makes_no_list_that_is_refused(coordinator: Any, approve: Callable[..., Any]) -> None:
    own = coordinator.authority
    first = revocation.current(own, ledger.now() + 10 * DAY)
    second = revocation.revoke(own, approve("ggd").station_certificate.serial_number)
    revocation.refuse_rollback(first, second)


@pytest.mark.parametrize("content", [b"", b"no list", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_list_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(errors.RevocationError, match="not a revocation list"):
        revocation.load(content)


def test_a_list_without_a_number_is_refused(coordinator: Any) -> None:
    start = ledger.now()
    builder = x509.CertificateRevocationListBuilder(last_update=start, next_update=start + DAY)
    with pytest.raises(errors.RevocationError, match="with a number"):
        revocation.load(revocation.pem(coordinator.authority.sign_revocations(builder)))


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(-5, 70), st.booleans()), min_size=1, max_size=8))
def test_whatever_happens_each_list_follows_the_one_before_and_says_all_that_was_revoked(
    steps: list[tuple[int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = vault.Vault("proeftuin", Path(folder) / "vault")
        kept.make_passphrase()
        own = authority.open_or_found(kept, ledger.Records(Path(folder) / "records"))
        moment, last, revoked = ledger.now(), None, set()
        for days, revoke in steps:
            moment += days * DAY
            if revoke:
                key = own.certificate.public_key()
                revoked.add(own.issue("ggd", key, moment).serial_number)  # type: ignore[arg-type]
                found = revocation.revoke(own, max(revoked), moment=moment)
                for serial in revoked:
                    found = revocation.revoke(own, serial, moment=moment)
            else:
                found = revocation.current(own, moment)
            assert {entry.serial_number for entry in found} == revoked
            assert found.next_update_utc
            assert found.next_update_utc - moment >= 60 * DAY
            assert found.is_signature_valid(own.certificate.public_key())  # type: ignore[arg-type]
            assert isinstance(found.signature_hash_algorithm, hashes.SHA256)
            if last is not None:
                revocation.refuse_rollback(last, found)
            last = found
