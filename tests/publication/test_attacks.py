"""What is done to publications: each attack is refused by a sentence that names it, and seen to work without defence.

An attacker relays what it likes, and has the keys that a test gives it: the coordinator's, one holder's.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import DelegatedRole, Metadata, Root, TargetFile, Targets
from tuf.ngclient._internal import trusted_metadata_set

from base import canonical, errors
from publication import metadata, reading, trusted
from publication.whole import Whole
from tests.publication import publications

FILES = {"definition.json": b"1", "crl.pem": b"list 1", "releases/1.0.0.json": b"a release"}
NEWER = {**FILES, "definition.json": b"2", "crl.pem": b"list 2"}
EVIL = "releases/6.6.6.json"


@pytest.fixture
def maker() -> publications.Maker:
    return publications.Maker()


class Reader:
    """An operator's tool that reads whatever it is given, and keeps what it read."""

    def __init__(self, made: publications.Files) -> None:
        self.whole, self.known = reading.read(made.get, publications.PLACE, "proeftuin")

    def read(self, made: publications.Files) -> Whole:
        self.whole, self.known = reading.read(made.get, publications.PLACE, "proeftuin", self.known)
        return self.whole


def told(made: publications.Files) -> Whole:
    """What a reader without memory takes it for."""
    return publications.whole_of(made)


def test_rollback_to_an_older_publication_is_refused(maker: publications.Maker) -> None:
    """Gains: a removed member, a withdrawn question or a revoked key is in force again."""
    older = maker.relayed(FILES, 1)
    reader = Reader(maker.relayed(NEWER, 2))
    with pytest.raises(
        errors.PublicationError, match=r"timestamp.json is of an older publication than was read before"
    ):
        reader.read(older)
    assert reader.whole.files["crl.pem"] == b"list 2"
    assert told(older).files["crl.pem"] == b"list 1", "without the memory"


def test_rollback_of_one_role_in_a_newer_publication_is_refused(maker: publications.Maker) -> None:
    """Gains as much; the coordinator's key makes a newer timestamp and snapshot around the older word."""
    reader = Reader(maker.relayed(NEWER, 2))
    made = maker.relayed(NEWER, 3)

    def back(one: Any) -> None:
        one.meta["network.json"].version = 1

    made = maker.resigned(made, "snapshot", back)
    with pytest.raises(errors.PublicationError, match="is of an older publication than was read before"):
        reader.read(made)


