"""What a federation's definition says of its members is held to what each publishes, by the command that people run."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from base import canonical, errors
from publication import publication
from publication.whole import Consent
from tests.publication.published import RELEASES
from tests.werkplaats.regions import NAME, SALLAND, TWENTE, Regions, made_regions, regions, unfederated
from werkplaats import cli
from werkplaats.operations.coordinator import publish as publishing

__all__ = ["made_regions", "regions", "unfederated"]

OTHER = f"sha256:{'2' * 64}"


def status(capsys: pytest.CaptureFixture[str], *words: str, expect: int) -> str:
    code = cli.main(["status", NAME, *words])
    told = capsys.readouterr()
    assert code == expect, told
    return told.out


def wrong(capsys: pytest.CaptureFixture[str], expect: int = errors.FOUND) -> dict[str, list[str]]:
    """Member → what is wrong with it."""
    said = json.loads(status(capsys, "--json", expect=expect))
    return {one["network"]: one["wrong"] for one in said if one["network"] != NAME}


def test_members_that_said_yes_are_good(regions: Regions, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = status(capsys, expect=errors.DONE)
    assert f"{NAME}: good: publication 2 of 20" in told
    assert f"{SALLAND}: good: publication 2 of 20" in told
    assert told.count("its CA is certified until 20") == 2
    assert f"takes part with {', '.join(regions.named(TWENTE))}" in told
    assert wrong(capsys, errors.DONE) == {SALLAND: [], TWENTE: []}
    assert not (tmp_path / "elsewhere").exists(), "looking makes nothing"


def another_root(regions: Regions) -> None:
    """Who keeps the federation's definition names the root of somebody who poses as the region."""
    regions.definition["members"][SALLAND]["root"] = OTHER
    regions.write()


def another_definition(regions: Regions) -> None:
    path = regions.home / "networks" / SALLAND / "network.yml"
    document = yaml.safe_load(path.read_text())
    document["title"] = "An earlier one"
    path.write_text(yaml.safe_dump(document))


def nobody_said_yes(regions: Regions) -> None:
    regions.consent(SALLAND, None)


def with_fewer(regions: Regions) -> None:
    regions.consent(SALLAND, Consent(root=regions.root, organisations=regions.named(SALLAND)[1:]))


def not_fetched(regions: Regions) -> None:
    regions.place(SALLAND).unlink()


def changed_on_the_way(regions: Regions) -> None:
    (newest,) = regions.place(SALLAND).resolve().glob("targets/*.definition.json")
    newest.write_text(newest.read_text().replace("IJsselland", "Ijsselland"))


