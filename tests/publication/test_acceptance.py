from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from base import canonical, errors
from network_topology import load, model
from network_topology.compiling import compile as compiler
from on_server.follow import derived
from publication import acceptance, verified
from tests.publication.published import RELEASES, release, texts, without
from werkplaats.operations.coordinator import ledger
from werkplaats.operations.home import vault

NETWORKS = Path(load.__file__).parent / "networks"


def with_copy(definition: model.Definition, of: str, slug: str) -> model.Definition:
    card = definition.organisations[of].model_copy(update={"name": f"Another {of}", "egress": ("192.0.2.77/32",)})
    return definition.model_copy(update={"organisations": {**definition.organisations, slug: card}})


@pytest.mark.usefixtures("approved")
def test_at_first_everything_waits_and_nothing_may_be_applied(publish: Callable[..., Any]) -> None:
    found = acceptance.compare(None, publish())
    assert found.applies == ()
    assert "GGD Proeftuin" in texts(found.waits)
    assert texts(found.waits).count("SHA256:") == 4
    assert acceptance.accepted_view(None, publish()) is None


@pytest.mark.usefixtures("approved")
def test_what_was_accepted_comes_back_from_its_document_and_nothing_changes(publish: Callable[..., Any]) -> None:
    accepted = acceptance.accept(publish())
    again = acceptance.load(json.loads(json.dumps(accepted.document())))
    assert again
    assert again.digest == accepted.digest
    assert acceptance.compare(again, publish()) == acceptance.Comparison((), ())
    view = acceptance.accepted_view(again, publish())
    assert view
    assert view.document() == accepted.document()
    assert view.cut == frozenset()


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document["statement_keys"].update(ggd="A" * 43 + "="),
        lambda document: document["definition"].update(release="1.0.0"),
        lambda document: document.update(authority="sha256:0"),
        lambda document: document.update(surprise=1),
        lambda document: document.pop("definition"),
        lambda document: document.update(digest="sha256:0"),
    ],
)
def test_an_edited_accepted_document_is_refused(publish: Callable[..., Any], edit: Callable[..., Any]) -> None:
    document = json.loads(json.dumps(acceptance.accept(publish()).document()))
    edit(document)
    with pytest.raises(errors.AcceptanceError, match=r"(was edited|cannot be read).*accept it anew"):
        acceptance.load(document)


def cards(document: Any) -> Any:
    return document["definition"]["organisations"]


@pytest.mark.usefixtures("approved")
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda found: found["definition"].update(computing=["ggd"]), "1 computing party is named"),
        (lambda found: cards(found)["ggd"]["gateway"].update(egress=["2001:db8::%\n}/48"]), "holds the character"),
        (lambda found: cards(found)["ggd"].update(name="GGD\x1b[2J"), "holds the character U"),
        (lambda found: found.update(network="gerda"), "its definition of another network"),
        (lambda found: found["definition"].update(release="1.0.0"), "another release than its definition names"),
        (lambda found: found["statement_keys"].update(ggd="A"), "not the base64 of the 32 bytes"),
        (lambda found: found["statement_keys"].update(ggd=""), "not the base64 of the 32 bytes"),
        (lambda found: found["statement_keys"].update(apotheek=found["statement_keys"].pop("ggd")), "no station"),
        (lambda found: found["statement_keys"].update(ggd=found["statement_keys"]["thuiszorg"]), "one statement key"),
        (lambda found: found.update(authority="sha256:0\x1b[2J"), "should match pattern"),
        (lambda found: found["holders"]["root"].update(threshold=3), "at least as many as must sign"),
        (lambda found: found["holders"]["root"]["keys"].append("sha256:0"), "should match pattern"),
        (lambda found: found["holders"]["releases"]["keys"].reverse(), "keys are sorted"),
        (lambda found: found.pop("holders"), "Field required"),
        (lambda found: found["release"].pop("image_id"), "Field required"),
        (lambda found: found["release"].update(image_id="debian:latest"), "should match pattern"),
        (lambda found: found["definition"].update(title=5), r"definition\..*title: Input should be a valid string"),
        (
            lambda found: next(iter(found["definition"]["organisations"].values())).update(name=["x"]),
            r"definition\..*organisations.ggd.name: Input should be a valid string",
        ),
        (lambda found: found["release"].update(notes="\x1b[2J"), "Extra inputs are not permitted"),
        (lambda found: found["release"].update(security_fixes=["\x1b[2J"]), "holds the character U"),
    ],
)
def test_an_accepted_document_is_held_to_all_that_a_publication_is_held_to(
    publish: Callable[..., Any], edit: Callable[..., Any], told: str
) -> None:
    """With a digest of its own, so that only what it says can be refused.

    Whoever can write it has root there; but what it says is compiled into a gateway's configuration, shown to people,
    and one that nothing can be made of stopped the run for every other server.
    """
    document = json.loads(json.dumps(acceptance.accept(publish()).document()))
    edit(document)
    said = {name: value for name, value in document.items() if name not in ("digest", "publication", "root", "seen")}
    document["digest"] = canonical.digest(said)
    with pytest.raises(errors.AcceptanceError, match=rf"cannot be read.*{told}.*accept it anew"):
        acceptance.load(document)


