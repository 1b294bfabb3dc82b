"""A federation certifies the CAs of its members, of those whose root holders said yes, and of no others."""

from __future__ import annotations

import dataclasses
import shutil

import pytest
import yaml

from base import canonical, errors
from publication import profile
from publication.whole import Consent
from tests.harness import coordinator
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions, made_regions, regions, unfederated
from werkplaats.operations.coordinator import authority as authorities
from werkplaats.operations.coordinator import federating, ledger

__all__ = ["made_regions", "regions", "unfederated"]

CERTIFIED = "certified are: "


def test_who_said_yes_is_certified_and_the_others_wait(unfederated: Regions) -> None:
    told = unfederated.trust("publish")
    assert f"{CERTIFIED}none" in told
    assert f"{SALLAND}: waits: its root holders did not say yes to {NAME}" in told
    unfederated.yes(SALLAND)
    told = unfederated.trust("publish")
    assert f"{SALLAND}: CA-1 is certified, good until" in told
    assert f"{CERTIFIED}{SALLAND}\n" in told
    made = unfederated.read()
    assert made.crossed.keys() == {SALLAND}
    (crossed,) = made.crossed[SALLAND]
    member = unfederated.own[SALLAND].authority.certificate
    assert (crossed.subject, crossed.public_key()) == (member.subject, member.public_key())
    assert crossed.issuer == made.trusted[0].authority.subject
    assert made.root == unfederated.root

    unfederated.yes(TWENTE)
    unfederated.trust("publish")
    assert unfederated.read().crossed.keys() == {SALLAND, TWENTE}
    assert unfederated.read().crossed[SALLAND] == (crossed,)


def test_where_nothing_is_due_nothing_is_done(regions: Regions) -> None:
    before = regions_files(regions)
    assert regions.trust("publish", "--quiet") == ""
    assert regions_files(regions) == before


