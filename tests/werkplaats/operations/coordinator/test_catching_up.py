"""Records that are older than what was published: what is published next has no number that readers refuse."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from base import canonical, errors
from publication import publication, revocations, verified
from tests.harness.coordinator import Coordinator
from tests.publication.published import RELEASES
from werkplaats.operations.coordinator import ledger, rolling, steps
from werkplaats.operations.home import vault


@pytest.fixture
def network(coordinator: Coordinator, bare: Any) -> Any:
    coordinator.approve("ggd")
    publish(bare)
    return bare


def publish(network: Any, say: Callable[[str], None] = lambda _: None) -> verified.Verified:
    return steps.publish(network, RELEASES["dev"], say)


def of_a_member(network: Any, kept: Path) -> verified.Verified:
    return publication.read(network.publication, network.name, kept)


@pytest.fixture
def older(network: Any, coordinator: Coordinator, tmp_path: Path) -> Path:
    """What a member read last, of whom was published after the records that are there now were put away."""
    shutil.copytree(network.inventory, tmp_path / "backup")
    root = publication.read(network.publication, network.name).root
    coordinator.approve("ziekenhuis")
    publish(network)
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    publish(network)
    kept = tmp_path / "of-a-member.json"
    publication.read(network.publication, network.name, kept, root=root)
    publication.read(network.publication, network.name, network.trusted, root=root)
    shutil.rmtree(network.inventory)
    shutil.copytree(tmp_path / "backup", network.inventory)
    return kept


def test_records_of_an_older_backup_are_caught_up_from_the_publication_that_lies_there(
    network: Any, older: Path
) -> None:
    """It published the number of before once more: every member refused it as older, and who was revoked was back."""
    before = of_a_member(network, older)
    said: list[str] = []
    after = publish(network, said.append)
    assert after == of_a_member(network, older)
    assert (after.number, set(after.identities)) == (before.number, {"ziekenhuis"})
    assert any("the records ended at 1" in line for line in said)
    assert any("is revoked: keyCompromise" in line for line in said)
    assert publish(network, said.append) == after
    assert len([line for line in said if "publication 3" in line]) == 1, "learned once"
    steps.revoke(network, "ziekenhuis", "keyCompromise", lambda _: None)
    assert publish(network).number == before.number + 1
    assert of_a_member(network, older).identities == {}


def test_a_revocation_is_published_from_older_records_too(network: Any, older: Path) -> None:
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    assert steps.go_on(network, lambda _: None) == of_a_member(network, older)


def test_where_the_publication_is_lost_too_nothing_is_published_that_readers_refuse(
    network: Any, older: Path, tmp_path: Path
) -> None:
    assert older.exists()
    newest = shutil.copytree(network.publication, tmp_path / "newest")
    shutil.rmtree(network.publication.resolve())
    network.publication.unlink()
    with pytest.raises(
        errors.PublicationError,
        match=r"publication 3 of proeftuin was read on this workstation, and the records end at 1: readers refuse .* "
        r"put the newest publication that any member has in .* and run it again: .*trust roll proeftuin --stolen",
    ):
        publish(network)
    assert not network.publication.exists()
    network.publication.symlink_to(newest)
    assert publish(network).number == 3


def test_a_revocation_does_not_wait_until_a_memory_that_cannot_be_read_is_mended(network: Any) -> None:
    network.trusted.write_text("{")
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    assert publish(network).identities == {}


def thief(network: Any, at: Path, number: int) -> Any:
    """Who copied all of the coordinator's, and publishes with a list of this number."""
    shutil.copytree(network.vault.folder, at / network.name)
    shutil.copytree(network.inventory, at / "inventory")
    (at / "publications").mkdir()
    made = SimpleNamespace(
        **{
            **vars(network),
            "vault": vault.Vault(network.name, at / network.name),
            "inventory": at / "inventory",
            "publication": at / "publications" / network.name,
            "trusted": at / "read.json",
        }
    )
    (at / network.name / "crl.pem").unlink()
    records = ledger.Records(made.inventory)
    records.append("crl-numbers", number=number - 1, this_update="then", next_update="later", revoked=0)
    publish(made)
    return made


def test_a_thiefs_huge_list_number_ends_with_the_ca_and_everybody_is_told_how(network: Any, tmp_path: Path) -> None:
    """Gains: whoever read its list refuses every revocation of the coordinator's, also after that was replaced."""
    kept, folder = tmp_path / "of-a-member.json", network.publication
    root = publication.read(folder, network.name).root
    stolen = thief(network, tmp_path / "thief", 10**9)
    for memory in (kept, network.trusted):
        publication.read(stolen.publication, network.name, memory, root=root)
    held = steps.held_by(network)
    (network.vault.folder / "publication.key").unlink()
    held.ask(dataclasses.replace(held.wanted(), online=held.own_key()), canonical.now())
    with pytest.raises(
        errors.PublicationError, match=r"list 1000000000 of proeftuin was read .* roll proeftuin --stol"
    ):
        publish(network)
    assert steps.held_by(network).roots[1:], "another key publishes, and that does not help"
    network.trusted.unlink()
    steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    publish(network)
    with pytest.raises(errors.RevocationError, match=r"number 1000000000 is in force.* trust roll NETWORK --stolen"):
        of_a_member(network, kept)
    rolling.stolen(network, lambda _: None)
    made = publish(network)
    assert of_a_member(network, kept) == made
    assert made.identities == {}


def test_the_way_out_is_there_for_a_workstation_that_read_the_thiefs_list_too(network: Any, tmp_path: Path) -> None:
    root = publication.read(network.publication, network.name).root
    stolen = thief(network, tmp_path / "thief", 10**9)
    publication.read(stolen.publication, network.name, network.trusted, root=root)
    with pytest.raises(errors.PublicationError, match="werkplaats trust roll proeftuin --stolen"):
        publish(network)
    rolling.stolen(network, lambda _: None)
    assert publish(network) == of_a_member(network, network.trusted)


def test_a_list_with_the_highest_number_that_there_is_leaves_another_ca_and_its_numbers_begin_anew(
    network: Any, tmp_path: Path
) -> None:
    stolen = thief(network, tmp_path / "thief", 2**159 - 1)
    network.publication.unlink()
    network.publication.symlink_to(stolen.publication.resolve())
    kept = tmp_path / "of-a-member.json"
    publication.read(
        network.publication, network.name, kept, root=publication.read(network.publication, "proeftuin").root
    )
    publish(network)
    with pytest.raises(errors.RevocationError, match=r"can have a higher number: .* trust roll proeftuin --stolen"):
        steps.revoke(network, "ggd", "keyCompromise", lambda _: None)
    rolling.stolen(network, lambda _: None)
    made = publish(network)
    assert made.identities == {}, "it was written down before all else"
    assert revocations.number(made.revocations) < 10
    assert of_a_member(network, kept) == made
    rolling.at_once(network, lambda _: None)
    assert revocations.number(publish(network).revocations) == revocations.number(made.revocations) + 1