WRONG: dict[str, tuple[Any, str]] = {
    "another root": (another_root, f"than the definition names, {OTHER}; have one of its root holders read it to you"),
    "another definition": (another_definition, "is not the one that it publishes: put that of publication 2 here"),
    "nobody said yes": (nobody_said_yes, f"did not say yes to {NAME}: werkplaats trust root federate {SALLAND}"),
    "with fewer": (with_fewer, "its root holders did not say yes to deventer-ziekenhuis, which the federation names"),
    "not fetched": (not_fetched, "its publication is not here: fetch it into "),
    "changed on the way": (changed_on_the_way, "is not the file that was published: its digest differs"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_member_of_which_something_else_is_defined_is_named_with_what_to_do(
    regions: Regions, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    change, said = WRONG[what]
    change(regions)
    found = wrong(capsys)
    assert found[TWENTE] == []
    assert [said in one for one in found[SALLAND]] == [True], found[SALLAND]
    assert f"{SALLAND}: NOT GOOD" in status(capsys, expect=errors.FOUND)


def test_an_organisation_without_a_certificate_is_named(regions: Regions, capsys: pytest.CaptureFixture[str]) -> None:
    regions.definition["members"][SALLAND]["organisations"].append("carinova")
    regions.write()
    regions.consent(SALLAND, Consent(root=regions.root, organisations=regions.named(SALLAND)))
    assert wrong(capsys)[SALLAND] == ["no certificate is published of carinova: its coordinator approves what they ask"]


def test_members_that_said_yes_to_two_roots_are_told_apart(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of them was read the root of somebody who poses as the federation, of which nothing is published here."""
    regions.place(NAME).unlink()
    regions.consent(TWENTE, Consent(root=OTHER, organisations=regions.named(TWENTE)))
    assert wrong(capsys) == {
        SALLAND: [f"other members said yes to another root than {regions.root}"],
        TWENTE: [f"other members said yes to another root than {OTHER}"],
    }
    assert f"{NAME}: NOT GOOD: not read\n  its publication is not here" in status(capsys, expect=errors.FOUND)


def test_who_said_yes_to_another_root_than_the_federation_s_is_named(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    regions.consent(TWENTE, Consent(root=OTHER, organisations=regions.named(TWENTE)))
    (told,) = wrong(capsys)[TWENTE]
    assert f"its root holders said yes to root {OTHER}, which is not that of {NAME}" in told


def test_a_member_that_the_federation_did_not_certify_is_named(
    unfederated: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    unfederated.yes(SALLAND)
    told = f"{NAME} did not certify its CA-1: its coordinator runs werkplaats trust publish {NAME}"
    assert wrong(capsys)[SALLAND] == [told]


def test_a_definition_of_the_federation_that_is_not_the_published_one_is_named(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    regions.definition["title"] = "An earlier one"
    regions.write()
    own = json.loads(status(capsys, "--json", expect=errors.FOUND))[0]
    assert (own["network"], own["good"]) == (NAME, False)
    assert own["wrong"] == ["its definition here is not the one that it publishes: put that of publication 2 here"]


def test_what_root_holders_changed_among_themselves_is_the_same_root_still(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    own = regions.own[SALLAND]
    before = publication.read(regions.place(SALLAND), SALLAND).root
    for number in (1, 2):
        (own.vault.folder / f"root-{number}.key").rename(own.vault.folder / f"root-{number + 2}.key")
    held = own.roles
    fresh = tuple(held._made(f"root-{number}.key") for number in (1, 2))
    held.ask(dataclasses.replace(held.wanted(), root=fresh), canonical.now())
    held.settle()
    publishing.publish(regions.place(SALLAND), own.definition, RELEASES, own.authority)
    assert publication.read(regions.place(SALLAND), SALLAND).root != before
    assert wrong(capsys, errors.DONE)[SALLAND] == []


@pytest.mark.usefixtures("regions")
def test_a_federation_has_no_calendar_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", NAME, "--calendar"]) == errors.WRONG_USE
    assert f"{NAME} has no calendar of its own" in capsys.readouterr().err


def test_a_region_of_another_vendor_release_and_data_is_refused_with_all_reasons_wherever_it_is_met(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    """A member whose definition changed later: by `check`, by `status`, and before anything more is certified."""
    path = regions.home / "networks" / SALLAND / "network.yml"
    document = yaml.safe_load(path.read_text())
    path.write_text(
        yaml.safe_dump({**document, "technique": "mpc/vreemd", "release": "vreemd-7.1", "personal_data": False})
    )
    before = regions.read()
    told = []
    for words in (["check", NAME], ["status", NAME]):
        assert cli.main(words) == errors.FOUND
        said = capsys.readouterr()
        told.append(said.out + said.err)
    told.append(regions.trust("publish", expect=errors.FOUND))
    for text in told:
        about = text.replace("\n", " ")
        assert f"member {SALLAND!r}: it computes by 'mpc/vreemd', which is secret sharing in another vendor's" in about
        assert "have the region move to the technique of the federation, or take it out" in about
        assert f"member {SALLAND!r}: of its release 'vreemd-7.1' nobody knows here" in about
        assert "have it move to one of: dev" in about
        assert f"member {SALLAND!r}: it uses no data on persons" in about
        assert "or write `personal_data: false` here" in about
    assert regions.read().number == before.number


def test_a_region_that_publishes_another_release_and_other_data_is_named_with_both_and_is_certified_no_more(
    unfederated: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody's definition of it is another one here; what it publishes itself is."""
    for name in (SALLAND, TWENTE):
        unfederated.yes(name)
    own = unfederated.own[SALLAND]
    moved = own.definition.model_copy(update={"personal_data": False, "release": "0.9.0"})
    older = {"0.9.0": {**RELEASES["dev"], "release": "0.9.0", "protocols": [1]}}
    publishing.publish(unfederated.place(SALLAND), moved, older, own.authority)
    reasons = [
        "its release '0.9.0' speaks session protocol 1, and 1 of 2 members speak 2, but stations compute together "
        "where their session protocols meet: have it move to a release that speaks 2",
        "it uses no data on persons, but this federation may use data on persons: have the region assess that and "
        "change its definition, or write `personal_data: false` here",
    ]
    told = unfederated.trust("publish")
    assert all(f"{SALLAND}: waits: {one}" in told for one in reasons), told
    assert unfederated.read().crossed.keys() == {TWENTE}
    found = wrong(capsys)
    assert found[TWENTE] == []
    assert [one for one in found[SALLAND] if one in reasons] == reasons


def test_until_when_members_meet_follows_from_what_they_publish(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    """One moves to a release that the others do not speak with: until its last day all is good, and that day is said.

    Neither has a release by which it could be told from its name: nobody here describes them.
    """
    own = regions.own[SALLAND]
    upgrading = {"release": "2.0.0", "upgrading_from": "dev", "upgrading_until": datetime.date(2099, 2, 1)}
    moves = own.definition.model_copy(update=upgrading)
    newer = {**RELEASES["dev"], "release": "2.0.0", "protocols": [3], "image_id": f"sha256:{'7' * 64}"}
    publishing.publish(regions.place(SALLAND), moves, {**RELEASES, "2.0.0": newer}, own.authority)
    found = {one["network"]: one for one in json.loads(status(capsys, "--json", expect=errors.FOUND))}
    sentence = (
        f"it computes with {TWENTE} until 2099-02-01: release 2.0.0 speaks session protocol 3, but that is the last "
        "day on which its stations may run the release before: have the others move before that day, or this one later"
    )
    assert found[SALLAND]["until"] == [sentence]
    assert found[TWENTE]["until"] == []
    assert not any("session protocol" in one for one in found[SALLAND]["wrong"]), "they meet now"
    assert f"  soon: {sentence}" in status(capsys, expect=errors.FOUND)
    ended = moves.model_copy(update={"upgrading_from": "", "upgrading_until": None})
    publishing.publish(regions.place(SALLAND), ended, {"2.0.0": newer}, own.authority)
    (reason,) = wrong(capsys)[TWENTE]
    assert "its release 'dev' speaks session protocol 2, and 1 of 2 members speak 3" in reason