def test_a_publication_that_is_frozen_is_refused_once_its_newest_word_ended(
    maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: whoever relays keeps a revocation away for ever. With the clock's defence off it is taken."""
    made = publications.expired(maker.relayed(FILES), maker.online)
    with pytest.raises(
        errors.ExpiredError, match=r"timestamp was good until .* Nothing newer was published, or somebody"
    ) as refused:
        told(made)
    assert "werkplaats trust publish proeftuin" in refused.value.remedy
    assert "stations work on" in refused.value.remedy
    monkeypatch.setattr(trusted_metadata_set.TrustedMetadataSet, "_check_final_timestamp", lambda _: None)
    assert told(made).files == FILES


@pytest.mark.parametrize("role", ["root", "targets", "releases", "network", "snapshot"])
def test_a_role_of_which_the_word_ended_is_named_with_who_renews_it(maker: publications.Maker, role: str) -> None:
    def end(one: Any) -> None:
        one.expires = canonical.now() - datetime.timedelta(days=1)

    made = maker.resigned(maker.relayed(FILES), role, end)
    with pytest.raises(errors.ExpiredError, match=f"{metadata.who(role)} any more: {role} was good until") as refused:
        told(made)
    verb = {"releases": "release sign", "root": "trust root sign", "targets": "trust root sign"}.get(
        role, "trust publish"
    )
    assert f"werkplaats {verb} proeftuin" in refused.value.remedy


def test_mix_and_match_of_files_is_refused_by_name(maker: publications.Maker) -> None:
    """Gains: today's members with yesterday's revocation list."""
    older, newer = maker.relayed(FILES, 1), maker.relayed(NEWER, 2)
    names = [publications.named(one, "crl.pem") for one in (older, newer)]
    mixed = {**newer, names[1]: older[names[0]]}
    with pytest.raises(errors.PublicationError, match=r"as it came/crl.pem is not the file that was published"):
        told(mixed)


def test_mix_and_match_of_roles_is_refused(maker: publications.Maker) -> None:
    older, newer = maker.relayed(FILES, 1), maker.relayed(NEWER, 2)
    mixed = {**older, **newer, "metadata/2.network.json": older["metadata/1.network.json"]}
    with pytest.raises(errors.PublicationError, match=r"metadata/2.network.json is not the file that was published"):
        told(mixed)


def test_another_root_is_refused_and_named(maker: publications.Maker) -> None:
    """Gains everything: whoever relays founds a network of the same name, with all keys its own."""
    reader, other = Reader(maker.relayed(FILES)), publications.Maker()
    forged = other.relayed(NEWER, 2)
    with pytest.raises(errors.OtherRootError, match=r"1.root.json is another root of proeftuin than was accepted here"):
        reader.read(forged)
    followed = {**forged, "metadata/1.root.json": maker.roots[0]}
    with pytest.raises(errors.PublicationError, match=r"timestamp.json is not signed by those of whom the root says"):
        reader.read(followed)
    assert told(forged).files == NEWER, "by who knows no root: its fingerprint is read by telephone"


def test_a_root_for_which_too_few_holders_signed_is_refused(
    maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: one root holder, or who stole its key, names a coordinator of its own."""
    reader, thief = Reader(maker.relayed(FILES)), copy.copy(maker)
    thief.online = publications.signer()
    thief.sign_root(maker.root[:1])
    forged = thief.relayed(NEWER, 2)
    with pytest.raises(
        errors.PublicationError, match=r"2.root.json is not signed by those .*: root was signed by 1/2 keys"
    ):
        reader.read(forged)
    monkeypatch.setattr(Root, "verify_delegate", lambda *_: None)
    assert reader.read(forged).files == NEWER


def test_a_release_for_which_too_few_holders_signed_is_refused(
    maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: one release holder ships an image that reads all data."""
    made = maker.relayed(
        {"definition.json": b"1", EVIL: b"evil"}, 1, maker.in_force({EVIL: b"evil"}, maker.releases[:1])
    )
    with pytest.raises(errors.PublicationError, match=r"1.releases.json is not signed by those .* signed by 1/2 keys"):
        told(made)
    monkeypatch.setattr(Targets, "verify_delegate", lambda *_: None)
    assert told(made).files[EVIL] == b"evil"


def test_a_release_for_which_the_coordinator_alone_signed_is_refused(
    maker: publications.Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gains: the coordinator ships an image that reads all data, and needs nobody for it."""

    def name(one: Any) -> None:
        one.targets[EVIL] = TargetFile.from_data(EVIL, b"evil", ["sha256"])

    made = maker.resigned(maker.relayed(FILES), "network", name)
    digest = TargetFile.from_data(EVIL, b"evil", ["sha256"]).hashes["sha256"]
    made[reading.path_of(EVIL, digest)] = b"evil"
    with pytest.raises(
        errors.PublicationError, match=r"6.6.6.json is named by the coordinator alone, and only the release holders may"
    ):
        told(made)
    made_as_holder = maker.resigned(maker.relayed(FILES), "releases", name, [maker.online])
    with pytest.raises(errors.PublicationError, match=r"1.releases.json is not signed by those"):
        told(made_as_holder)
    monkeypatch.setattr(
        DelegatedRole,
        "is_delegated_path",
        lambda role, path: role.name == ("network" if path == EVIL else others(path)),
    )
    assert told(made).files[EVIL] == b"evil", "where the coordinator's role may name all files"


def others(path: str) -> str:
    return "releases" if path.startswith("releases/") else "network"


def test_what_root_holders_hand_on_names_no_file_itself(maker: publications.Maker) -> None:
    """The trap: that role is asked first, so whoever signs it would ship releases past their holders."""

    def name(one: Any) -> None:
        one.targets[EVIL] = TargetFile.from_data(EVIL, b"evil", ["sha256"])

    with pytest.raises(errors.PublicationError, match="what the root holders signed names files itself"):
        told(maker.resigned(maker.relayed(FILES), "targets", name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda one: setattr(one.delegations.roles["network"], "terminating", False),
            "hands on other files to network",
        ),
        (
            lambda one: setattr(one.delegations.roles["network"], "paths", ["*", "*/*"]),
            "hands on other files to network",
        ),
        (lambda one: one.delegations.roles.pop("releases"), "does not hand on to network and releases"),
        (lambda one: one.unrecognized_fields.pop("x-authorities"), "does not name the CA's key"),
        (lambda one: one.unrecognized_fields.update({"x-network": "proef"}), "is of another network"),
    ],
)
def test_what_root_holders_hand_on_is_what_this_network_would(
    maker: publications.Maker, change: Any, message: str
) -> None:
    with pytest.raises(errors.PublicationError, match=message):
        told(maker.resigned(maker.relayed(FILES), "targets", change))


def test_what_release_holders_signed_for_another_network_is_refused(maker: publications.Maker) -> None:
    """Gains: a test network's release, with the lower care taken of it, at a network of the same holders."""

    def elsewhere(one: Any) -> None:
        one.unrecognized_fields["x-network"] = "proef"

    with pytest.raises(errors.PublicationError, match="what the release holders signed is of another network"):
        told(maker.resigned(maker.relayed(FILES), "releases", elsewhere))


def test_a_key_that_is_there_twice_counts_once(maker: publications.Maker) -> None:
    """Gains: one holder signs twice under two ids of one key, and is two of two."""
    key = ec.generate_private_key(ec.SECP256R1())
    both = [CryptoSigner(key), CryptoSigner(key, SSlibKey.from_crypto(key.public_key(), "another id"))]
    maker.releases = both
    with pytest.raises(errors.PublicationError, match=r"keys that are not taken: 2 must sign of 1 keys"):
        told(maker.relayed(FILES, 1, maker.in_force({}, both)))


@pytest.mark.parametrize("kind", ["root", "releases"])
def test_the_coordinator_is_no_holder(maker: publications.Maker, kind: str) -> None:
    """Gains: the coordinator is one of the two who sign, and needs one person less to collude with."""
    getattr(maker, kind)[0] = maker.online
    maker.roots = ()
    maker.sign_root(maker.root[:2])
    with pytest.raises(errors.PublicationError, match=r"gives the coordinator a (key of a )?root"):
        told(maker.relayed(FILES, 1, maker.in_force({})))


def test_a_coordinator_that_was_replaced_publishes_no_more_and_readers_follow_the_new_one(
    maker: publications.Maker,
) -> None:
    """Gains: who stole the coordinator's workstation publishes on. Root holders replace it, and nobody is rung up."""
    reader, stolen = Reader(maker.relayed(FILES)), copy.copy(maker)
    maker.online, maker.targets_version = publications.signer(), 2
    maker.sign_root(maker.root[1:])
    assert reader.read(maker.relayed(NEWER, 2)).files == NEWER
    assert reader.whole.holders.fingerprint("proeftuin") in reader.whole.lineage
    forged = {**stolen.relayed(FILES, 9), "metadata/2.root.json": maker.roots[1]}
    with pytest.raises(
        errors.PublicationError, match=r"timestamp.json is not signed .* a coordinator that was replaced"
    ):
        reader.read(forged)
    with pytest.raises(
        errors.PublicationError, match=r"timestamp.json is not signed .* a coordinator that was replaced"
    ):
        reader.read(stolen.relayed(FILES, 9))  # also where the new root is kept from the reader
    assert told(stolen.relayed(FILES, 9)).files == FILES, "without the memory of the newer root"


def test_a_stolen_coordinators_huge_numbers_do_not_outlive_it(maker: publications.Maker) -> None:
    """Gains: it publishes a number that no honest publication ever reaches, and all later ones are older."""
    reader = Reader(maker.relayed(FILES, 1))
    reader.read(maker.relayed(FILES, 10**9))
    maker.online, maker.targets_version = publications.signer(), 2
    maker.sign_root(maker.root[:2])
    assert reader.read(maker.relayed(NEWER, 2)).files == NEWER


def test_a_root_of_another_network_of_the_same_holders_is_refused(maker: publications.Maker) -> None:
    """Gains: whoever coordinates another network of the same people takes this one over, by a root that they signed."""
    reader = Reader(maker.relayed(FILES))
    other = copy.copy(maker)
    other.network, other.online, other.targets_version = "elders", publications.signer(), 2
    other.sign_root(maker.root[:2])
    with pytest.raises(errors.PublicationError, match="root 2 is the root of 'elders', not of proeftuin"):
        reader.read(other.relayed(NEWER, 2))


def test_root_holders_follow_each_other_and_the_lineage_says_so(maker: publications.Maker) -> None:
    reader = Reader(maker.relayed(FILES))
    before, old = reader.whole.holders.fingerprint("proeftuin"), maker.root
    maker.root, maker.targets_version = [*old[:1], *publications.signers(2)], 2
    maker.sign_root([*old[:2], *maker.root[1:]])
    after = reader.read(maker.relayed(NEWER, 2))
    assert after.root_version == 2
    assert after.lineage == {before, after.holders.fingerprint("proeftuin")}
    assert trusted.Trusted(maker.roots).roots == reader.known.roots
    assert told(maker.relayed(NEWER, 2)).lineage == after.lineage, "a reader without memory walks from the first"


def test_what_was_said_last_is_there_for_who_only_looks(maker: publications.Maker) -> None:
    made = maker.relayed(FILES, 3)
    gone = publications.expired(made, maker.online)
    moment = reading.lately(gone.get)
    assert moment < canonical.now() - datetime.timedelta(minutes=59)
    whole, known = reading.read(gone.get, publications.PLACE, "proeftuin", None, moment)
    assert whole.files == FILES
    older = publications.expired(maker.relayed(FILES, 1), maker.online)
    with pytest.raises(errors.PublicationError, match="is of an older publication than was read before"):
        reading.read(older.get, publications.PLACE, "proeftuin", known, reading.lately(older.get))
    assert reading.lately({reading.NEWEST: b"["}.get) <= canonical.now()


def test_the_coordinator_alone_has_no_region_take_part_in_a_federation(maker: publications.Maker) -> None:
    """Gains: stations of everywhere may ask the region's, without a word of who holds its root."""
    held = maker.in_force({name: content for name, content in FILES.items() if name.startswith("releases/")})
    yes = {"nederland": {"root": f"sha256:{'1' * 64}", "organisations": ["ggd"]}}
    targets: Metadata[Targets] = Metadata.from_bytes(held.targets)
    targets.signed.unrecognized_fields[metadata.FEDERATIONS] = yes
    targets.signed.version += 1
    for by, taken in ((maker.online, False), (maker.root[0], False), (maker.root[:2], True)):
        targets.signatures.clear()
        for one in by if isinstance(by, list) else [by]:
            targets.sign(one, append=True)
        made = maker.relayed(FILES, 1, dataclasses.replace(held, targets=targets.to_bytes()))
        if taken:
            assert told(made).federations["nederland"].organisations == ("ggd",)
        else:
            with pytest.raises(errors.PublicationError, match=r"targets.json is not signed by those"):
                told(made)


@pytest.mark.parametrize(
    "yes",
    [
        ["nederland"],
        {"nederland": 1},
        {"Nederland": {"root": f"sha256:{'1' * 64}", "organisations": ["ggd"]}},
        {"nederland": {"root": "1", "organisations": ["ggd"]}},
        {"nederland": {"root": f"sha256:{'1' * 64}", "organisations": []}},
        {"nederland": {"root": f"sha256:{'1' * 64}", "organisations": ["ggd", "ggd"]}},
        {"nederland": {"root": f"sha256:{'1' * 64}", "organisations": ["GGD"]}},
        {f"n{number}": {"root": f"sha256:{'1' * 64}", "organisations": ["ggd"]} for number in range(17)},
    ],
    ids=str,
)
def test_what_root_holders_say_of_federations_is_of_one_form(maker: publications.Maker, yes: object) -> None:
    held = maker.in_force({name: content for name, content in FILES.items() if name.startswith("releases/")})
    targets: Metadata[Targets] = Metadata.from_bytes(held.targets)
    targets.signed.unrecognized_fields[metadata.FEDERATIONS] = yes
    targets.signatures.clear()
    for one in maker.root[:2]:
        targets.sign(one, append=True)
    with pytest.raises(errors.PublicationError, match="names federations in another way than is published"):
        told(maker.relayed(FILES, 1, dataclasses.replace(held, targets=targets.to_bytes())))


def test_it_is_known_which_release_holders_signed_and_a_signature_that_does_not_hold_is_nobodys() -> None:
    maker = publications.Maker()
    files = {"definition.json": b"1", "releases/1.0.0.json": b"a release"}
    held = [metadata.key_fingerprint(one.public_key) for one in maker.releases]
    for many in (2, 3):
        made = maker.relayed(files, held=maker.in_force({"releases/1.0.0.json": b"a release"}, maker.releases[:many]))
        assert publications.whole_of(made).released_by == {*held[:many]}
    # The third one's signature of something else, and that of somebody who is no holder.
    signed: Metadata[Targets] = Metadata.from_bytes(made[publications.of(made, "releases")])
    stranger = publications.signer()
    signed.sign(stranger, append=True)
    other = signed.signatures[stranger.public_key.keyid]
    third = maker.releases[2].public_key.keyid
    signed.signatures[third] = type(other)(third, other.signature)
    made = maker.replaced(made, "releases", signed.to_bytes())
    assert publications.whole_of(made).released_by == {*held[:2]}
