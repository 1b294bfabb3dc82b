"""Another CA in the place of one whose key was lost or stolen: the stations' keys stay, and every operator says yes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from base import errors, files
from publication import acceptance, parts, profile, publication, revocations, verified
from tests.harness import chance
from tests.harness.coordinator import Coordinator, make_keys
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import authority, ledger, revocation, roles, rolling, steps

ORGANISATIONS = ("ggd", "thuiszorg", "ziekenhuis")


@pytest.fixture
def network(coordinator: Coordinator, bare: Any) -> Any:
    """What a step asks of a network: four organisations, one of them revoked, and a publication."""
    gone = coordinator.approve("huisartsen")
    for organisation in ORGANISATIONS:
        coordinator.approve(organisation)
    revocation.revoke(coordinator.authority, gone.station_certificate.serial_number, "keyCompromise")
    publish(bare)
    return bare


def publish(network: Any) -> verified.Verified:
    return steps.publish(network, RELEASES["dev"], lambda _: None)


def read(network: Any) -> verified.Verified:
    return publication.read(network.publication, network.name)


def rolled(network: Any, *, stolen: bool = False) -> verified.Verified:
    (rolling.stolen if stolen else rolling.at_once)(network, lambda _: None)
    return publish(network)


def lose_the_key(network: Any) -> None:
    (network.vault.folder / "ca-1.key").unlink()


@pytest.mark.parametrize("lost", [False, True], ids=["stolen", "lost"])
def test_every_certificate_is_signed_anew_for_the_keys_of_before_and_nobody_asks(network: Any, lost: bool) -> None:
    before = read(network)
    if lost:
        lose_the_key(network)
        with pytest.raises(errors.VaultError, match="where there is none, werkplaats trust roll proeftuin"):
            publish(network)
    after = rolled(network)
    assert after.authority.subject.rfc4514_string().startswith("CN=CA-2,")
    assert after.authority_key != before.authority_key
    assert after.number == before.number + 1
    assert set(after.identities) == set(ORGANISATIONS)
    for organisation in ORGANISATIONS:
        old, new = before.identities[organisation], after.identities[organisation]
        assert (new.fingerprint, new.statement) == (old.fingerprint, old.statement)
        assert not profile.station_fault(new.station_certificate, after.authority, network.name, organisation)
    assert publish(network) == after, "once is enough"


def test_who_was_revoked_stays_so_under_the_new_ca(network: Any) -> None:
    before, after = read(network), rolled(network)
    serials = {entry.serial_number for entry in before.revocations}
    assert {entry.serial_number for entry in after.revocations} == serials != set()
    assert after.revocations.issuer == after.authority.subject
    assert revocations.number(after.revocations) == revocations.number(before.revocations) + 1


def test_an_operator_is_asked_about_the_ca_and_about_nothing_else(network: Any) -> None:
    accepted = acceptance.accept(read(network))
    [asked] = acceptance.compare(accepted, rolled(network)).waits
    assert "WARNING: the CA of proeftuin has another key" in asked.text
    assert acceptance.compare(accepted, read(network)).applies == ()
    again = acceptance.accept(read(network), accepted)
    assert again.statement_keys == accepted.statement_keys
    assert again.seen == accepted.seen


def test_a_station_whose_operator_holds_back_stays_as_it_was_and_takes_nothing_of_the_new_ca(network: Any) -> None:
    """Else whoever stole the coordinator's name would have lists and certificates of its own installed."""
    accepted = acceptance.accept(read(network))
    rolled(network)
    with pytest.raises(errors.AcceptanceError, match="has another key"):
        acceptance.accepted_view(accepted, read(network))


def without_holders(network: Any) -> None:
    """The root holders' keys are at the root holders, as in any network but a sandbox."""
    away = network.vault.folder.with_name("of-root-holders")
    away.mkdir()
    for path in network.vault.folder.glob("root-*.key"):
        path.rename(away / path.name)


def back(network: Any) -> None:
    for path in network.vault.folder.with_name("of-root-holders").iterdir():
        path.rename(network.vault.folder / path.name)


def test_a_roll_waits_for_the_root_holders_and_goes_on_when_they_signed(network: Any) -> None:
    before = read(network)
    without_holders(network)
    for _ in range(2):  # it is the same roll when it is run again
        rolling.at_once(network, lambda _: None)
        assert "targets version 2 waits for the root holders" in str(steps.held_by(network).missing())
        assert publish(network) == before
    assert read(network) == before
    back(network)
    assert publish(network).authority.subject.rfc4514_string().startswith("CN=CA-2,")


