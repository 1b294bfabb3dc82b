"""A federation and its members together are given to stations as a network is: compiled, accepted, and trusted."""

from __future__ import annotations

import dataclasses
import datetime
import json
import shutil
from pathlib import Path

import pytest
from cryptography import x509

from base import canonical, errors
from network_topology import diff, model
from network_topology.compiling import compile as compiler
from publication import acceptance, profile, publication
from publication.federations import federated, joint, members
from publication.following import entry
from publication.whole import Consent
from tests.harness import pki
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions, made_regions, regions, unfederated

__all__ = ["made_regions", "regions", "unfederated"]

OWN = f"{TWENTE}/ggd-twente"
OTHER = f"{SALLAND}/deventer-ziekenhuis"


def joined(regions: Regions) -> joint.Joint:
    """What a reader of all these publications makes of them."""
    said = federated.read(regions.place(NAME), NAME)
    met = members.read(said.definition, said.lineage, regions.place, canonical.now())
    return joint.join(said, met)


def test_it_is_accepted_compiled_and_told_to_a_station_as_a_network_is(regions: Regions) -> None:
    published = joined(regions)
    first = acceptance.compare(None, published)
    texts = [change.text for change in first.waits]
    assert f"{SALLAND} takes part, whose root is {published.definition.roots[SALLAND]}" in texts
    assert any(text.startswith(f"the keys of {OTHER} are pinned: SHA256:") for text in texts)
    assert texts[0].startswith(f"the root of {NAME} is new here: 2 of 2 root holders name all keys, the CA has key")

    accepted = acceptance.accept(published)
    assert acceptance.load(json.loads(json.dumps(accepted.document()))) == accepted
    assert acceptance.compare(accepted, published) == acceptance.Comparison((), ())
    network = compiler.compile_network(accepted.definition)
    view = compiler.station_view(network, OWN, accepted.statement_keys, accepted.serials, accepted.parts)
    assert view["self"] == f"{TWENTE}.ggd-twente"
    assert view["computing"] == [one.replace("/", ".") for one in regions.definition["computing"]]
    assert f"{SALLAND}.deventer-ziekenhuis" in view["stations"]
    assert view["cut"] == {}


def test_a_set_that_the_federation_took_out_is_out_also_where_its_members_cannot_be_joined(regions: Regions) -> None:
    """Gains: a region that publishes what breaks a rule keeps a set that its operator computes in."""
    said = federated.read(regions.place(NAME), NAME)
    met = members.read(said.definition, said.lineage, regions.place, canonical.now())
    definition = joined(regions).definition
    accepted = definition.model_copy(update={"computing_alternates": (definition.computing[::-1],)})
    assert joint.standing(said, met, accepted).definition == definition


def test_a_gateway_is_given_what_others_are_let_in_by_and_nothing_of_its_own_region(regions: Regions) -> None:
    published = joined(regions)
    accepted = acceptance.accept(published)
    made = entry.of_federation(compiler.compile_network(accepted.definition), OWN, accepted, published)
    assert made["home"] == TWENTE
    given = [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(made["ca_pem"].encode())]
    unit = "O=Datawerkplaats,C=NL"
    assert given == [f"CN=federation-CA-1,OU={NAME},{unit}", f"CN=CA-1,OU={SALLAND},{unit}"]
    assert made["crl_pem"].count("BEGIN X509 CRL") == 2
    issuers = {peer["id"]: peer["issuers"] for peer in made["peers"]}
    assert issuers[f"{SALLAND}.deventer-ziekenhuis"] == [f"CN=CA-1,OU={SALLAND},O=Datawerkplaats,C=NL"]
    assert issuers[f"{TWENTE}.carintreggeland"] == [f"CN=CA-1,OU={TWENTE},O=Datawerkplaats,C=NL"]
    assert "certificate_pem" not in made