@pytest.mark.usefixtures("approved")
def test_what_was_accepted_before_releases_said_more_is_read_as_it_was(publish: Callable[..., Any]) -> None:
    """Its digest is of what lies there: what a release may say since then is no part of it."""
    document = json.loads(json.dumps(acceptance.accept(publish()).document()))
    assert document["release"].keys() == {"release", "protocols", "image_id", "manifest_digest", "archive"}
    said = {name: value for name, value in document.items() if name not in ("digest", "publication", "root", "seen")}
    assert document["digest"] == canonical.digest(said)
    found = acceptance.load(document)
    assert found is not None
    assert found.document() == document


@pytest.mark.parametrize("document", [[0], "", 0, [], False])
def test_an_accepted_document_that_is_no_mapping_is_refused(document: object) -> None:
    with pytest.raises(errors.AcceptanceError, match=r"cannot be read: it is no mapping.*accept it anew"):
        acceptance.load(document)


@pytest.mark.usefixtures("approved")
def test_who_leaves_is_gone_without_anybodys_acceptance(coordinator: Any, publish: Callable[..., Any]) -> None:
    accepted = acceptance.accept(publish())
    after = publish(without(coordinator.definition, "huisartsen"))
    found = acceptance.compare(accepted, after)
    assert found.waits == ()
    assert "Huisartsengroep Proeftuin (huisartsen) leaves" in texts(found.applies)
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert view.definition == after.definition
    assert set(view.statement_keys) == {"ggd", "ziekenhuis", "thuiszorg"}
    assert view.publication == 2


def test_who_joins_waits_and_is_no_peer_until_then(
    coordinator: Any, publish: Callable[..., Any], approved: dict[str, Any], approve: Callable[..., Any]
) -> None:
    accepted = acceptance.accept(publish())
    coordinator.definition = with_copy(coordinator.definition, "huisartsen", "apotheek")
    identity = approve("apotheek")
    after = publish()
    found = acceptance.compare(accepted, after)
    assert found.applies == ()
    assert "(apotheek) joins" in texts(found.waits)
    assert identity.fingerprint in texts(found.waits)
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert set(view.definition.stations) == set(approved)
    assert "apotheek" not in view.statement_keys


