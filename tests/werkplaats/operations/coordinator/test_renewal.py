"""Certificates that are signed anew by themselves, and a hold that is taken back."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from base import canonical, errors
from publication import acceptance, identity, profile, verified
from publication.following import requests
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import approval, lifetimes, renewal, revocation, steps
from werkplaats.operations.coordinator import publish as publishing

DAY = datetime.timedelta(days=1)


@pytest.fixture
def publish(coordinator: Any, tmp_path: Path) -> Callable[..., verified.Verified]:
    folder = tmp_path / "publications" / "proeftuin"
    folder.parent.mkdir()

    def do(moment: datetime.datetime | None = None) -> verified.Verified:
        return publishing.publish(folder, coordinator.definition, RELEASES, coordinator.authority, moment)

    return do


def test_a_certificate_is_signed_anew_at_two_thirds_of_its_life_for_the_same_keys(
    coordinator: Any, approve: Callable[..., Any]
) -> None:
    before, start = approve("ggd"), canonical.now()

    def renew(days: int) -> list[identity.Identity]:
        return renewal.renew(coordinator.definition, coordinator.authority, start + days * DAY)

    assert renew(119) == []
    [after] = renew(121)
    old, new = before.station_certificate, after.station_certificate
    assert new.serial_number != old.serial_number
    assert new.public_key() == old.public_key()
    assert new.not_valid_after_utc == start + 301 * DAY
    assert not profile.station_fault(new, coordinator.authority.certificate, "proeftuin", "ggd")
    assert after.fingerprint == before.fingerprint
    assert after.statement == before.statement
    assert renew(122) == []


def test_whoever_forgot_it_for_long_renews_what_has_ended(coordinator: Any, approve: Callable[..., Any]) -> None:
    approve("ggd")
    [after] = renewal.renew(coordinator.definition, coordinator.authority, canonical.now() + 400 * DAY)
    assert after.station_certificate.not_valid_after_utc > canonical.now() + 579 * DAY


def test_nothing_is_renewed_over_and_over_when_the_ca_itself_ends(
    coordinator: Any, approve: Callable[..., Any]
) -> None:
    approve("ggd")
    late = coordinator.authority.certificate.not_valid_after_utc - DAY
    assert len(renewal.renew(coordinator.definition, coordinator.authority, late)) == 1
    assert renewal.renew(coordinator.definition, coordinator.authority, late) == []


def test_what_was_revoked_is_never_renewed(coordinator: Any, approve: Callable[..., Any]) -> None:
    approve("ggd")
    for reason in (revocation.HOLD, "keyCompromise"):
        revocation.withdraw(coordinator.authority, "ggd", reason)
        assert renewal.renew(coordinator.definition, coordinator.authority, canonical.now() + 150 * DAY) == []


def test_lifetimes_of_minutes_are_a_parameter_and_longer_ones_than_usual_are_refused(
    coordinator: Any, approve: Callable[..., Any]
) -> None:
    for what, number, unit in (("certificate", 6, "minutes"), ("list", 3, "minutes")):
        coordinator.records.append("lifetimes", what=what, number=number, unit=unit)
    start, minute = canonical.now(), datetime.timedelta(minutes=1)
    certificate = approve("ggd").station_certificate
    assert start + 6 * minute <= certificate.not_valid_after_utc <= start + 7 * minute
    assert profile.due(certificate) == certificate.not_valid_after_utc - 2 * minute
    own = coordinator.authority
    first = revocation.current(own, start)
    assert first.next_update_utc == start + 3 * minute
    assert revocation.current(own, start + minute) == first
    assert revocation.current(own, start + minute + datetime.timedelta(seconds=1)) != first


def test_a_network_that_wants_shorter_lists_gets_one_at_once(coordinator: Any) -> None:
    """The list of before would have stood for months, as long as whoever withholds the next one wants it to."""
    start = canonical.now()
    assert revocation.current(coordinator.authority, start).next_update_utc == start + datetime.timedelta(days=90)
    coordinator.records.append("lifetimes", what="list", number=30, unit="days")
    shorter = revocation.current(coordinator.authority, start)
    assert shorter.next_update_utc == start + datetime.timedelta(days=30)
    assert revocation.current(coordinator.authority, start) == shorter


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("certificate 181 days", "not between nothing and 180 days"),
        ("list 91 days", "not between nothing and 90 days"),
        ("list 0 days", "not between nothing and 90 days"),
        ("certificate 9999999 minutes", "not between nothing and 180 days"),
        ("root 9 days", "no lifetime"),
        ("list -9 days", "no lifetime"),
        ("list 9 weeks", "no lifetime"),
        ("list 9", "has 2 words"),
    ],
)
def test_lifetimes_that_are_none_are_refused_with_their_line(coordinator: Any, line: str, why: str) -> None:
    coordinator.records.folder.mkdir(parents=True)
    (coordinator.records.folder / "lifetimes.txt").write_text(f"{line}\n")
    with pytest.raises(errors.RefusedError, match=rf"lifetimes\.txt.*{why}"):
        lifetimes.read(coordinator.records)


def test_a_hold_is_taken_back_with_a_new_certificate_and_the_list_keeps_the_one_before(
    coordinator: Any, approve: Callable[..., Any], publish: Callable[..., verified.Verified]
) -> None:
    before = approve("ggd").station_certificate
    revocation.withdraw(coordinator.authority, "ggd", revocation.HOLD)
    assert "ggd" not in publish().identities
    after = renewal.reinstate(coordinator.definition, "ggd", coordinator.authority).station_certificate
    assert after.public_key() == before.public_key()
    found = publish()
    assert found.identities["ggd"].station_certificate == after
    assert found.revocations.get_revoked_certificate_by_serial_number(before.serial_number)
    with pytest.raises(errors.UsageError, match="is not on hold"):
        renewal.reinstate(coordinator.definition, "ggd", coordinator.authority)


def test_revoked_keys_are_never_reinstated(coordinator: Any, approve: Callable[..., Any]) -> None:
    approve("ggd")
    revocation.withdraw(coordinator.authority, "ggd", revocation.HOLD)
    revocation.withdraw(coordinator.authority, "ggd", "keyCompromise")
    with pytest.raises(errors.RequestError, match=r"were revoked \(keyCompromise\): nobody takes them again; it makes"):
        renewal.reinstate(coordinator.definition, "ggd", coordinator.authority)
    with pytest.raises(errors.UsageError, match="no keys of 'ziekenhuis' were approved"):
        renewal.reinstate(coordinator.definition, "ziekenhuis", coordinator.authority)


def test_what_is_on_hold_is_not_approved_by_asking_once_more(coordinator: Any, new_keys: Callable[[], Any]) -> None:
    keys = new_keys()
    coordinator.approve("ggd", keys)
    revocation.withdraw(coordinator.authority, "ggd", revocation.HOLD)
    new = dataclasses.replace(new_keys(), statement=keys.statement, serial=2)
    for asked in (keys, new):
        with pytest.raises(errors.RequestError, match=r"ggd is on hold.*trust reinstate proeftuin ggd"):
            coordinator.approve("ggd", asked)
    assert renewal.take_up(coordinator.definition, coordinator.authority) == ([], {})
    assert {row["reason"] for row in coordinator.records.rows("revoked")} == {revocation.HOLD}


def test_a_hold_is_not_got_round_by_asking_with_other_keys(coordinator: Any, new_keys: Callable[[], Any]) -> None:
    """Gains: who is under investigation is let in again, and nobody said that the hold was taken back."""
    coordinator.approve("ggd", new_keys())
    revocation.withdraw(coordinator.authority, "ggd", revocation.HOLD)
    keys = new_keys()
    with pytest.raises(
        errors.RequestError,
        match=r"ggd is on hold, and the request has another statement key.*trust revoke proeftuin ggd --reason super.*"
        "trust reinstate proeftuin ggd",
    ):
        coordinator.approve("ggd", keys)
    network = SimpleNamespace(
        definition=coordinator.definition,
        vault=coordinator.vault,
        inventory=coordinator.records.folder,
        tier=profile.REGION,
        ships=True,
    )
    said: list[str] = []
    asked = identity.Request.read(coordinator.records.read("requests", "ggd"), "the request")
    refused = steps.approve_all(cast("Any", network), [asked], said.append)
    assert "is on hold" in refused["ggd"], "nor where one person takes all steps"
    assert {row["reason"] for row in coordinator.records.rows("revoked")} == {revocation.HOLD}
    revocation.withdraw(coordinator.authority, "ggd", "superseded")
    assert coordinator.approve("ggd", keys).statement_key == keys.statement_key


def ask(coordinator: Any, keys: Any, organisation: str = "ggd") -> None:
    """The request, as it lies among the records before anybody approved it."""
    signed = keys.statement_of("proeftuin", organisation)
    asked = requests.request("proeftuin", organisation, keys.request_pem, keys.statement_key, signed)
    approval.receive(coordinator.records, asked)


def test_a_new_gateway_key_that_the_statement_key_signed_needs_nobody_s_yes(
    coordinator: Any, new_keys: Callable[[], Any], publish: Callable[..., verified.Verified]
) -> None:
    keys, stranger = new_keys(), new_keys()
    before = coordinator.approve("ggd", keys)
    accepted = acceptance.accept(publish())
    assert renewal.take_up(coordinator.definition, coordinator.authority) == ([], {})
    ask(coordinator, stranger, "ziekenhuis")
    ask(coordinator, new := dataclasses.replace(new_keys(), statement=keys.statement, serial=2))
    [after], refused = renewal.take_up(coordinator.definition, coordinator.authority)
    assert refused == {}
    assert after.station_certificate.public_key() == new.private.public_key()
    found = publish()
    assert set(found.identities) == {"ggd"}, "a first request still waits for its fingerprint"
    assert found.revocations.get_revoked_certificate_by_serial_number(before.station_certificate.serial_number)
    compared = acceptance.compare(accepted, found)
    assert compared.waits == ()
    assert [change.text for change in compared.applies] == [
        "ggd has a new gateway key, statement 2, signed by its pinned statement key"
    ]
    assert renewal.take_up(coordinator.definition, coordinator.authority) == ([], {})


@pytest.mark.parametrize("how", ["another statement key", "not signed", "earlier", "of another", "revoked"])
def test_no_other_request_is_taken_up_unasked(coordinator: Any, new_keys: Callable[[], Any], how: str) -> None:
    """Whoever can lay a file among the requests would else take the place of a station."""
    keys = dataclasses.replace(new_keys(), serial=2)
    one = coordinator.approve("ggd", keys)
    new = dataclasses.replace(new_keys(), statement=keys.statement, serial=3)
    signed = new.statement_of("proeftuin", "ggd")
    match how:
        case "another statement key":
            new.statement = new_keys().statement
        case "earlier":
            new.serial = 1
        case "revoked":
            revocation.withdraw(coordinator.authority, "ggd", "keyCompromise")
    ask(coordinator, new)
    place = coordinator.records.place("requests", "ggd")
    document = json.loads(place.read_text())
    if how == "not signed":
        document["statement"]["serial"] = 4
    if how == "of another":
        document["organisation"] = "ziekenhuis"
    place.write_text(json.dumps(document))
    found, refused = renewal.take_up(coordinator.definition, coordinator.authority)
    assert found == []
    told = {"not signed": "did not sign", "of another": "is a request of ziekenhuis", "revoked": "was revoked"}
    assert (told[how] in refused["ggd"]) if how in told else refused == {}
    assert approval.find(coordinator.records, "ggd") == one
    assert signed.serial == 3


def test_a_renewal_that_was_killed_after_the_key_before_was_revoked_goes_on(
    coordinator: Any, new_keys: Callable[[], Any]
) -> None:
    keys = new_keys()
    serial = coordinator.approve("ggd", keys).station_certificate.serial_number
    ask(coordinator, dataclasses.replace(new_keys(), statement=keys.statement, serial=2))
    revocation.supersede(coordinator.authority, {f"{serial:x}"})
    [after], _ = renewal.take_up(coordinator.definition, coordinator.authority)
    assert after.statement.serial == 2