def test_who_left_is_cut_with_nobody_s_yes(regions: Regions) -> None:
    accepted = acceptance.accept(joined(regions))
    regions.consent(SALLAND, None)
    published = joined(regions)
    found = acceptance.compare(accepted, published)
    assert found.waits == ()
    assert f"the identity of {OTHER} was withdrawn: its station is cut off until it has a new one" in {
        change.text for change in found.applies
    }
    view = acceptance.accepted_view(accepted, published)
    assert view is not None
    assert {one for one in view.cut if one.startswith(SALLAND)} == {
        f"{SALLAND}/{one}" for one in regions.named(SALLAND)
    }
    made = entry.of_federation(compiler.compile_network(view.definition), OWN, view, published)
    assert SALLAND not in made["ca_pem"]
    assert all(peer["id"].startswith(TWENTE) for peer in made["peers"])


def test_who_was_cut_off_by_the_federation_is_cut_too(regions: Regions) -> None:
    regions.trust("revoke", SALLAND, "--reason", "certificateHold", "--yes")
    published = joined(regions)
    assert published.regions.keys() == {TWENTE}
    assert not any(one.startswith(SALLAND) for one in published.identities)


def test_whom_the_region_did_not_name_has_a_card_and_no_key(regions: Regions) -> None:
    said = regions.named(SALLAND)[:1]
    regions.consent(SALLAND, Consent(root=regions.root, organisations=said))
    published = joined(regions)
    assert {one for one in published.identities if one.startswith(SALLAND)} == {f"{SALLAND}/{said[0]}"}
    assert {one for one in published.definition.organisations if one.startswith(SALLAND)} == {
        f"{SALLAND}/{one}" for one in regions.named(SALLAND)
    }


def test_a_certificate_of_another_key_than_the_region_s_root_holders_named_is_worth_nothing(regions: Regions) -> None:
    """Gains: the federation's coordinator plays stations of a region, with a CA that it made up."""
    said = regions.read()
    posing = pki.Authority(SALLAND)
    federation = pki.Authority(NAME, tier=profile.FEDERATION)
    forged = dataclasses.replace(said, crossed={**said.crossed, SALLAND: (federation.cross(posing),)})
    met = members.read(said.definition, said.lineage, regions.place, canonical.now())
    assert SALLAND not in joint.join(forged, met).regions


def test_what_is_not_here_is_no_reason_to_cut_anybody(regions: Regions) -> None:
    """Gains: who relays keeps the publication of a region from a reader, and its stations are gone there."""
    regions.place(SALLAND).unlink()
    with pytest.raises(errors.PublicationError, match=f"{SALLAND}: its publication is not here"):
        joined(regions)


def test_another_root_of_a_member_waits_with_a_warning(regions: Regions) -> None:
    accepted = acceptance.accept(joined(regions))
    assert isinstance(accepted.definition, model.Joined)
    moved = accepted.definition.model_copy(
        update={"roots": {**accepted.definition.roots, SALLAND: f"sha256:{64 * '0'}"}}
    )
    (change,) = diff.changes(accepted.definition, moved)
    assert change.adds
    assert change.text.startswith(f"WARNING: the root of {SALLAND} is sha256:000")
    fewer = {slug: root for slug, root in accepted.definition.roots.items() if slug != SALLAND}
    gone = accepted.definition.model_copy(update={"roots": fewer})
    assert [(one.text, one.adds) for one in diff.changes(accepted.definition, gone)] == [
        (f"{SALLAND} takes part no more", False)
    ]


def test_nothing_of_a_ca_is_given_to_a_gateway_before_its_operator_said_yes(regions: Regions) -> None:
    """Of a member of another root, or of another CA of the federation: it waits, and what was accepted goes on."""
    published = joined(regions)
    accepted = acceptance.accept(published)
    assert isinstance(accepted.definition, model.Joined)
    moved = accepted.definition.model_copy(
        update={"roots": {**accepted.definition.roots, SALLAND: f"sha256:{64 * '0'}"}}
    )
    for view in (
        accepted.model_copy(update={"definition": moved}),
        accepted.model_copy(update={"authority": f"sha256:{64 * '0'}"}),
    ):
        made = entry.of_federation(compiler.compile_network(accepted.definition), OWN, view, published)
        assert f"OU={SALLAND}" not in "".join(
            one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(made["ca_pem"].encode() or EMPTY)
        )
        assert not any(peer["id"].startswith(SALLAND) for peer in made["peers"])