def regions_files(regions: Regions) -> dict[str, bytes]:
    place = regions.place(NAME).resolve()
    return {path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_a_region_leaves_alone_and_comes_back_with_the_key_that_it_has(regions: Regions) -> None:
    (before,) = regions.read().crossed[SALLAND]
    regions.consent(SALLAND, None)
    told = regions.trust("publish")
    assert f"CN=CA-1,OU={SALLAND},O=Datawerkplaats,C=NL: takes part no more" in told
    made = regions.read()
    assert made.crossed.keys() == {TWENTE}
    assert [one.serial_number for one in made.trusted[0].revocations] == [before.serial_number]
    assert "is revoked" not in regions.trust("publish"), "once"
    regions.yes(SALLAND)
    regions.trust("publish")
    (after,) = regions.read().crossed[SALLAND]
    assert after.public_key() == before.public_key()
    assert after.serial_number != before.serial_number


def test_a_member_that_left_the_definition_is_revoked_too(regions: Regions) -> None:
    gone = regions.definition["members"].pop(SALLAND)
    regions.definition["members"]["drenthe-mentale-gezondheid"] = {**gone, "organisations": ["ggd-drenthe"]}
    source = regions.home / "networks" / "drenthe-mentale-gezondheid"
    shutil.copytree(coordinator.NETWORKS / source.name, source)
    cards = yaml.safe_load((source / "network.yml").read_text())["organisations"]
    able = [one for one, card in cards.items() if "gateway" in card and card["domain"] == "mental_health"]
    regions.definition["members"][source.name]["organisations"] = able[:1]
    regions.definition["computing"][1] = f"{source.name}/{able[0]}"
    regions.write()
    regions.trust("publish")
    assert regions.read().crossed.keys() == {TWENTE}
    assert len(list(regions.read().trusted[0].revocations)) == 1


def test_what_is_not_to_be_read_takes_nothing_away(regions: Regions) -> None:
    before = regions.read().crossed
    place = regions.place(SALLAND)
    kept = place.resolve()
    place.unlink()
    assert f"{SALLAND}: waits: its publication is not here" in regions.trust("publish")
    place.symlink_to(kept)
    (newest,) = kept.glob("targets/*.definition.json")
    newest.write_text("{}")
    assert f"{SALLAND}: waits: " in regions.trust("publish")
    assert regions.read().crossed == before


def test_a_region_that_was_read_another_root_is_not_certified(unfederated: Regions) -> None:
    """Somebody poses as the federation: what its root holders said yes to is not this one."""
    other = f"sha256:{'1' * 64}"
    unfederated.consent(SALLAND, Consent(root=other, organisations=unfederated.named(SALLAND)))
    told = unfederated.trust("publish")
    assert f"said yes to root {other}, which is not that of {NAME}" in told
    assert unfederated.read().crossed == {}


def test_a_member_is_cut_off_and_taken_back(regions: Regions) -> None:
    told = regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    assert f"{SALLAND}: what its CA was certified is revoked: certificateHold" in told
    assert f"{CERTIFIED}{TWENTE}\n" in told
    assert "CA-1 is not certified: its key was revoked" in regions.trust("publish")
    assert f"{SALLAND}: on hold no more" in regions.trust("reinstate", SALLAND)
    assert regions.read().crossed.keys() == {SALLAND, TWENTE}
    assert "is not on hold" in regions.trust("reinstate", SALLAND, expect=errors.WRONG_USE)


def test_a_ca_whose_key_was_stolen_is_certified_again_with_another_key_only(regions: Regions) -> None:
    regions.trust("revoke", SALLAND, "--reason", "keyCompromise", "--yes")
    regions.consent(SALLAND, None)
    regions.trust("publish")
    regions.yes(SALLAND)
    assert "CA-1 is not certified: its key was revoked" in regions.trust("publish")
    assert "is not on hold" in regions.trust("reinstate", SALLAND, expect=errors.WRONG_USE)
    own = regions.own[SALLAND]
    rolled = authorities.roll(own.vault, own.records)
    held = own.roles
    held.ask(dataclasses.replace(held.wanted(), authorities=(rolled.key_fingerprint,)), canonical.now())
    held.settle()
    for organisation in regions.named(SALLAND):
        own.approve(organisation)
    regions.publish(SALLAND)
    regions.trust("publish")
    (crossed,) = regions.read().crossed[SALLAND]
    assert crossed.public_key() == rolled.certificate.public_key()


def test_killed_between_signing_and_publishing_it_is_run_once_more(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = regions.read().crossed[SALLAND]
    regions.consent(SALLAND, None)
    with monkeypatch.context() as patch:
        patch.setattr(federating, "_revoke_who_left", killed)
        regions.trust("publish", expect=errors.HALF_WAY)
    assert regions.read().crossed[SALLAND] == (before,)
    regions.trust("publish")
    assert [one.serial_number for one in regions.read().trusted[0].revocations] == [before.serial_number]


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_records_that_end_before_what_was_published_publish_nothing(regions: Regions) -> None:
    """Of an older backup: readers refuse a lower number."""
    records = regions.home / "inventories" / NAME
    kept = shutil.copytree(records, regions.folder / "older")
    regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    shutil.rmtree(records)
    shutil.copytree(kept, records)
    told = regions.trust("publish", expect=errors.REFUSED)
    assert "and the records end at 2: readers refuse one with a lower number" in told


def test_a_brake_does_not_wait_for_a_definition_that_is_wrong(regions: Regions) -> None:
    shutil.rmtree(regions.home / "networks" / TWENTE)
    regions.trust("revoke", SALLAND, "--reason", "keyCompromise", "--yes")
    assert regions.read().crossed.keys() == {TWENTE}
    told = regions.trust("publish", expect=errors.FOUND)
    assert "no network of that name is defined here" in told


@pytest.mark.parametrize(
    ("what", "words", "said"),
    [
        ("enforce", (), "is a supraregional network: it refers to regional networks, and has no servers"),
        ("roll", ("--yes",), "has no servers"),
        ("revoke", (SALLAND, "--reason", "unspecified", "--now", "--yes"), "nothing is put in force by it on servers"),
        ("root federate", ("nederland", "--root", f"sha256:{'1' * 64}"), "tiers nest no further"),
        ("root change", ("--release", "holder-1.pub"), "ships no release"),
        ("revoke", ("drenthe", "--reason", "unspecified", "--yes"), "never had a certificate"),
    ],
)
def test_what_a_federation_does_not_do_is_said(
    unfederated: Regions, what: str, words: tuple[str, ...], said: str
) -> None:
    expect = errors.REFUSED if "has no servers" in said else errors.WRONG_USE
    given = tuple(str(unfederated.folder / word) if word.endswith(".pub") else word for word in words)
    assert said in unfederated.trust(what, *given, expect=expect)


def test_its_ca_is_of_a_federation_and_names_nothing_of_its_own(regions: Regions) -> None:
    certificate = regions.read().trusted[0].authority
    assert profile.authority_fault(certificate, NAME, profile.FEDERATION) == ""
    assert profile.authority_fault(certificate, NAME)
    records = ledger.Records(regions.home / "inventories" / NAME)
    assert {row["issuer"] for row in records.rows("serials")} == {f"CN=federation-CA-1,OU={NAME},O=Datawerkplaats,C=NL"}