@pytest.mark.parametrize("stolen", [False, True])
def test_a_revocation_does_not_wait_for_the_root_holders_while_a_roll_does(network: Any, stolen: bool) -> None:
    """Gains: the thief for whom all of it is done has days more, with the keys of whom nobody can put out."""
    before = read(network)
    without_holders(network)
    (rolling.stolen if stolen else rolling.at_once)(network, lambda _: None)
    publish(network)
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    publish(network)
    found = read(network)
    assert set(found.identities) == {*ORGANISATIONS} - {"ggd"}
    serial = before.identities["ggd"].station_certificate.serial_number
    assert found.revocations.get_revoked_certificate_by_serial_number(serial)
    assert found.authority_key == before.authority_key
    revocations.refuse_rollback(before.revocations, found.revocations)
    assert publish(network) == found, "nothing is made where nothing changed"
    back(network)
    after = publish(network)
    assert after.authority.subject.rfc4514_string().startswith("CN=CA-2,")
    assert set(after.identities) == set(found.identities)
    assert after.revocations.get_revoked_certificate_by_serial_number(serial)
    assert not (network.vault.folder / roles.BEFORE).exists(), "what somebody may have signs nothing more"
    assert publish(network) == after


def test_a_roll_of_who_has_the_key_of_before_no_more_waits_and_says_for_whom(network: Any) -> None:
    before = read(network)
    without_holders(network)
    lose_the_key(network)
    rolling.at_once(network, lambda _: None)
    with pytest.raises(errors.PublicationError, match="which the root holders did not sign for"):
        publish(network)
    assert read(network) == before
    back(network)
    assert publish(network).authority.subject.rfc4514_string().startswith("CN=CA-2,")


def test_a_roll_that_another_than_the_root_holders_begins_is_refused_by_every_reader(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the coordinator's whole vault signs a CA-2 of its own with all keys in it: all else is right."""
    without_holders(network)
    own = authority.roll(network.vault, ledger.Records(network.inventory))
    with monkeypatch.context() as patch:
        patch.setattr(parts, "_require_authority", lambda *_: None)
        patch.setattr(authority, "signed_for", lambda *_, **__: own)
        patch.setattr(steps, "require_signed", lambda *_: None)
        assert publish(network).authority_key == own.key_fingerprint, "it is a publication but for that"
        assert read(network).number == 2
    with pytest.raises(errors.PublicationError, match="which the root holders did not sign for"):
        read(network)


@pytest.mark.parametrize("stolen", [False, True])
def test_a_stolen_vault_is_replaced_with_the_key_that_publishes(network: Any, stolen: bool) -> None:
    before = steps.held_by(network).own_key()
    (rolling.stolen if stolen else rolling.at_once)(network, lambda _: None)
    after = publish(network)
    assert (steps.held_by(network).own_key().keyid == before.keyid) is not stolen
    assert read(network) == after
    (rolling.stolen if stolen else rolling.at_once)(network, lambda _: None)
    assert publish(network).authority.subject.rfc4514_string().startswith("CN=CA-3,"), "and once more"


def test_a_roll_of_which_it_is_learned_later_that_the_key_was_stolen_leaves_the_thief_nothing(network: Any) -> None:
    """Said after a plain roll it did nothing: the thief's key went on to publish, and CA-2 had lain in the vault."""
    stolen = steps.held_by(network).own_key()
    rolling.at_once(network, lambda _: None)
    rolling.stolen(network, lambda _: None)
    assert steps.held_by(network).own_key().keyid != stolen.keyid
    rolling.stolen(network, lambda _: None)
    assert publish(network).authority.subject.rfc4514_string().startswith("CN=CA-3,"), "and a third time goes on"


def test_a_roll_that_is_killed_anywhere_goes_on_and_makes_one_ca(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = steps.held_by(network).own_key()
    writes = chance.Writes()

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", writes.counted(files.write_atomically))
        patch.setattr(ledger.Records, "append_all", writes.counted(ledger.Records.append_all))
        for survived in range(100):
            writes.left = survived
            try:
                after = rolled(network, stolen=True)
                break
            except chance.KilledError:
                assert read(network).authority.subject.rfc4514_string().startswith("CN=CA-1,")
        else:
            pytest.fail("it never ends")
    assert survived > 3
    assert after.authority.subject.rfc4514_string().startswith("CN=CA-2,")
    assert set(after.identities) == set(ORGANISATIONS)
    generations = [row["generation"] for row in ledger.Records(network.inventory).rows("authorities")]
    assert generations == ["1", "2"]
    assert steps.held_by(network).own_key().keyid != stolen.keyid


def test_a_network_without_ca_has_none_to_replace(coordinator: Coordinator) -> None:
    with pytest.raises(errors.UsageError, match="never had a CA"):
        authority.roll(coordinator.vault, coordinator.records)


def test_openssl_takes_a_certificate_of_the_new_ca_and_none_of_the_old_one(
    network: Any, openssl_verify: Callable[..., str]
) -> None:
    before, after = read(network), rolled(network)
    lists = [after.revocations]
    assert openssl_verify(after.identities["ggd"].station_certificate, [after.authority], lists=lists) == ""
    assert openssl_verify(before.identities["ggd"].station_certificate, [after.authority], lists=lists) != ""


def test_an_approval_after_it_is_of_the_new_ca(network: Any, coordinator: Coordinator) -> None:
    rolled(network)
    made = coordinator.approve("huisartsen", make_keys())
    assert not profile.station_fault(made.station_certificate, read(network).authority, network.name, "huisartsen")
    assert isinstance(made.station_certificate.public_key(), ec.EllipticCurvePublicKey)
