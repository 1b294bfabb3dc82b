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

from base import canonical, errors
from publication import revocations
from werkplaats.operations.coordinator import approval, authority, ledger, renewal, revocation
from werkplaats.operations.home import vault

DAY = datetime.timedelta(days=1)
Verify = Callable[..., str]


def test_a_list_is_in_force_from_the_first_day_though_nothing_is_revoked(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    own, station = coordinator.authority, approve("ggd").station_certificate
    assert "unable to get certificate CRL" in openssl_verify(station, [own.certificate], "-crl_check")
    first = revocation.current(own)
    assert revocations.number(first) == 1
    assert openssl_verify(station, [own.certificate], lists=[first]) == ""
    revocations.verify(first, own.certificate)


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
    late = int((canonical.now() + 91 * DAY).timestamp())
    assert "CRL has expired" in openssl_verify(station, [own.certificate], "-attime", str(late), lists=[first])
    with pytest.raises(errors.RevocationError, match=r"was in force until .*trust publish"):
        revocations.verify(first, own.certificate, canonical.now() + 91 * DAY)


def test_a_list_is_kept_until_less_than_60_days_are_left(coordinator: Any) -> None:
    own, start = coordinator.authority, canonical.now()
    first = revocation.current(own, start)
    assert first.next_update_utc == start + 90 * DAY
    assert revocation.current(own, start + 30 * DAY) == first
    second = revocation.current(own, start + 31 * DAY)
    assert revocations.number(second) == 2
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


def test_numbers_go_on_when_the_list_itself_was_lost(coordinator: Any) -> None:
    own = coordinator.authority
    first = revocation.current(own)
    (own.vault.folder / revocation.IN_VAULT).unlink()
    second = revocation.current(own)
    assert revocations.number(second) == 2
    revocations.refuse_rollback(first, second)


def test_a_clock_that_was_set_back_makes_no_list_that_is_refused(coordinator: Any, approve: Callable[..., Any]) -> None:
    own = coordinator.authority
    first = revocation.current(own, canonical.now() + 10 * DAY)
    second = revocation.revoke(own, approve("ggd").station_certificate.serial_number)
    revocations.refuse_rollback(first, second)


def test_a_stolen_key_does_not_go_on_with_the_certificate_of_before_the_renewal(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    """Whoever stole the key shows the earlier certificate, which is good for months: the newest alone was revoked."""
    own = coordinator.authority
    earlier, late = approve("ggd").station_certificate, canonical.now() + 121 * DAY
    [renewed] = renewal.renew(coordinator.definition, own, late)
    words = ("-attime", str(int(late.timestamp())))
    for revoked in (
        revocation.revoke(own, renewed.station_certificate.serial_number, "keyCompromise", late),
        revocation.withdraw(own, "ggd", "keyCompromise", late),
    ):
        for one in (earlier, renewed.station_certificate):
            assert "certificate revoked" in openssl_verify(one, [own.certificate], *words, lists=[revoked])


def test_withdrawing_takes_all_that_was_certified_and_nobody_else(
    coordinator: Any, approve: Callable[..., Any]
) -> None:
    own, other = coordinator.authority, approve("ziekenhuis")
    serials = {approve("ggd").station_certificate.serial_number}
    late = canonical.now() + 121 * DAY
    serials |= {one.station_certificate.serial_number for one in renewal.renew(coordinator.definition, own, late)}
    serials -= {approval.find(own.records, "ziekenhuis").station_certificate.serial_number}  # type: ignore[union-attr]
    found = revocation.withdraw(own, "ggd", "cessationOfOperation", late)
    assert {entry.serial_number for entry in found} == serials
    assert len(serials) == 2
    assert revocation.withdraw(own, "ggd", "cessationOfOperation", late) == found
    assert other.statement_key not in revocation.revoked_keys(own.records)
    with pytest.raises(errors.UsageError, match="thuiszorg never had a certificate of proeftuin; certified are: CN="):
        revocation.withdraw(own, "thuiszorg", "unspecified", late)
    with pytest.raises(errors.UsageError, match="'holiday' is not a reason"):
        revocation.withdraw(own, "ggd", "holiday", late)


def test_keys_of_a_certificate_that_has_ended_are_withdrawn_too(coordinator: Any, approve: Callable[..., Any]) -> None:
    """They would be certified anew with the next publication."""
    own, one, late = coordinator.authority, approve("ggd"), canonical.now() + 400 * DAY
    revocation.withdraw(own, "ggd", "keyCompromise", late)
    assert one.statement_key in revocation.revoked_keys(own.records)
    assert renewal.renew(coordinator.definition, own, late) == []


def test_a_hold_is_on_the_list_leaves_the_keys_and_becomes_final_with_another_reason(
    coordinator: Any, approve: Callable[..., Any], openssl_verify: Verify
) -> None:
    own, one = coordinator.authority, approve("ggd")
    station = one.station_certificate
    held = revocation.withdraw(own, "ggd", revocation.HOLD)
    assert "certificate revoked" in openssl_verify(station, [own.certificate], lists=[held])
    assert revocation.revoked_keys(own.records) == {}
    final = revocation.withdraw(own, "ggd", "keyCompromise")
    assert revocations.number(final) == revocations.number(held) + 1
    assert len(final) == 1
    entry = final.get_revoked_certificate_by_serial_number(station.serial_number)
    assert entry
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert one.statement_key in revocation.revoked_keys(own.records)
    assert revocation.withdraw(own, "ggd", revocation.HOLD) == final, "what is final is not held"


def test_keys_are_given_up_though_the_run_was_killed_before_it_wrote_them_down(
    coordinator: Any, approve: Callable[..., Any]
) -> None:
    own, one = coordinator.authority, approve("ggd")
    revocation.withdraw(own, "ggd", "keyCompromise")
    known = revocation.revoked_keys(own.records)
    (own.records.folder / "revoked-keys.txt").unlink()
    assert revocation.revoked_keys(own.records) == known
    assert one.statement_key in known
    revocation.withdraw(own, "ggd", "keyCompromise")
    assert {row["key"] for row in own.records.rows("revoked-keys")} == known.keys()


@settings(max_examples=25)
@given(steps=st.lists(st.tuples(st.integers(-5, 70), st.booleans()), min_size=1, max_size=8))
def test_whatever_happens_each_list_follows_the_one_before_and_says_all_that_was_revoked(
    steps: list[tuple[int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = vault.Vault("proeftuin", Path(folder) / "vault")
        kept.make_passphrase()
        own = authority.open_or_found(kept, ledger.Records(Path(folder) / "records"))
        moment, last, revoked = canonical.now(), None, set()
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
                revocations.refuse_rollback(last, found)
            last = found
