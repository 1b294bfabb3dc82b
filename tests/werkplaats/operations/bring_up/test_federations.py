"""What an `up` of a region makes of federations on its servers: what cannot be told now stays, what ended goes."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import Any, cast

import pytest

from base import errors
from publication import acceptance, publication
from publication.following import kept
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions, made_regions, regions, unfederated
from werkplaats.operations.bring_up import carried, federations, hand_over
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote

__all__ = ["made_regions", "regions", "unfederated"]

HERE, THERE = "ggd-twente", "mst"


class Servers:
    """Two servers of a region, each with what its operator accepted of the federation."""

    def __init__(self, accepted: acceptance.Accepted | None) -> None:
        self.accepted = json.dumps(accepted.document()) + "\n" if accepted else ""
        self.also: list[str] = []
        self.placed: dict[str, str] = {}

    def ask(self, _: str, *__: str) -> remote.Done:
        return remote.Done(self.accepted) if self.accepted else remote.Done("", "No such file or directory", 1)

    def ask_all(self, organisations: list[str], *command: str) -> dict[str, remote.Done]:
        if command[:2] == ("station", "questions"):
            return dict.fromkeys(organisations, remote.Done(json.dumps({"questions": []})))
        names = [TWENTE, *([NAME] if self.accepted else []), *self.also]
        return dict.fromkeys(organisations, remote.Done("".join(f"{one}.json\n" for one in names)))

    def replace(self, organisation: str, _: str, __: str | None, text: str, ___: str) -> None:
        self.placed[organisation] = text


def seen(regions: Regions, servers: Servers, said: list[str] | None = None) -> federations.Federations:
    network = networks.find(TWENTE, regions.home)
    say = (said if said is not None else []).append
    return federations.beside(network, cast("Any", servers), [HERE, THERE], say)


@pytest.fixture
def servers(regions: Regions) -> Servers:
    return Servers(acceptance.accept(federations.read(federation(regions))))


def federation(regions: Regions) -> networks.Federation:
    found = networks.look_at(NAME, regions.home)
    assert isinstance(found, networks.Federation)
    return found


def test_what_was_accepted_is_given_to_gateway_agent_and_firewall(regions: Regions, servers: Servers) -> None:
    said: list[str] = []
    found = seen(regions, servers, said)
    (made,) = found.entries(HERE)
    assert (made["network"], made["home"]) == (NAME, TWENTE)
    assert {row.counterpart for row in found.rows(HERE)} >= {"Deventer Ziekenhuis"}
    assert found.untold(HERE) == []
    assert (said, servers.placed) == ([], {})


def test_without_a_yes_nothing_is_brought_and_people_are_told_whose_it_is(regions: Regions) -> None:
    said: list[str] = []
    found = seen(regions, Servers(None), said)
    assert (found.entries(HERE), found.rows(HERE)) == ([], [])
    yes = f"{NAME}: {HERE}: waits for its operator's yes: werkplaats accept {NAME} --only {TWENTE}/{HERE}"
    assert yes in said
    assert found.told()[NAME][HERE] == [yes.removeprefix(f"{NAME}: {HERE}: ")]


QUESTION = f"""
analysis: hotspots/1
purpose: Where children are born far from help
parameters: {{areas: [7441-7443]}}
fields: {{postcode4: four digits of the postcode}}
contributes: [{TWENTE}/{HERE}, {TWENTE}/enschede, {SALLAND}/ggd-ijsselland]
results_to: [{TWENTE}/{HERE}]
minimum_cell: 10
minimum_contributors: 3
dpia_annex: 2026-09-20
term: {{until: 2029-03-01, at_most: monthly}}
"""


def test_a_plan_says_which_questions_of_it_would_be_brought_where(regions: Regions, servers: Servers) -> None:
    asked = regions.path.parent / "questions" / "geboortezorg.yml"
    asked.parent.mkdir(exist_ok=True)
    asked.write_text(QUESTION)
    found = seen(regions, servers).planned(cast("Any", servers))
    assert [line for line in found if "geboortezorg" in line] == [
        f"{NAME}: question geboortezorg is not published as it is defined here: werkplaats trust publish {NAME}",
        f"{NAME}: {HERE}: question geboortezorg is new, and waits for the steward",
    ]


def no_publication(regions: Regions) -> None:
    regions.place(NAME).unlink()


def a_member_not_fetched(regions: Regions) -> None:
    regions.place(SALLAND).unlink()


def the_definition_of_a_member_is_wrong(regions: Regions) -> None:
    (regions.home / "networks" / SALLAND / "network.yml").write_text("network: 1\n")


def a_member_that_is_nowhere_defined(regions: Regions) -> None:
    shutil.rmtree(regions.home / "networks" / SALLAND)


def its_definition_is_wrong(regions: Regions) -> None:
    regions.path.write_text("kind: supraregional\n")


def its_definition_is_gone(regions: Regions) -> None:
    shutil.rmtree(regions.path.parent)


@pytest.mark.parametrize(
    "change",
    [
        no_publication,
        a_member_not_fetched,
        the_definition_of_a_member_is_wrong,
        a_member_that_is_nowhere_defined,
        its_definition_is_wrong,
        its_definition_is_gone,
    ],
)
def test_what_cannot_be_told_now_stays_on_the_servers_and_is_said(
    regions: Regions, servers: Servers, change: Any
) -> None:
    """Gains: an empty folder, or a typing error in another region's file, takes a federation off every server."""
    change(regions)
    said: list[str] = []
    found = seen(regions, servers, said)
    assert found.entries(HERE) == []
    assert found.untold(HERE) == [NAME]
    assert f"{HERE}: keeps what it has of {NAME}" in said
    servers.also = ["elders"]
    assert seen(regions, servers).untold(HERE) == ["elders", NAME]