def test_who_joins_would_be_a_peer_at_once_where_nothing_waited_for_acceptance(
    coordinator: Any,
    publish: Callable[..., Any],
    approved: dict[str, Any],
    approve: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The defence off. What a gateway does with a member that is no peer: tests/roles/test_gateway_attacks.py."""
    accepted = acceptance.accept(publish())
    coordinator.definition = with_copy(coordinator.definition, "huisartsen", "apotheek")
    approve("apotheek")
    monkeypatch.setattr(acceptance, "compare", lambda *_: acceptance.Comparison((), ()))
    view = acceptance.accepted_view(accepted, publish())
    assert view
    assert set(view.statement_keys) == {*approved, "apotheek"}
    peers = compiler.compile_network(view.definition).stations["ggd"].peers
    assert "apotheek" in {peer.organisation for peer in peers}


@pytest.mark.usefixtures("approved")
def test_who_leaves_is_gone_though_something_else_waits(coordinator: Any, publish: Callable[..., Any]) -> None:
    accepted = acceptance.accept(publish())
    after = publish(without(with_copy(coordinator.definition, "huisartsen", "apotheek"), "huisartsen"))
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert set(view.definition.stations) == {"ggd", "ziekenhuis", "thuiszorg"}
    compiler.compile_network(view.definition)


@pytest.mark.usefixtures("approved")
def test_a_computing_party_that_leaves_is_cut_and_the_threshold_stays(
    coordinator: Any, publish: Callable[..., Any]
) -> None:
    """Two computing parties with threshold 0 would each see everything: the definition keeps three, one of them cut."""
    accepted = acceptance.accept(publish())
    cards = coordinator.definition.organisations
    gateway = cards["thuiszorg"].gateway.model_copy(
        update={"name": "mesh.apotheek.example", "egress": ("192.0.2.9/32",)}
    )
    joined = cards["thuiszorg"].model_copy(update={"name": "Apotheek", "gateway": gateway})
    changed = coordinator.definition.model_copy(update={"organisations": {**cards, "apotheek": joined}})
    after = publish(without(changed, "thuiszorg", computing=("ggd", "ziekenhuis", "apotheek")))
    view = acceptance.accepted_view(accepted, after)
    assert view
    compiled = compiler.compile_network(view.definition)
    assert compiled.threshold == 1
    assert compiled.computing == ("ggd", "ziekenhuis", "thuiszorg")
    assert view.cut == {"thuiszorg"}
    told = compiler.station_view(compiled, "ggd", view.statement_keys, view.serials, view.parts)
    assert "proeftuin.thuiszorg" not in told["stations"]


@pytest.mark.usefixtures("approved")
def test_who_leaves_takes_the_sets_with_it_that_it_would_compute_in_and_a_new_set_waits(
    coordinator: Any, publish: Callable[..., Any]
) -> None:
    cards = coordinator.definition.organisations
    gateway = cards["thuiszorg"].gateway.model_copy(
        update={"name": "mesh.huisartsen.example", "egress": ("192.0.2.9/32",)}
    )
    sets = (("ggd", "ziekenhuis", "huisartsen"), ("ggd", "thuiszorg", "huisartsen"))
    computes = cards["huisartsen"].model_copy(update={"gateway": gateway, "egress": (), "operator": "itself"})
    before = coordinator.definition.model_copy(
        update={"organisations": {**cards, "huisartsen": computes}, "computing_alternates": sets[:1]}
    )
    accepted = acceptance.accept(publish(before))
    wider = publish(before.model_copy(update={"computing_alternates": sets}))
    assert "another set may compute and see results" in texts(acceptance.compare(accepted, wider).waits)
    view = acceptance.accepted_view(accepted, wider)
    assert view
    assert view.definition.computing_alternates == sets[:1]
    less = without(before, "huisartsen", computing_alternates=(), coordinator="ziekenhuis")  # of which one thing waits
    gone = acceptance.accepted_view(accepted, publish(less))
    assert gone
    assert (gone.definition.computing_alternates, "huisartsen" in gone.definition.organisations) == ((), False)


@pytest.mark.usefixtures("approved")
def test_a_set_that_was_accepted_stays_where_it_computes_first_from_now_on(
    coordinator: Any, publish: Callable[..., Any]
) -> None:
    """Else those who have not accepted that yet, and those who have, would have no set in common."""
    cards = coordinator.definition.organisations
    gateway = cards["thuiszorg"].gateway.model_copy(update={"name": "mesh.huisartsen.example"})
    computes = cards["huisartsen"].model_copy(update={"gateway": gateway, "egress": (), "operator": "itself"})
    first, second = coordinator.definition.computing, ("ggd", "ziekenhuis", "huisartsen")
    before = coordinator.definition.model_copy(
        update={"organisations": {**cards, "huisartsen": computes}, "computing_alternates": (second,)}
    )
    accepted = acceptance.accept(publish(before))
    turned = publish(before.model_copy(update={"computing": second, "computing_alternates": (first,)}))
    assert "huisartsen) becomes a computing party" in texts(acceptance.compare(accepted, turned).waits)
    view = acceptance.accepted_view(accepted, turned)
    assert view
    assert view.definition.sets == (first, second)


@pytest.mark.usefixtures("approved")
def test_another_image_under_the_same_release_waits_and_the_old_one_stays(publish: Callable[..., Any]) -> None:
    accepted = acceptance.accept(publish())
    after = publish(releases={"dev": release(image="1")})
    assert "release dev is not the one that was accepted" in texts(acceptance.compare(accepted, after).waits)
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert view.release
    assert verified.document(view.release) == RELEASES["dev"]


UPGRADING = {"upgrading_from": "dev", "upgrading_until": datetime.date(2026, 7, 1)}
BOTH = {"dev": release(), "1.0.0": release("1.0.0", image="1")}


@pytest.mark.usefixtures("approved")
def test_while_an_upgrade_goes_on_both_images_are_said_yes_to_and_that_it_ends_waits_for_nobody(
    publish: Callable[..., Any], coordinator: Any
) -> None:
    accepted = acceptance.accept(publish())
    moves = coordinator.definition.model_copy(update={"release": "1.0.0", **UPGRADING})
    both = publish(moves, BOTH)
    view = acceptance.accepted_view(accepted, both)
    assert view
    assert [one.release for one in view.releases] == ["dev"], "nobody said yes to the other one"
    accepted = acceptance.accept(both)
    assert [one.release for one in accepted.releases] == ["1.0.0", "dev"]
    assert acceptance.load(json.loads(json.dumps(accepted.document()))) == accepted
    assert accepted.parts["release"] == derived.parts(accepted.document())["release"]
    ended = publish(moves.model_copy(update={"upgrading_from": "", "upgrading_until": None}), BOTH)
    assert texts(acceptance.compare(accepted, ended).applies) == "no station may run release dev any more"
    view = acceptance.accepted_view(accepted, ended)
    assert view
    assert [one.release for one in view.releases] == ["1.0.0"]


@pytest.mark.usefixtures("approved")
def test_who_is_to_take_a_release_is_told_what_it_repairs_and_what_works_no_more(
    publish: Callable[..., Any], coordinator: Any
) -> None:
    """Once, with what waits for the yes: of the release that stations move to, and not of the one that they leave."""
    accepted = acceptance.accept(publish())
    breaking = {"affects": "a program of yours reads state/runs.json", "do": "have it read format 4"}
    notes = {"security_fixes": ["CVE-2026-0001: a peer could keep a session waiting"], "breaking": [breaking]}
    moves = coordinator.definition.model_copy(update={"release": "1.0.0", **UPGRADING})
    both = publish(moves, {**BOTH, "1.0.0": {**BOTH["1.0.0"], **notes}})
    told = [
        "release 1.0.0 repairs CVE-2026-0001: a peer could keep a session waiting",
        "release 1.0.0: this only affects you if a program of yours reads state/runs.json: have it read format 4",
    ]
    found = acceptance.compare(accepted, both)
    assert [one.text for one in found.waits][-2:] == told
    accepted = acceptance.accept(both)
    assert acceptance.compare(accepted, both) == acceptance.Comparison((), ())
    back = moves.model_copy(update={"release": "dev", "upgrading_from": "1.0.0"})
    waits = texts(acceptance.compare(accepted, publish(back, {**BOTH, "1.0.0": {**BOTH["1.0.0"], **notes}})).waits)
    assert "the release is dev instead of 1.0.0" in waits
    assert "repairs" not in waits


@pytest.mark.usefixtures("approved")
def test_another_image_under_the_name_of_the_earlier_release_waits(
    publish: Callable[..., Any], coordinator: Any
) -> None:
    accepted = acceptance.accept(publish())
    moves = coordinator.definition.model_copy(update={"release": "1.0.0", **UPGRADING})
    after = publish(moves, {**BOTH, "dev": release(image="2")})
    assert "release dev is not the one that was accepted" in texts(acceptance.compare(accepted, after).waits)


@pytest.mark.usefixtures("approved")
def test_a_publication_without_the_release_that_stations_come_from_is_refused(
    publish: Callable[..., Any], coordinator: Any
) -> None:
    moves = coordinator.definition.model_copy(update={"release": "1.0.0", **UPGRADING})
    with pytest.raises(errors.PublicationError, match="names release dev, which is not in releases/"):
        publish(moves, {"1.0.0": BOTH["1.0.0"]})


@pytest.mark.usefixtures("approved")
def test_a_release_that_the_accepted_one_took_the_place_of_is_a_warning_with_what_is_lost(
    publish: Callable[..., Any], coordinator: Any
) -> None:
    """It is signed by its holders, as it was when it was the newest."""
    newer = {**release("1.1.0", image="1"), "may_upgrade_from": ["1.0.0"], "security_fixes": ["CVE-2026-0001"]}
    releases = {"1.1.0": newer, "1.0.0": release("1.0.0", image="2")}
    runs = {name: coordinator.definition.model_copy(update={"release": name}) for name in releases}
    accepted = acceptance.accept(publish(runs["1.1.0"], releases))
    waits = texts(acceptance.compare(accepted, publish(runs["1.0.0"], releases)).waits)
    assert "WARNING: release 1.0.0 is older than 1.1.0, which repairs: CVE-2026-0001. Ring the" in waits
    forwards = acceptance.accept(publish(runs["1.0.0"], releases))
    assert "WARNING" not in texts(acceptance.compare(forwards, publish(runs["1.1.0"], releases)).waits)


def test_another_root_or_ca_waits_and_until_then_nothing_may_be_applied(
    coordinator: Any, publish: Callable[..., Any], tmp_path: Path, approved: dict[str, Any]
) -> None:
    accepted = acceptance.accept(publish())
    kept = vault.Vault("proeftuin", tmp_path / "other-vault")
    kept.make_passphrase()
    coordinator.vault, coordinator.records = kept, ledger.Records(tmp_path / "other-records")
    for number in range(1, 3):
        coordinator.records.append("publications", number=number, published="then", definition="some")
    other_root = publish()
    assert "WARNING: proeftuin has another root" in texts(acceptance.compare(accepted, other_root).waits)
    with pytest.raises(errors.AcceptanceError, match="werkplaats accept proeftuin --root"):
        acceptance.accepted_view(accepted, other_root)
    # By the same root, whose holders signed for another CA.
    after = dataclasses.replace(other_root, holders=accepted.holders, lineage=frozenset({accepted.root_fingerprint}))
    assert "WARNING: the CA of proeftuin has another key" in texts(acceptance.compare(accepted, after).waits)
    with pytest.raises(errors.AcceptanceError, match=r"werkplaats accept proeftuin$"):
        acceptance.accepted_view(accepted, after)
    assert approved


@pytest.mark.usefixtures("approved")
def test_an_older_publication_is_refused(coordinator: Any, publish: Callable[..., Any]) -> None:
    older = publish()
    newer = acceptance.accept(publish(without(coordinator.definition, "huisartsen")))
    with pytest.raises(errors.PublicationError, match="publication 1 is older than 2, which was accepted"):
        acceptance.compare(newer, older)


@pytest.mark.usefixtures("approved")
def test_the_digest_is_the_same_for_two_organisations_that_accepted_the_same(publish: Callable[..., Any]) -> None:
    first = acceptance.accept(publish())
    later = first.model_copy(update={"publication": 9})
    assert first.digest == later.digest
    assert first.document()["digest"] == first.digest


ORGANISATIONS = ("ggd", "ziekenhuis", "thuiszorg", "huisartsen", "apotheek")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_publication_ever_adds_a_peer_key_or_address_to_what_was_accepted(
    data: st.DataObject, coordinator: Any, approve: Callable[..., Any], publish: Callable[..., Any], new_keys: Any
) -> None:
    """Whatever a coordinator publishes, what may be applied without acceptance is never more than was accepted."""
    base = with_copy(coordinator.definition, "huisartsen", "apotheek")
    keys = {organisation: new_keys().statement_key for organisation in ORGANISATIONS}
    if not (coordinator.records.folder / "identities").exists():
        for organisation in coordinator.definition.stations:
            approve(organisation)
    published = publish()
    accepted = acceptance.accept(published)
    gone = data.draw(st.sets(st.sampled_from(("huisartsen", "apotheek"))))
    moved = data.draw(st.dictionaries(st.sampled_from(ORGANISATIONS), st.sampled_from(list(keys.values())), max_size=2))
    offered = without(base, *gone, release=data.draw(st.sampled_from(["dev", "1.0.0"])))
    if data.draw(st.booleans()):
        cards, gateway = dict(offered.organisations), offered.organisations["ggd"].gateway
        assert gateway
        cards["ggd"] = cards["ggd"].model_copy(update={"gateway": gateway.model_copy(update={"port": 9443})})
        offered = offered.model_copy(update={"organisations": cards})
    people = {
        name: one.model_copy(update={"statement_key": moved.get(name, one.statement_key)})
        for name, one in published.identities.items()
        if name in offered.stations
    }
    after = verified.Verified(
        **{
            **{field: getattr(published, field) for field in published.__dataclass_fields__},
            "number": published.number + 1,
            "definition": offered,
            "identities": people,
            "releases": {"dev": published.release, "1.0.0": published.release.model_copy(update={"release": "1.0.0"})},
        }
    )
    view = acceptance.accepted_view(accepted, after)
    assert view
    assert view.statement_keys.items() <= accepted.statement_keys.items()
    assert view.definition.stations.items() <= accepted.definition.stations.items()
    assert (view.definition.release, view.release) == (accepted.definition.release, accepted.release)
    assert not view.statement_keys.keys() & gone
    compiler.compile_network(view.definition)
