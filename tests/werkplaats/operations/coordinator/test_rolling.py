"""One CA takes the place of another beside it: who heard and who did not talk on, and a revocation reaches both."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from base import canonical, errors, files
from network_topology.compiling import compile as compiler
from publication import acceptance, profile, publication, revocations, trust, verified
from publication.following import entry, requests
from tests.harness import chance
from tests.harness.coordinator import Coordinator, make_keys
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import approval, authority, ledger, revocation, rolling, steps

ORGANISATIONS = ("ggd", "thuiszorg", "ziekenhuis")
STEPS = {"begun": rolling.begin, "switched": rolling.switch, "dropped": rolling.drop}
Network = Any


@pytest.fixture
def network(coordinator: Coordinator, bare: Any) -> Network:
    """What a step asks of a network: three organisations, and a publication."""
    for organisation in ORGANISATIONS:
        coordinator.approve(organisation)
    publish(bare)
    return bare


def publish(network: Network) -> verified.Verified:
    return steps.publish(network, RELEASES["dev"], lambda _: None)


def come(network: Network, *wanted: str) -> verified.Verified:
    """Take these steps, each published; returns the last publication."""
    found = None
    for step in wanted:
        STEPS[step](network, lambda _: None)
        found = publish(network)
    assert found is not None
    return found


def generations(published: verified.Verified) -> list[int]:
    return [one.generation for one in published.trusted]


def issuers(published: verified.Verified) -> set[int]:
    """Whose certificates the identities show first."""
    found = {one.station_certificate.issuer for one in published.identities.values()}
    return {one.generation for one in published.trusted if one.authority.subject in found}


@dataclasses.dataclass
class Station:
    """What the gateway of an organisation was given last, as its operator or its follower brought it."""

    organisation: str
    entry: entry.Entry

    @property
    def certificate(self) -> x509.Certificate:
        return profile.one_certificate(self.entry["certificate_pem"].encode())

    @property
    def authorities(self) -> list[x509.Certificate]:
        return profile.certificates(self.entry["ca_pem"].encode(), trust.MOST)

    @property
    def lists(self) -> list[x509.CertificateRevocationList]:
        return revocations.load_all(self.entry["crl_pem"].encode())


def station(organisation: str, view: acceptance.Accepted | None, published: verified.Verified) -> Station:
    assert view is not None
    return Station(organisation, entry.made(compiler.compile_network(view.definition), organisation, view, published))


def test_each_step_is_published_and_the_root_holders_sign_for_both_and_then_for_one(network: Network) -> None:
    before = publish(network)
    assert (generations(before), issuers(before)) == ([1], {1})
    begun = come(network, "begun")
    assert (generations(begun), issuers(begun)) == ([1, 2], {1})
    assert len(steps.held_by(network).authorities()) == 2
    assert publish(network) == begun, "nothing changed, and nothing is made"
    switched = come(network, "switched")
    assert (generations(switched), issuers(switched)) == ([2, 1], {2})
    for organisation, one in switched.identities.items():
        assert one.earlier_certificate is not None
        assert one.earlier_certificate.public_key() == one.station_certificate.public_key()
        assert one.fingerprint == before.identities[organisation].fingerprint
    assert publish(network) == switched
    dropped = come(network, "dropped")
    assert (generations(dropped), issuers(dropped)) == ([2], {2})
    assert {one.earlier_chain_pem for one in dropped.identities.values()} == {""}
    assert steps.held_by(network).authorities() == {dropped.authority_key}
    assert publish(network) == dropped
    assert generations(come(network, "begun")) == [2, 3], "and once more"


def test_steps_are_taken_in_their_order_and_each_after_the_one_before_it_was_published(network: Network) -> None:
    for step in (rolling.switch, rolling.drop):
        with pytest.raises(errors.UsageError, match="no CA of proeftuin takes the place of another"):
            step(network, lambda _: None)
    said: list[str] = []
    rolling.begin(network, said.append)
    rolling.begin(network, said.append)
    assert len(set(said)) == 1, "once more it says how far it is"
    with pytest.raises(errors.UsageError, match="is not published beside the one before it"):
        rolling.switch(network, said.append)
    publish(network)
    with pytest.raises(errors.UsageError, match=r"when all did: werkplaats trust roll proeftuin --switch"):
        rolling.drop(network, said.append)
    rolling.switch(network, said.append)
    with pytest.raises(errors.UsageError, match="certificates of CA-2 of proeftuin are not published"):
        rolling.drop(network, said.append)
    come_again = publish(network)
    with pytest.raises(errors.UsageError, match=r"werkplaats trust roll proeftuin --drop"):
        rolling.switch(network, said.append)
    assert generations(come_again) == [2, 1]
    rolling.begin(network, said.append)
    assert publish(network) == come_again, "to begin once more takes no step back"


def test_a_roll_waits_for_root_holders_and_meanwhile_nothing_of_it_is_published(network: Network) -> None:
    before, away = publish(network), network.vault.folder.with_name("of-root-holders")
    away.mkdir()
    for path in network.vault.folder.glob("root-*.key"):
        path.rename(away / path.name)
    rolling.begin(network, lambda _: None)
    assert publish(network) == before
    (words,) = (line for line in steps.held_by(network).words() if "CA's key" in line)
    assert "and that of the one that takes its place sha256:" in words
    for path in away.iterdir():
        path.rename(network.vault.folder / path.name)
    assert generations(publish(network)) == [1, 2]


Spoke = Callable[[dict[str, verified.Verified]], Callable[[str], Station]]


def heard(publication_of: str, *, yes: bool) -> Spoke:
    """A station whose operator accepted the first publication, heard of this one, and said yes to the new CA or not."""

    def made(told: dict[str, verified.Verified]) -> Callable[[str], Station]:
        view = acceptance.accept(told["before"])
        if yes:
            view = acceptance.accept(told["begun"], view)
        published = told[publication_of]
        return lambda organisation: station(organisation, acceptance.accepted_view(view, published), published)

    return made


STATIONS = {
    "of before": heard("before", yes=False),
    "begun": heard("begun", yes=False),
    "begun, yes": heard("begun", yes=True),
    "switched": heard("switched", yes=False),
    "switched, yes": heard("switched", yes=True),
    "dropped, yes": heard("dropped", yes=True),
}
APART = {frozenset({"switched, yes", one}) for one in ("of before", "begun", "switched")} | {
    frozenset({"dropped, yes", one}) for one in ("of before", "begun", "begun, yes", "switched")
}
"""Of whom one has not yet what the step before asks of everybody."""


def test_every_two_stations_talk_but_where_one_missed_a_whole_step(
    network: Network, openssl_verify: Callable[..., str]
) -> None:
    told = {"before": publish(network)} | {step: come(network, step) for step in STEPS}
    made = {name: spoke(told) for name, spoke in STATIONS.items()}
    for name, one in made.items():
        for other_name, another in made.items():
            here, there = one("ggd"), another("ziekenhuis")
            refused = [
                openssl_verify(caller.certificate, called.authorities, lists=called.lists)
                for caller, called in ((here, there), (there, here))
            ]
            assert any(refused) == (frozenset({name, other_name}) in APART), (name, other_name, refused)


def test_who_did_not_accept_by_the_switch_stays_as_it_was_is_told_and_its_operators_yes_mends_it(
    network: Network, openssl_verify: Callable[..., str]
) -> None:
    accepted, begun, switched = acceptance.accept(publish(network)), come(network, "begun"), come(network, "switched")
    for published in (begun, switched):
        comparison = acceptance.compare(accepted, published)
        (waits,) = comparison.waits
        assert "CA-2 of proeftuin, with key sha256:" in waits.text
        assert "is to be trusted beside CA-1" in waits.text
        assert comparison.applies == ()
        view = acceptance.accepted_view(accepted, published)
        assert view is not None
        assert view.digest == accepted.digest
    stays = station("ggd", acceptance.accepted_view(accepted, switched), switched)
    assert [one.subject for one in stays.authorities] == [switched.trusted[1].authority.subject]
    mended = station("ggd", acceptance.accept(switched, accepted), switched)
    other = station("ziekenhuis", acceptance.accept(switched, accepted), switched)
    assert openssl_verify(mended.certificate, other.authorities, lists=other.lists) == ""
    assert openssl_verify(other.certificate, mended.authorities, lists=mended.lists) == ""


def test_who_accepts_for_the_first_time_meanwhile_sees_the_keys_of_both(network: Network) -> None:
    begun = come(network, "begun")
    (root, *_) = acceptance.compare(None, begun).waits
    assert all(one.key in root.text for one in begun.trusted)
    assert acceptance.accept(begun).authorities == tuple(one.key for one in begun.trusted)


def test_the_ca_that_goes_applies_by_itself_where_the_new_one_was_accepted_and_else_waits(network: Network) -> None:
    first, begun = acceptance.accept(publish(network)), come(network, "begun")
    both = acceptance.accept(begun, first)
    assert (both.authority, both.successor) == (begun.trusted[0].key, begun.trusted[1].key)
    assert both.digest != first.digest
    assert acceptance.load(both.document()) == both
    come(network, "switched")
    dropped = come(network, "dropped")
    (gone,) = acceptance.compare(both, dropped).applies
    assert "is trusted no more: CA-2 has taken its place" in gone.text
    view = acceptance.accepted_view(both, dropped)
    assert view is not None
    assert (view.authority, view.successor) == (dropped.authority_key, None)
    with pytest.raises(errors.AcceptanceError, match="WARNING: the CA of proeftuin has another key"):
        acceptance.accepted_view(first, dropped)


@pytest.mark.parametrize("at", ["begun", "switched", "dropped"])
def test_a_revocation_at_any_step_is_in_every_list_and_refused_by_who_heard_only_half(
    network: Network, openssl_verify: Callable[..., str], at: str
) -> None:
    first = acceptance.accept(publish(network))
    wanted = list(STEPS)[: list(STEPS).index(at) + 1]
    views, shown = [first], set[x509.Certificate]()
    for step in wanted:
        published = come(network, step)
        views = [first, acceptance.accept(published, first)]
        shown |= {station("ggd", view, published).certificate for view in views[at == "dropped" :] if view}
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    after = publish(network)
    assert "ggd" not in after.identities
    for one in after.trusted:
        assert {f"{entry.serial_number:x}" for entry in one.revocations} == revocation.revoked_serials(
            ledger.Records(network.inventory)
        )
    for view in views[at == "dropped" :]:
        called = station("ziekenhuis", acceptance.accepted_view(view, after), after)
        assert all(openssl_verify(one, called.authorities, lists=called.lists) for one in shown)
        own = called.certificate
        assert openssl_verify(own, called.authorities, lists=called.lists) == "", "and nobody else is"


def lose_the_key(network: Network, generation: int = 1) -> None:
    (network.vault.folder / f"ca-{generation}.key").unlink()


def test_a_ca_whose_key_is_lost_goes_beside_the_new_one_with_its_last_list_and_no_session(
    network: Network, openssl_verify: Callable[..., str]
) -> None:
    first = acceptance.accept(publish(network))
    lose_the_key(network)
    with pytest.raises(errors.VaultError, match="where there is none, werkplaats trust roll proeftuin"):
        publish(network)
    begun = come(network, "begun")
    assert (generations(begun), issuers(begun)) == ([1, 2], {1})
    old, new = (
        station("ggd", acceptance.accepted_view(first, begun), begun),
        station("ziekenhuis", acceptance.accept(begun, first), begun),
    )
    for caller, called in ((old, new), (new, old)):
        assert openssl_verify(caller.certificate, called.authorities, lists=called.lists) == ""
    switched = come(network, "switched")
    assert (generations(switched), issuers(switched)) == ([2, 1], {2})
    assert generations(come(network, "dropped")) == [2]


def test_the_last_list_of_a_lost_ca_that_is_over_takes_that_ca_with_it_and_stops_no_publication(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_key(network)
    come(network, "begun", "switched")
    late = canonical.now() + datetime.timedelta(days=91)
    monkeypatch.setattr(canonical, "now", lambda: late)
    network.trusted.unlink(missing_ok=True)
    shutil.rmtree(network.publication.resolve())
    network.publication.unlink()
    assert generations(publish(network)) == [2]


@pytest.mark.parametrize("waits", [False, True], ids=["nobody began a roll", "a roll waits for root holders"])
@pytest.mark.parametrize("how", [rolling.begin, rolling.at_once, rolling.stolen], ids=["beside", "at once", "stolen"])
def test_a_revocation_does_not_wait_where_the_key_of_the_ca_is_lost(
    network: Network, tmp_path: Path, waits: bool, how: Callable[..., None]
) -> None:
    """Gains: who has a member's keys goes on with them for as long as root holders need to sign, or for ever."""
    kept = tmp_path / "of-a-member.json"
    before = publish(network)
    read = publication.read(network.publication, network.name, kept, root=before.root)
    for path in network.vault.folder.glob("root-*.key"):
        path.unlink()
    lose_the_key(network)
    if waits:
        how(network, lambda _: None)
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    after = steps.go_on(network, lambda _: None)
    assert after is not None
    assert (after.number, after.authority_key) == (read.number + 1, read.authority_key)
    assert set(after.identities) == {*ORGANISATIONS} - {"ggd"}
    assert publication.read(network.publication, network.name, kept) == after
    view = acceptance.accepted_view(acceptance.accept(before), after)
    assert view is not None
    assert view.cut >= {"ggd"}
    assert steps.go_on(network, lambda _: None) == after, "nothing is made where nothing changed"


