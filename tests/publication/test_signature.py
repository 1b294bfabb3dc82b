"""Who stores or relays a publication and changes it: each attack is refused, and seen to work with its defence off.

The attacker can write the whole folder and make a CA of any name. What it cannot do is sign with the network's CA.
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

from base import canonical, errors
from network_topology import model
from publication import acceptance, identity, profile, publication, repository, revocations, signature, verified
from tests.harness.pki import Signer
from tests.publication.published import QUESTION, RELEASES
from werkplaats.operations.bring_up import hand_over
from werkplaats.operations.coordinator import approval, ledger
from werkplaats.operations.coordinator import publish as publishing
from werkplaats.operations.coordinator import repository as writing
from werkplaats.operations.home import vault
from werkplaats.operations.reach import remote


class Server:
    """A server of this operator, with what was accepted on it."""

    def __init__(self) -> None:
        self.text = ""

    def ask(self, *_: str) -> remote.Done:
        return remote.Done(stdout=self.text) if self.text else remote.Done(stderr="No such file", exited=1)

    def place(self, _: str, __: str, text: str) -> None:
        self.text = text

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def network(tmp_path: Path) -> Any:
    return SimpleNamespace(name="proeftuin", publication=tmp_path / "publication", made_here=False)


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


def applicable(network: Any, server: Server) -> hand_over.Applicable:
    return hand_over.applicable(network, cast("Any", server), ["ggd"])


def accept(network: Any, server: Server) -> None:
    found = applicable(network, server)
    assert found.publication
    hand_over.accept(network, cast("Any", server), found.publication, ["ggd"])


def forged(folder: Path, changed: dict[str, bytes | None], sign: writing.Sign = lambda _: b"AAAA\n") -> None:
    """What somebody does who can write the folder: change files, and make the index say so."""
    told = json.loads((folder / repository.NAME).read_bytes())
    files = {name: (folder / name).read_bytes() for name in told["files"]} | changed
    kept = {name: content for name, content in files.items() if content is not None}
    shutil.rmtree(folder.resolve())
    folder.unlink()
    writing.write(folder, told["network"], told["number"] + 1, kept, sign)


def edited(folder: Path, name: str, **changes: Any) -> dict[str, bytes | None]:
    form = canonical.pretty if name.startswith("releases/") else canonical.dump  # as each is published
    return {name: form(json.loads((folder / name).read_bytes()) | changes)}


# What an attacker gains → the change, and where a reader that believes it would see it.
ATTACKS: dict[str, tuple[Callable[[Path], dict[str, bytes | None]], Callable[[verified.Verified], bool]]] = {
    "a question that shows small cells": (
        lambda folder: edited(folder, "questions/griep.json", minimum_cell=5),
        lambda found: found.questions["griep"].minimum_cell == 5,
    ),
    "a question to which nobody agreed": (
        lambda folder: {"questions/andere.json": (folder / "questions" / "griep.json").read_bytes()},
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
def test_who_relays_a_publication_cannot_change_it_and_could_where_nobody_looked_at_the_signature(
    publish: Callable[..., Any], network: Any, server: Server, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, worked = ATTACKS[attack]
    publish()
    accept(network, server)
    before = server.text
    forged(network.publication, change(network.publication))
    with pytest.raises(errors.PublicationError, match=r"/index.json.sig is not the signature of index.json"):
        applicable(network, server)
    assert server.text == before
    monkeypatch.setattr(signature, "holds", lambda *_: True)
    found = applicable(network, server).publication
    assert found
    assert worked(found), "the attack does not work without the defence either: it proves nothing"


def test_the_signature_of_an_earlier_publication_is_none_of_a_changed_one(
    publish: Callable[..., Any], network: Any
) -> None:
    publish()
    signed = (network.publication / repository.SIGNATURE).read_bytes()
    forged(network.publication, edited(network.publication, "questions/griep.json", minimum_cell=5), lambda _: signed)
    with pytest.raises(errors.PublicationError, match=r"/index.json.sig is not the signature of index.json"):
        publication.read(network.publication, "proeftuin")


def test_a_publication_of_before_there_were_signatures_is_refused_and_mended_by_publishing(
    publish: Callable[..., Any], network: Any, server: Server
) -> None:
    publish()
    (network.publication / repository.SIGNATURE).unlink()
    with pytest.raises(errors.PublicationError, match="werkplaats trust publish proeftuin"):
        applicable(network, server)
    assert publish().number == 2
    assert applicable(network, server).publication


def of_a_ca_of_its_own(folder: Path, at: Path, coordinator: Any) -> str:
    """The attacker's publication: everybody's own keys, certified by a CA of the same name; a question made worse."""
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
    made = publishing.publish(folder, coordinator.definition, RELEASES, attacker.authority, asked={"griep": worse})
    return made.authority_key


def test_a_ca_of_the_attackers_own_is_refused_and_would_be_taken_where_it_is_not_compared(
    coordinator: Any,
    publish: Callable[..., Any],
    network: Any,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish()
    accept(network, server)
    before = server.text
    key = of_a_ca_of_its_own(network.publication, tmp_path, coordinator)
    found = applicable(network, server)
    assert found.views == {}
    assert found.other_authority == {"ggd"}
    assert "another key in ca.pem" in found.refused["ggd"]
    assert key in found.refused["ggd"]
    assert "werkplaats accept proeftuin --authority" in found.refused["ggd"]
    hand_over.keep(network, cast("Any", server), found)
    assert server.text == before
    monkeypatch.setattr(acceptance, "_authority_changes", lambda *_: [])
    found = applicable(network, server)
    assert found.views["ggd"].authority == key, "the attack does not work without the defence either"
    assert found.publication
    assert found.publication.questions["griep"].minimum_cell == 5


def test_another_ca_is_accepted_by_the_fingerprint_that_was_told_and_by_no_other(
    coordinator: Any, publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    publish()
    accept(network, server)
    key = of_a_ca_of_its_own(network.publication, tmp_path, coordinator)
    found = applicable(network, server)
    with pytest.raises(errors.AcceptanceError, match=r"ca.pem.*--authority.*as the coordinator reads it to you"):
        hand_over.require_authority(network, found, None)
    for wrong in ("", "sha256:0", coordinator.authority.pem.decode(), key.upper()):
        with pytest.raises(errors.AcceptanceError, match="and the coordinator told"):
            hand_over.require_authority(network, found, wrong)
    hand_over.require_authority(network, found, key)
    accept(network, server)
    assert applicable(network, server).views["ggd"].authority == key


def test_at_first_contact_the_ca_is_shown_and_a_fingerprint_that_was_told_must_be_its(
    publish: Callable[..., Any], network: Any, server: Server
) -> None:
    made = publish()
    found = applicable(network, server)
    (line,) = [text for text in found.waiting["ggd"] if "the CA of proeftuin" in text]
    assert made.authority_key in line
    assert f"publication {made.number} of {made.published}" in line
    assert "coordinator" in line
    with pytest.raises(errors.AcceptanceError, match=f"new to ggd; its key is {made.authority_key}"):
        hand_over.require_authority(network, found, None)
    hand_over.require_authority(network, found, made.authority_key)
    with pytest.raises(errors.AcceptanceError, match="and the coordinator told sha256:0"):
        hand_over.require_authority(network, found, "sha256:0")


def test_an_older_publication_is_refused_though_its_signature_holds_and_a_withdrawn_question_stays_withdrawn(
    publish: Callable[..., Any], network: Any, server: Server, tmp_path: Path
) -> None:
    first = publish()
    accept(network, server)
    shutil.copytree(network.publication, tmp_path / "older")
    publish(None)
    found = applicable(network, server)
    assert found.waiting == {}, "a question asks no operator's yes"
    hand_over.keep(network, cast("Any", server), found)
    network.publication = tmp_path / "older"
    found = applicable(network, server)
    assert found.views == {}
    assert "publication 1 is older than 2, which was accepted" in found.refused["ggd"]
    # The defence off: a server on which the number that was read last is not kept.
    server.text = json.dumps(acceptance.accept(first).document())
    found = applicable(network, server)
    assert found.views
    assert found.publication
    assert "griep" in found.publication.questions


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


def test_what_the_ca_signs_for_another_purpose_is_no_signature_of_a_publication_and_would_be_without_a_context(
    coordinator: Any, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish()
    key = profile.p256(published.authority.public_key())
    signed_elsewhere = [
        (published.revocations.tbs_certlist_bytes, published.revocations.signature),
        (published.authority.tbs_certificate_bytes, published.authority.signature),
        *(
            (one.station_certificate.tbs_certificate_bytes, one.station_certificate.signature)
            for one in published.identities.values()
        ),
    ]
    written = [(content, signature.text(raw)) for content, raw in signed_elsewhere]
    assert not any(signature.holds(key, "proeftuin", content, signed) for content, signed in written)
    monkeypatch.setattr(signature, "_message", lambda _, content: content)
    assert all(signature.holds(key, "proeftuin", content, signed) for content, signed in written)
    assert coordinator.authority


def test_a_signature_of_a_publication_is_none_of_a_certificate_or_a_list() -> None:
    """What is signed begins as no DER does: X.509 signs a SEQUENCE (0x30), in certificates and lists alike."""
    assert signature._message("proeftuin", b"0\x82")[:1] != b"\x30"


def test_a_signature_for_one_network_is_none_for_another_and_would_be_without_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signer = Signer()
    signed = signer.sign(b"{}", network="gerda")
    assert signature.holds(signer.key.public_key(), "gerda", b"{}", signed)
    assert not signature.holds(signer.key.public_key(), "proeftuin", b"{}", signed)
    monkeypatch.setattr(signature, "_message", lambda _, content: signature.CONTEXT + content)
    assert signature.holds(signer.key.public_key(), "proeftuin", b"{}", signer.sign(b"{}", network="gerda"))


def test_the_ca_key_is_not_opened_where_nothing_is_published(
    coordinator: Any, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish()
    monkeypatch.setattr(vault.Vault, "read_private_key", lambda *_: pytest.fail("the key was opened"))
    assert publish() == first
    assert revocations.number(first.revocations) == 1
    assert coordinator.records