EMPTY = profile.as_pem(pki.Authority("nobody").certificate)


def test_a_member_whose_word_ended_holds_up_nothing_of_the_others(regions: Regions) -> None:
    """Gains: a region lets its publication lapse, and no cut or list of any other one arrives anywhere."""
    said = regions.read()
    later = canonical.now() + datetime.timedelta(days=36)
    met = members.read(said.definition, said.lineage, regions.place, later)
    assert met[SALLAND].published is not None
    assert "is not the word of the coordinator any more" in met[SALLAND].wrong[0]
    assert joint.join(said, met).regions.keys() == {SALLAND, TWENTE}


def test_who_reads_on_goes_back_to_no_older_publication_of_a_member(regions: Regions, tmp_path: Path) -> None:
    """Gains: who relays brings back one that left, or takes one out that said yes since."""
    said, kept = regions.read(), tmp_path / "kept"
    older = shutil.copytree(regions.place(SALLAND).resolve(), tmp_path / "older")
    regions.consent(SALLAND, None)

    def read(place: Path | None = None) -> members.Member:
        at = lambda slug: place if place and slug == SALLAND else regions.place(slug)  # noqa: E731
        return members.read(said.definition, said.lineage, at, canonical.now(), kept)[SALLAND]

    assert read().left
    assert not read(older).left
    assert "is of an older publication than was read before" in read(older).wrong[0]
    assert read(older).published is None
    assert members.read(said.definition, said.lineage, lambda _: older, canonical.now())[SALLAND].consent, "without"


def test_a_member_that_was_founded_anew_is_read_where_the_federation_names_its_new_root(
    regions: Regions, tmp_path: Path
) -> None:
    said, kept = regions.read(), tmp_path / "kept"
    members.read(said.definition, said.lineage, regions.place, canonical.now(), kept)
    own = regions.own[SALLAND]
    shutil.rmtree(own.records.folder / "publication")
    for key in own.vault.folder.glob("r*-*.key"):
        key.unlink()
    regions.place(SALLAND).unlink()
    regions.publish(SALLAND)
    fresh = publication.read(regions.place(SALLAND), SALLAND).root
    assert (
        "is another root of"
        in members.read(said.definition, said.lineage, regions.place, canonical.now(), kept)[SALLAND].wrong[0]
    )
    named = said.definition.members[SALLAND].model_copy(update={"root": fresh})
    anew = said.definition.model_copy(update={"members": {**said.definition.members, SALLAND: named}})
    for _ in range(2):
        found = members.read(anew, said.lineage, regions.place, canonical.now(), kept)[SALLAND]
        assert found.published is not None
        assert found.published.root == fresh


def test_what_a_station_is_told_of_why_it_is_out_names_its_region(regions: Regions) -> None:
    regions.consent(SALLAND, None)
    published = joined(regions)
    assert published.out(OWN) == ""
    assert f"{SALLAND} takes no part in {NAME} now" in published.out(OTHER)
    assert f"no station of {NAME} any more" in published.out(f"{TWENTE}/nobody")


def test_a_coordinator_without_a_station_has_a_card_and_is_nobody_s_peer(regions: Regions) -> None:
    regions.definition["coordinator"] = f"{TWENTE}/livio"
    regions.write()
    regions.trust("publish")
    published = joined(regions)
    assert published.definition.organisations[f"{TWENTE}/livio"].role == "coordinator_only"
    network = compiler.compile_network(published.definition)
    assert network.coordinator_name == published.definition.organisations[f"{TWENTE}/livio"].name
    assert f"{TWENTE}/livio" not in network.stations