def test_a_key_that_was_stolen_while_one_ca_took_the_place_of_another_ends_both(network: Network) -> None:
    """CA-2 lay in the vault beside CA-1: whoever goes on with it goes on with the thief."""
    begun, key = come(network, "begun"), steps.held_by(network).own_key()
    rolling.stolen(network, lambda _: None)
    after = publish(network)
    assert generations(after) == [3]
    assert steps.held_by(network).authorities() == {after.authority_key}
    assert steps.held_by(network).own_key().keyid != key.keyid
    assert {one.key for one in begun.trusted}.isdisjoint({after.authority_key})
    assert generations(come(network, "begun")) == [3, 4]


@pytest.mark.parametrize("way", [rolling.stolen, rolling.at_once])
def test_a_roll_that_broke_off_before_it_had_a_ca_brings_none_of_before_back(
    network: Network, way: Callable[..., None]
) -> None:
    """Gains: the next roll by its steps trusts the CA that was stolen beside the one that took its place."""
    publish(network)
    authority.step(ledger.Records(network.inventory), 2, authority.BEGUN)
    way(network, lambda _: None)
    assert generations(publish(network)) == [2]
    assert authority.rolling(ledger.Records(network.inventory)) is None
    assert generations(come(network, "begun")) == [2, 3]


