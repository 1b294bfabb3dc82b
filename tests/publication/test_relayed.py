"""Who stores or relays a publication, at the operator's tool: each attack is refused, and seen to work without defence.

The attacker can write the whole folder, and found a network of any name with a root and a CA of its own. What it cannot
do is sign with the keys of this one.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from base import canonical, errors
from network_topology import model
from publication import acceptance, identity, revocations, verified
from tests.publication import publications
from tests.publication.published import QUESTION, RELEASES
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.coordinator import approval, ledger, placing
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import roles as roles_of
from werkplaats.operations.home import vault
from werkplaats.operations.reach import remote


class Server:
    """A server of this operator, with what was accepted on it."""

    def __init__(self) -> None:
        self.text = ""

    def ask(self, *_: str) -> remote.Done:
        return remote.Done(stdout=self.text) if self.text else remote.Done(stderr="No such file", exited=1)

    def replace(self, _: str, __: str, ___: str | None, text: str, ____: str) -> None:
        self.text = text

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def network(tmp_path: Path) -> Any:
    return SimpleNamespace(
        name="proeftuin", publication=tmp_path / "publication", trusted=tmp_path / "kept", made_here=False
    )


@pytest.fixture
def publish(coordinator: Any, approve: Callable[..., Any], network: Any) -> Callable[..., verified.Verified]:
    """Publish as the coordinator, with one question or without."""
    for organisation in coordinator.definition.stations:
        approve(organisation)

    def do(asked: model.Question | None = QUESTION) -> verified.Verified:
        questions = {"griep": asked} if asked else {}
        own = coordinator.authority
        return publishing.publish(network.publication, coordinator.definition, RELEASES, own, asked=questions)

    return do


def applicable(network: Any, server: Server, root: str | None = None) -> hand_over.Applicable:
    return hand_over.applicable(network, cast("Any", server), ["ggd"], root=root)


def accept(network: Any, server: Server, root: str | None = None) -> None:
    found = applicable(network, server, root)
    hand_over.accept(network, cast("Any", server), found, ["ggd"])


def forged(folder: Path, coordinator: Any, changed: dict[str, bytes | None]) -> None:
    """What somebody does who can write the folder: change files, and sign for them with keys of its own."""
    made = publications.gathered(folder)
    whole = publications.whole_of(made)
    files = {name: content for name, content in {**whole.files, **changed}.items() if content is not None}
    thief = publications.Maker(authorities=(coordinator.authority.key_fingerprint,))
    again = thief.relayed(files, whole.number + 1)
    again["metadata/1.root.json"] = made["metadata/1.root.json"]  # which everybody knows
    shutil.rmtree(folder.resolve())
    folder.unlink()
    placing.write(folder, again, whole.number + 1)


def edited(folder: Path, name: str, **changes: Any) -> dict[str, bytes | None]:
    form = canonical.pretty if name.startswith("releases/") else canonical.dump  # as each is published
    return {name: form(json.loads(publications.target(folder, name).read_bytes()) | changes)}


# What an attacker gains → the change, and where a reader that believes it would see it.
ATTACKS: dict[str, tuple[Callable[[Path], dict[str, bytes | None]], Callable[[verified.Verified], bool]]] = {
    "a question that shows small cells": (
        lambda folder: edited(folder, "questions/griep.json", minimum_cell=5),
        lambda found: found.questions["griep"].minimum_cell == 5,
    ),
    "a question to which nobody agreed": (
        lambda folder: {"questions/andere.json": publications.target(folder, "questions/griep.json").read_bytes()},
        lambda found: "andere" in found.questions,
    ),
    "a question withdrawn": (
        lambda _: {"questions/griep.json": None},
        lambda found: found.questions == {},
    ),
    "another title in the definition": (
        lambda folder: edited(folder, "definition.json", title="Another"),
        lambda found: found.definition.title == "Another",
    ),
    "an image of the attacker's": (
        lambda folder: edited(folder, "releases/dev.json", image_id="sha256:" + "6" * 64),
        lambda found: found.release.image_id == "sha256:" + "6" * 64,
    ),
    "an organisation cut off": (
        lambda _: {"identities/ziekenhuis.json": None},
        lambda found: "ziekenhuis" not in found.identities,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_relays_a_publication_cannot_change_it_and_could_where_nobody_looked_at_the_signatures(
    coordinator: Any,
    publish: Callable[..., Any],
    network: Any,
    server: Server,
    attack: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change, worked = ATTACKS[attack]
    accept(network, server, publish().root)
    before, kept = server.text, network.trusted.read_bytes()
    forged(network.publication, coordinator, change(network.publication))
    with pytest.raises(
        errors.PublicationError, match=r"/metadata/timestamp.json is not signed by those of whom the root"
    ):
        applicable(network, server)
    assert (server.text, network.trusted.read_bytes()) == (before, kept)
    for delegator in (Root, Targets):
        monkeypatch.setattr(delegator, "verify_delegate", lambda *_: None)
    found = applicable(network, server).publication
    assert found
    assert worked(found), "the attack does not work without the defence either: it proves nothing"


def test_a_publication_of_an_earlier_version_is_refused_and_mended_by_publishing(
    publish: Callable[..., Any], network: Any, server: Server
) -> None:
    publish()
    shutil.rmtree(network.publication / "metadata")
    (network.publication / "index.json").write_text("{}")
    with pytest.raises(errors.PublicationError, match=r"published by an earlier version.*trust publish proeftuin"):
        applicable(network, server)
    assert publish().number == 2
    assert applicable(network, server).publication


def of_a_root_of_its_own(folder: Path, at: Path, coordinator: Any) -> verified.Verified:
    """The attacker's publication: everybody's own keys, by a root and a CA of the same name; a question made worse."""
    kept = vault.Vault("proeftuin", at / "vault")
    kept.make_passphrase()
    own = ledger.Records(at / "records")
    for number in range(1, 9):
        own.append("publications", number=number, published="then", definition="some")
    attacker = dataclasses.replace(coordinator, vault=kept, records=own)
    for organisation in coordinator.definition.stations:
        asked = identity.Request.read(coordinator.records.read("requests", organisation), "request")
        approval.receive(own, asked)
        approval.approve(coordinator.definition, organisation, asked.fingerprint, attacker.authority)
    worse = QUESTION.model_copy(update={"minimum_cell": 5})
    return publishing.publish(folder, coordinator.definition, RELEASES, attacker.authority, asked={"griep": worse})


def test_a_root_of_the_attackers_own_is_refused_and_would_be_taken_where_it_is_not_compared(
    coordinator: Any,
    publish: Callable[..., Any],
    network: Any,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accept(network, server, publish().root)
    before = server.text
    made = of_a_root_of_its_own(network.publication, tmp_path, coordinator)
    with pytest.raises(
        errors.OtherRootError, match=r"1.root.json is another root of proeftuin.*accept proeftuin --root"
    ):
        applicable(network, server)
    network.trusted.unlink()  # by who has not kept what it read, the server's own memory is asked
    found = applicable(network, server)
    assert found.views == {}
    assert found.other_root == {"ggd"}
    assert "WARNING: proeftuin has another root" in found.refused["ggd"]
    assert made.root not in found.refused["ggd"], "who is shown it gives it, and has compared nothing"
    assert "werkplaats accept proeftuin --root" in found.refused["ggd"]
    hand_over.keep(network, cast("Any", server), found)
    assert server.text == before
    assert not network.trusted.exists()
    monkeypatch.setattr(acceptance, "same_root", lambda *_: True)
    monkeypatch.setattr(acceptance, "_authority_changes", lambda *_: [])
    monkeypatch.setattr(acceptance, "_root_changes", lambda *_: [])
    found = applicable(network, server)
    assert found.views["ggd"].authority == made.authority_key, "the attack does not work without the defence either"
    assert found.publication
    assert found.publication.questions["griep"].minimum_cell == 5


def test_another_root_is_accepted_by_the_fingerprint_that_was_told_and_by_no_other(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    accept(network, server, publish().root)
    kept = network.trusted.read_bytes()
    made = of_a_root_of_its_own(network.publication, tmp_path, coordinator)
    for wrong in ("", "sha256:0", coordinator.authority.pem.decode(), made.root.upper(), made.authority_key):
        with pytest.raises(
            errors.AcceptanceError, match=r"is of another root than [\s\S]*, which was told; have it read to you again"
        ) as refused:
            applicable(network, server, wrong)
        assert made.root not in str(refused.value)
    assert network.trusted.read_bytes() == kept
    found = applicable(network, server, made.root)
    with pytest.raises(errors.AcceptanceError, match=r"that ggd accepted.*--root.*as a root holder reads it to you"):
        hand_over.require_root(network, found, None)
    hand_over.require_root(network, found, made.root)
    accept(network, server, made.root)
    assert applicable(network, server).views["ggd"].holders == made.holders


def test_at_first_contact_the_root_s_fingerprint_is_not_shown_and_the_one_that_was_told_must_be_its(
    publish: Callable[..., Any], network: Any, server: Server
) -> None:
    made = publish()
    found = applicable(network, server)
    (line,) = [text for text in found.waiting["ggd"] if "the root of proeftuin" in text]
    assert all(made.root not in text for text in found.waiting["ggd"])
    assert made.authority_key in line
    assert f"publication {made.number} of {made.published}" in line
    assert "2 of 2 root holders name all keys, 2 of 2 release holders sign each release" in line
    assert not network.trusted.exists(), "what was only looked at is not believed the next time"
    with pytest.raises(errors.AcceptanceError, match="is of a root that is new to ggd; ") as refused:
        hand_over.require_root(network, found, None)
    assert made.root not in str(refused.value)
    hand_over.require_root(network, found, made.root)
    with pytest.raises(errors.AcceptanceError, match="is of another root than sha256:0, which was told"):
        hand_over.require_root(network, found, "sha256:0")


def test_a_tool_that_lost_its_memory_takes_it_up_by_what_its_server_accepted(
    publish: Callable[..., Any], network: Any, server: Server
) -> None:
    accept(network, server, publish().root)
    network.trusted.unlink()
    assert applicable(network, server).views
    assert network.trusted.exists()


def test_an_older_publication_is_refused_though_its_signatures_hold_and_a_withdrawn_question_stays_withdrawn(
    publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    first = publish()
    accept(network, server, first.root)
    shutil.copytree(network.publication, tmp_path / "older")
    publish(None)
    found = applicable(network, server)
    assert found.waiting == {}, "a question asks no operator's yes"
    hand_over.keep(network, cast("Any", server), found)
    network.publication = tmp_path / "older"
    with pytest.raises(
        errors.PublicationError, match=r"timestamp.json is of an older publication than was read before"
    ):
        applicable(network, server)
    network.trusted.unlink()
    found = applicable(network, server)
    assert found.views == {}
    assert "publication 1 is older than 2, which was accepted" in found.refused["ggd"]
    assert found.waiting == {}, "no yes brings it back"
    # The defences off: a server on which the number that was read last is not kept, a tool that keeps nothing.
    server.text = json.dumps(acceptance.accept(first).document())
    found = applicable(network, server)
    assert found.views
    assert found.publication
    assert "griep" in found.publication.questions


def test_a_frozen_publication_changes_nothing_and_who_looks_sees_what_was_read_last(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server
) -> None:
    """Gains: a revocation or a removal is kept from an operator, who goes on by what lies there."""
    made = publish()
    accept(network, server, made.root)
    online = coordinator.roles.online()
    publications.put(network.publication, publications.expired(publications.gathered(network.publication), online))
    with pytest.raises(errors.ExpiredError, match=r"timestamp was good until .* stations work on"):
        applicable(network, server)
    found = hand_over.applicable(network, cast("Any", server), ["ggd"], looking=True)
    assert "timestamp was good until" in found.stale
    assert found.views["ggd"].holders == made.holders
    assert found.publication
    assert found.publication.questions == made.questions
    network.trusted.unlink()
    with pytest.raises(errors.ExpiredError):
        hand_over.applicable(network, cast("Any", server), ["ggd"], looking=True)


def test_a_replaced_coordinator_is_followed_with_nobody_asked_and_other_holders_wait(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server
) -> None:
    made = publish()
    accept(network, server, made.root)
    roles, stolen = coordinator.roles, publications.gathered(network.publication)
    (coordinator.vault.folder / "publication.key").rename(coordinator.vault.folder / "stolen")
    roles.ask(dataclasses.replace(roles.wanted(), online=roles.own_key()), canonical.now())
    after = publish(None)
    assert after.root_version == 2
    found = applicable(network, server)
    assert (found.waiting, found.refused) == ({}, {})
    hand_over.keep(network, cast("Any", server), found)
    digest = found.views["ggd"].digest
    thief = json.loads(network.trusted.read_bytes())
    publications.put(network.publication, {"metadata/timestamp.json": stolen["metadata/timestamp.json"]})
    with pytest.raises(errors.PublicationError, match=r"is not signed .* or by a coordinator that was replaced"):
        applicable(network, server)
    assert json.loads(network.trusted.read_bytes()) == thief
    more = publications.signer().public_key
    roles.ask(dataclasses.replace(roles.wanted(), releases=(*roles.wanted().releases, more)), canonical.now())
    publish()
    found = applicable(network, server)
    assert "the release holders are others: 2 of 3 must sign instead of 2 of 2" in found.waiting["ggd"][0]
    assert found.views["ggd"].digest == digest, "until then those count who were accepted"
    accept(network, server)
    assert applicable(network, server).waiting == {}
    assert applicable(network, server).views["ggd"].digest != digest


def test_publishing_mends_an_older_publication_that_says_the_same_as_the_newest(
    publish: Callable[..., Any], network: Any, tmp_path: Path
) -> None:
    """Else whoever puts yesterday's in the coordinator's folder has it given out again, and every member refuses it."""
    publish()
    shutil.copytree(network.publication, tmp_path / "older")
    publish(None)
    assert publish().number == 3
    shutil.rmtree(network.publication.resolve())
    network.publication.unlink()
    network.publication.symlink_to(tmp_path / "older")
    assert publish().number == 4


def test_the_ca_key_is_not_opened_where_nothing_is_published(
    coordinator: Any, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish()
    monkeypatch.setattr(vault.Vault, "read_private_key", lambda *_: pytest.fail("the key was opened"))
    assert publish() == first
    assert revocations.number(first.revocations) == 1
    assert coordinator.records


def change_root_holders(coordinator: Any) -> None:
    """Another root, signed by its holders of before, of which one goes."""
    roles = coordinator.roles
    wanted = roles.wanted()
    also = (*wanted.root, publications.signer().public_key)
    roles.ask(dataclasses.replace(wanted, root=also), canonical.now())
    roles.sign_here()
    roles.take()


def with_a_false_first_root(folder: Path) -> Path:
    """What who relays it can do: another first root, its own, by which one genuine holder is enough to go on."""
    genuine: Root = Metadata[Root].from_bytes((folder / "metadata/1.root.json").read_bytes()).signed
    thief = publications.Maker(threshold=1)
    holders = [genuine.keys[one] for one in genuine.roles["root"].keyids]
    wanted = dataclasses.replace(thief.wanted, root=(*thief.wanted.root, *holders))
    false = publications.signed(roles_of.root_of("proeftuin", wanted), 1, "root", thief.root[:1])
    made = {**publications.gathered(folder), "metadata/1.root.json": false}
    return publications.put(folder.with_name("relayed"), made)


def test_a_false_first_root_before_the_one_that_was_told_locks_no_reader_out(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server
) -> None:
    """Gains: a reader that accepted the genuine root by its fingerprint refuses the genuine publication for ever."""
    publish()
    change_root_holders(coordinator)
    made, genuine = publish(None), network.publication
    network.publication = with_a_false_first_root(genuine)
    accept(network, server, made.root)
    kept = json.loads(network.trusted.read_bytes())
    assert [json.loads(one)["signed"]["version"] for one in kept["roots"]] == [2], "what was told, and none before it"
    network.publication = genuine
    assert applicable(network, server).views["ggd"].holders == made.holders
    publish()
    assert applicable(network, server).publication


def test_a_reader_that_keeps_a_false_first_root_from_before_goes_on_by_the_genuine_one(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server
) -> None:
    publish()
    change_root_holders(coordinator)
    made, genuine = publish(None), network.publication
    accept(network, server, made.root)
    kept = json.loads(network.trusted.read_bytes())
    false = (with_a_false_first_root(genuine) / "metadata/1.root.json").read_text()
    network.trusted.write_text(json.dumps({**kept, "roots": [false, *kept["roots"]]}))
    assert applicable(network, server).views["ggd"].holders == made.holders


def test_a_tool_that_began_with_a_later_root_knows_what_its_server_accepted_before_it(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server
) -> None:
    before = publish()
    accept(network, server, before.root)
    network.trusted.unlink()
    change_root_holders(coordinator)
    after = publish(None)
    applicable(network, server, after.root)
    found = applicable(network, server)
    assert len(json.loads(network.trusted.read_bytes())["roots"]) == 1
    assert found.other_root == set()
    assert "the root holders are others: 2 of 3 must sign instead of 2 of 2" in found.waiting["ggd"][0]
    assert found.publication
    assert found.publication.lineage == {before.root, after.root}


def test_what_was_read_under_a_root_stays_known_when_a_later_one_of_it_is_accepted(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    """Gains: a withdrawn question is back. To accept other holders by their fingerprint forgot every version."""
    older = publish()
    shutil.copytree(network.publication, tmp_path / "older")
    newer = publish(None)
    accept(network, server, newer.root)
    change_root_holders(coordinator)
    newest, genuine = publish(None), network.publication
    assert older.root != newest.root
    roots = {n: content for n, content in publications.gathered(genuine).items() if n.endswith(".root.json")}
    network.publication = publications.put(tmp_path / "older", roots)
    with pytest.raises(errors.PublicationError, match="is of an older publication than was read before"):
        applicable(network, server, newest.root)
    network.publication = genuine
    assert applicable(network, server, newest.root).publication == newest


def test_what_was_read_under_a_root_stays_known_while_another_one_was_accepted(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    """Gains: who had an operator accept another root, and it goes back, shows it an older publication of the first."""
    first = publish()
    shutil.copytree(network.publication, tmp_path / "older")
    publish(None)
    accept(network, server, first.root)
    other = SimpleNamespace(**{**vars(network), "publication": tmp_path / "other"})
    made = of_a_root_of_its_own(other.publication, tmp_path, coordinator)
    accept(other, server, made.root)
    network.publication, newest = tmp_path / "older", network.publication
    for _ in range(2):
        with pytest.raises(errors.PublicationError, match="is of an older publication than was read before"):
            applicable(network, server, first.root)
    network.publication = newest
    assert applicable(network, server, first.root).publication
    assert applicable(other, server, made.root).publication
    kept = json.loads(network.trusted.read_bytes())
    assert len(kept["earlier"]) == 1, "each root once"