def left(regions: Regions) -> None:
    regions.consent(TWENTE, None)


def cut_off(regions: Regions) -> None:
    regions.trust("revoke", TWENTE, "--reason", "certificateHold", "--yes")


@pytest.mark.parametrize("change", [left, cut_off])
def test_a_region_that_is_none_of_it_any_more_closes_its_doors(regions: Regions, servers: Servers, change: Any) -> None:
    """Gains: the others' gateways stay trusted by lists that nobody renews, after the own region left."""
    change(regions)
    said: list[str] = []
    found = seen(regions, servers, said)
    assert (found.entries(HERE), found.rows(HERE)) == ([], [])
    assert found.untold(HERE) == [], "so its files go"
    assert any(f"{TWENTE} takes no part in {NAME} now" in one for one in said)


def test_a_document_without_the_own_organisation_stops_nothing(regions: Regions, servers: Servers) -> None:
    """Gains: who has root on one server ends the run for all others by what it says was accepted there."""
    accepted = acceptance.accept(federations.read(federation(regions)))
    without = {slug: one for slug, one in accepted.definition.organisations.items() if slug != f"{TWENTE}/{THERE}"}
    smaller = accepted.definition.model_copy(update={"organisations": without})
    keys = {slug: key for slug, key in accepted.statement_keys.items() if slug in without}
    servers.accepted = json.dumps(
        accepted.model_copy(update={"definition": smaller, "statement_keys": keys}).document()
    )
    found = seen(regions, servers)
    assert (found.entries(THERE), found.rows(THERE)) == ([], [])


def test_two_federations_that_know_a_region_by_two_roots_are_not_both_brought(regions: Regions) -> None:
    published = federations.read(federation(regions))
    first = federations.Beside(federation(regions), published, hand_over.Applicable(views={HERE: cast("Any", None)}))
    roots = {**published.definition.roots, SALLAND: f"sha256:{64 * '0'}"}
    other = dataclasses.replace(
        first,
        published=dataclasses.replace(published, definition=published.definition.model_copy(update={"roots": roots})),
    )
    with pytest.raises(errors.PublicationError, match=f"it knows {SALLAND} by root sha256:0+, and {NAME} by sha256:"):
        federations._require_one_truth(other, [first])
    federations._require_one_truth(first, [first])


def test_the_memory_begins_where_servers_accepted_the_root_and_goes_back_to_nothing_older(
    regions: Regions, servers: Servers
) -> None:
    place = regions.place(NAME)
    older = shutil.copytree(place.resolve(), regions.folder / "older")
    kept = regions.folder / "elsewhere" / "werkplaats" / NAME / networks.TRUSTED
    assert not kept.exists()
    seen(regions, servers)
    assert kept.exists()
    regions.definition["title"] = "A title that asks nobody's yes"
    regions.write()
    regions.trust("publish")
    seen(regions, servers)
    place.unlink()
    place.symlink_to(older)
    said: list[str] = []
    seen(regions, servers, said)
    assert "is of an older publication than was read before" in said[0]


def test_a_server_in_a_federation_is_brought_what_it_and_its_other_members_publish(
    regions: Regions, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it its follower begins: of which root all that comes later is, people said here."""
    brought: list[tuple[str, list[str]]] = []

    def bring(name: str, _: object, organisations: list[str], taken: publication.Read[Any]) -> dict[str, str]:
        brought.append((name, organisations))
        known = kept.known({one: text.encode() for one, text in kept.laid(taken.following, taken.files).items()})
        assert known is not None
        return {THERE: "it went away"} if name == NAME else {}

    monkeypatch.setattr(carried, "bring", bring)
    found = seen(regions, servers)
    assert found.bring(cast("Any", servers), [HERE, THERE]) == {THERE: "it went away"}
    assert brought == [(NAME, [HERE, THERE]), (f"{NAME}/{SALLAND}", [HERE, THERE])]
    brought.clear()
    seen(regions, Servers(None)).bring(cast("Any", servers), [HERE])
    assert {name for name, organisations in brought if organisations} == set(), "nobody is in it there"


def test_of_a_federation_whose_root_nobody_said_yes_to_nothing_is_brought(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carried, "bring", lambda *given: pytest.fail(str(given)))
    seen(regions, Servers(None)).bring(cast("Any", None), [HERE])
