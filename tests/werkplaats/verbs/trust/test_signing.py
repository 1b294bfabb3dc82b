"""The holders' ceremonies by their commands: each has a key file of its own, and files go from one to the other."""

from __future__ import annotations

import datetime
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, TargetFile

from base import canonical, errors
from publication import publication
from tests.publication import publications
from tests.publication.published import release
from tests.werkplaats.verbs.trust.people import DAY, NETWORK, People, people
from werkplaats.operations.coordinator import roles
from werkplaats.verbs import common

__all__ = ["people"]


def test_a_key_lies_encrypted_where_its_holder_wants_it_and_only_that_one_can_read_it(people: People) -> None:
    file = Path(people.key("root", "a"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in file.read_bytes()
    assert b"BEGIN PUBLIC KEY" in file.with_name("root-a.pub").read_bytes()
    assert "exists already" in people.run("root", "key", NETWORK, str(file), expect=errors.WRONG_USE)


def test_nothing_is_published_before_root_and_release_holders_signed(people: People) -> None:
    assert "trust root found proeftuin" in people.run("publish", NETWORK, expect=errors.WRONG_USE)
    root, releases = people.found()
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert "root version 1 waits for the root holders: 0 of 2 signed; targets version 1 waits" in told
    assert "2 of these must sign: sha256:" in people.sign("root", root[0])
    assert "waits for the root holders: 1 of 2 signed" in people.run("publish", NETWORK, expect=errors.REFUSED)
    people.sign("root", root[2])
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert "releases version 1 waits for the release holders: 0 of 2 signed" in told
    assert "root version" not in told
    told = people.sign("release", *releases[:2])
    assert "releases/dev.json: sha256:" in told
    assert "signed; nothing waits" not in told.split("signed; ")[1]
    out = people.run("publish", NETWORK)
    root_told = re.search(r"its root is (sha256:[0-9a-f]{64}): root holders read this", out)
    assert root_told
    assert publication.read(people.place, NETWORK).root == root_told[1]
    assert root_told[1] in people.run("root", "show", NETWORK)
    assert "has a root" in people.run(
        "root", "found", NETWORK, "--root", f"{root[0]}.pub", "--release", f"{root[0]}.pub", expect=errors.WRONG_USE
    )


def of_the_network(one: Any) -> None:
    """Names another key for the coordinator's files than the one that is shown."""
    stranger = publications.signer().public_key
    one.delegations.keys[stranger.keyid] = stranger
    one.delegations.roles["network"].keyids = [stranger.keyid]


HIDDEN = {
    "another key for the coordinator's files": ("targets", of_the_network),
    "more files for the coordinator": (
        "targets",
        lambda one: one.delegations.roles["network"].paths.append("releases/*"),
    ),
    "a release past its holders": (
        "targets",
        lambda one: one.targets.update({"releases/x.json": TargetFile.from_data("x", b"", ["sha256"])}),
    ),
    "one holder for the files": ("root", lambda one: setattr(one.roles["targets"], "threshold", 1)),
    "a root of another network": ("root", lambda one: one.unrecognized_fields.update({"x-network": "elders"})),
    "a root for ever": ("root", lambda one: setattr(one, "expires", canonical.now() + 10_000 * DAY)),
    "a later root": ("root", lambda one: setattr(one, "version", 7)),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_is_signed_that_is_not_shown(people: People, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who brings the files to the holders changes them: they would sign for it, and read of the right keys."""
    role, change = HIDDEN[what]
    root, _ = people.found()
    path = people.home / "inventories" / NETWORK / "publication" / "waiting" / f"{role}.json"
    waits: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    change(waits.signed)
    path.write_bytes(waits.to_bytes())
    told = people.run("root", "sign", NETWORK, "--key", root[0], "--yes", expect=errors.REFUSED)
    assert f"{role}.json says something else than is shown of it" in told
    assert not Metadata.from_bytes(path.read_bytes()).signatures
    monkeypatch.setattr(roles.Roles, "_require_plain", lambda _: None)
    people.sign("root", root[0])
    assert Metadata.from_bytes(path.read_bytes()).signatures, "without the defence"


@pytest.mark.parametrize("more", [{"region": True}, {"organisations": ["ggd", "ggd"]}, {"root": "sha256:1"}])
def test_no_federation_is_signed_for_of_which_more_is_said_than_is_shown(people: People, more: dict[str, Any]) -> None:
    root, _ = people.found()
    path = people.home / "inventories" / NETWORK / "publication" / "waiting" / "targets.json"
    waits: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    said = {"root": f"sha256:{'1' * 64}", "organisations": ["ggd"]}
    for federations in ({"nederland": {**said, **more}}, {"nederland": said}):
        waits.signed.unrecognized_fields["x-federations"] = federations
        path.write_bytes(waits.to_bytes())
        plain = federations["nederland"] == said
        told = people.run(
            "root", "sign", NETWORK, "--key", root[0], "--yes", expect=errors.DONE if plain else errors.REFUSED
        )
        assert ("takes part in nederland, whose root is" in told) is plain
        assert ("targets.json says something else than is shown of it" in told) is not plain
        assert bool(Metadata.from_bytes(path.read_bytes()).signatures) is plain


@pytest.mark.parametrize("held", [True, False])
def test_nothing_is_signed_that_came_while_the_question_stood(
    people: People, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    """Whoever writes in that folder waits until it was shown: the holder's yes would be for something else."""
    root, _ = people.found()
    path = people.home / "inventories" / NETWORK / "publication" / "waiting" / "root.json"

    def meanwhile(*_: object, **__: object) -> None:
        other: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
        other.signed.expires -= datetime.timedelta(days=1)  # as plain as the one that was shown, and another one
        path.write_bytes(other.to_bytes())

    monkeypatch.setattr(common, "confirm", meanwhile)
    if not held:
        monkeypatch.setattr(roles.Roles, "hold", lambda _: None)
    told = people.run("root", "sign", NETWORK, "--key", root[0], expect=errors.REFUSED if held else errors.DONE)
    assert ("became another one while you looked at it" in told) is held
    assert bool(Metadata.from_bytes(path.read_bytes()).signatures) is not held


def test_the_key_of_somebody_else_signs_nothing(people: People) -> None:
    root, releases = people.found()
    stranger = people.key("root", "stranger")
    for kind, key in (("root", stranger), ("root", releases[0])):
        told = people.run(kind, "sign", NETWORK, "--key", key, "--yes", expect=errors.REFUSED)
        assert "is not the key of a root holder" in told
    people.sign("root", root[0], root[0])
    assert "1 of 2 signed" in people.run("publish", NETWORK, expect=errors.REFUSED), "twice by one is once"


def test_a_new_image_waits_for_its_holders_and_the_signed_one_is_published_meanwhile(people: People) -> None:
    """Else a revocation waits for whoever signs releases."""
    _, releases = people.published()
    people.with_image(release(image="1"))
    told = people.run("publish", NETWORK)
    assert "note: releases version 2 waits for the release holders: 0 of 2 signed" in told
    assert publication.read(people.place, NETWORK).release.image_id.endswith("0" * 64)
    people.sign("release", *releases[:2])
    people.run("publish", NETWORK)
    assert publication.read(people.place, NETWORK).release.image_id.endswith("1" * 64)
    people.with_image(None)
    assert "publication 2 is in" in people.run("publish", NETWORK), "what was signed is known without the image"


def test_a_lost_workstation_is_replaced_by_root_holders_and_readers_follow(people: People, tmp_path: Path) -> None:
    root, _ = people.published()
    before = publication.read(people.place, NETWORK)
    kept = tmp_path / "kept"
    publication.read(people.place, NETWORK, kept, root=before.root)
    people.at("another workstation")
    (tmp_path / "another workstation" / "werkplaats" / NETWORK).mkdir(parents=True, mode=0o700)
    for name in ("ca-1.key", "ca-1.pem", "crl.pem"):  # of the backup, which has no key of the publication
        shutil.copy(
            tmp_path / "coordinator" / "werkplaats" / NETWORK / name,
            people.folder / "another workstation" / "werkplaats" / NETWORK,
        )
    told = people.run("root", "coordinator", NETWORK)
    assert "root version 2 waits for the root holders: 0 of 2 signed\ntargets version 2 waits" in told
    people.sign("root", *root[1:])
    people.run("publish", NETWORK)
    after = publication.read(people.place, NETWORK, kept)
    assert (after.root, after.root_version, after.number) == (before.root, 2, 2)
    people.at("coordinator")
    people.place.unlink()
    told = people.run("publish", NETWORK, expect=errors.REFUSED)
    assert "is not the key that the root holders named for the coordinator" in told


def test_other_holders_are_named_by_those_of_before_and_must_sign_themselves(people: People) -> None:
    root, releases = people.published()
    fresh = [people.key("root", name) for name in "xyz"]
    people.run("root", "change", NETWORK, *(word for key in fresh for word in ("--root", f"{key}.pub")))
    people.sign("root", *fresh[:2])
    assert publication.read(people.place, NETWORK).root_version == 1
    shown = people.run("root", "show", NETWORK)
    assert "root version 2 waits for the root holders: 0 of 2 signed by those of before\n" in shown
    people.sign("root", *root[:2])
    people.run("publish", NETWORK)
    found = publication.read(people.place, NETWORK)
    assert found.root_version == 2
    assert found.lineage >= {found.root}
    assert len(found.lineage) == 2
    assert releases


def test_as_many_holders_are_named_as_must_sign(people: People) -> None:
    one = people.key("root", "a")
    told = people.run(
        "root", "found", NETWORK, "--root", f"{one}.pub", "--release", f"{one}.pub", expect=errors.WRONG_USE
    )
    assert "1 root holders are named, and 2 must sign by the definition" in told
    assert "not a public key" in people.run(
        "root", "found", NETWORK, "--root", one, "--release", one, expect=errors.WRONG_USE
    )


def test_a_sandbox_has_all_keys_in_its_vault(people: People) -> None:
    told = people.run("publish", f"{NETWORK}.sandbox")
    assert "its root is sha256:" in told
    vault = people.folder / "coordinator" / "werkplaats" / f"{NETWORK}.sandbox"
    assert {path.name for path in vault.glob("*.key")} == {
        *("ca-1.key", "publication.key", "root-1.key", "root-2.key", "release-1.key", "release-2.key"),
    }
    people.with_image(release(image="1"))
    people.run("publish", f"{NETWORK}.sandbox")
    assert publication.read(vault / "publication", f"{NETWORK}.sandbox").release.image_id.endswith("1" * 64)