@pytest.mark.parametrize("after", ["begun", "switched"])
def test_at_once_ends_the_steps_with_the_ca_that_came(network: Network, after: str) -> None:
    come(network, *list(STEPS)[: list(STEPS).index(after) + 1])
    rolling.at_once(network, lambda _: None)
    published = publish(network)
    assert (generations(published), issuers(published)) == ([2], {2})
    assert steps.held_by(network).authorities() == {published.authority_key}


def test_beside_one_that_is_to_take_its_place_at_once_none_is_begun(network: Network) -> None:
    for path in network.vault.folder.glob("root-*.key"):
        path.unlink()
    rolling.at_once(network, lambda _: None)
    with pytest.raises(errors.UsageError, match="CA-2 of proeftuin waits for root holders, to take the place"):
        rolling.begin(network, lambda _: None)


def test_an_approval_at_the_switch_is_of_both_for_who_did_not_accept(
    network: Network, coordinator: Coordinator, openssl_verify: Callable[..., str]
) -> None:
    first = acceptance.accept(publish(network))
    come(network, "begun", "switched")
    asked = make_keys()
    name = network.name
    request = requests.request(
        name, "huisartsen", asked.request_pem, asked.statement_key, asked.statement_of(name, "huisartsen")
    )
    approval.receive(coordinator.records, request)
    made = steps.approve(network, "huisartsen", request.fingerprint)
    published = publish(network)
    called = station("ziekenhuis", acceptance.accepted_view(first, published), published)
    assert made.earlier_certificate is not None
    assert openssl_verify(made.earlier_certificate, called.authorities, lists=called.lists) == ""


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_killed_anywhere_is_taken_when_it_is_run_again(
    network: Network, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = list(STEPS)[: list(STEPS).index(step)]
    was = generations(come(network, *before)) if before else [1]
    writes = chance.Writes()
    taken = False
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomically", writes.counted(files.write_atomically))
        patch.setattr(ledger.Records, "append_all", writes.counted(ledger.Records.append_all))
        for survived in range(100):
            writes.left = survived
            try:
                under_way = authority.rolled_last(ledger.Records(network.inventory))
                if under_way is None or under_way[1] != step or step == "begun":
                    STEPS[step](network, lambda _: None)
                after = publish(network)
                taken = True
                break
            except chance.KilledError:
                assert generations(publication.read(network.publication, network.name)) == was
    assert taken
    assert survived > 1
    assert steps.held_by(network).authorities() == {one.key for one in after.trusted}, "who signs was asked"
    assert generations(after) == {"begun": [1, 2], "switched": [2, 1], "dropped": [2]}[step]
    rows = [row["generation"] for row in ledger.Records(network.inventory).rows("authorities")]
    assert rows == ["1", "2"]
    assert publish(network) == after


@pytest.mark.parametrize("at", STEPS)
def test_records_that_are_older_learn_how_far_it_is_from_the_publication(
    network: Network, tmp_path: Path, at: str
) -> None:
    """A coordinator that forgot would take the step back: whoever switched shows certificates that nobody takes."""
    come(network, "begun")
    copy = shutil.copytree(network.inventory, tmp_path / "of-a-backup")
    wanted = list(STEPS)[1 : list(STEPS).index(at) + 1]
    if wanted:
        come(network, *wanted)
    after = publish(network)
    shutil.rmtree(network.inventory)
    shutil.copytree(copy, network.inventory)
    assert generations(publish(network)) == generations(after)
    assert issuers(publish(network)) == issuers(after)


def test_records_that_are_older_learn_both_certificates_of_a_station_and_revoke_both(
    network: Network, tmp_path: Path, openssl_verify: Callable[..., str]
) -> None:
    """Gains: with the one that was forgotten a stolen key goes on wherever its CA is trusted, on no list of it."""
    first = acceptance.accept(publish(network))
    come(network, "begun")
    copy = shutil.copytree(network.inventory, tmp_path / "of-a-backup")
    switched = come(network, "switched")
    shown = [
        certificate
        for view in (first, acceptance.accept(switched, first))
        for certificate in [station("ggd", acceptance.accepted_view(view, switched), switched).certificate]
    ]
    assert len({one.issuer for one in shown}) == 2
    recorded = {name: rows(network, name) for name in ("serials", "keys", "statements")}
    shutil.rmtree(network.inventory)
    shutil.copytree(copy, network.inventory)
    assert publish(network) == switched
    assert {name: rows(network, name) for name in recorded} == recorded
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    after = publish(network)
    for view in (first, acceptance.accept(switched, first)):
        called = station("ziekenhuis", acceptance.accepted_view(view, after), after)
        assert all(openssl_verify(one, called.authorities, lists=called.lists) for one in shown)
        assert all(
            one.get_revoked_certificate_by_serial_number(certificate.serial_number)
            for one in called.lists
            for certificate in shown
        )


def rows(network: Network, name: str) -> set[tuple[str, ...]]:
    return {tuple(row.values()) for row in ledger.Records(network.inventory).rows(name)}
