"""Every broken federation gives exactly the messages of the text file beside it, as for regional networks."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from network_topology import check, load
from network_topology.compiling import compile as regional
from network_topology.federations import compile, rules
from network_topology.federations.joined import joined
from network_topology.federations.model import Federation, Member
from network_topology.violation import DefinitionError, KindError
from tests.network_topology.test_broken import KNOWN as REGIONAL

HERE = Path(__file__).parent
BROKEN, NETWORKS = HERE / "broken", HERE / "networks"
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
KNOWN = dataclasses.replace(
    REGIONAL,
    regions={"twente": "Twente", "zeeland": "Zeeland", "groningen": "Groningen", "utrecht": "Utrecht"},
    releases={**REGIONAL.releases, "0.9.0": frozenset({1}), "1.9.0": frozenset({2, 3}), "2.0.0": frozenset({3})},
)
MODEL = {"kind", "missing", "shape", "twin", "unknown"}


def sound() -> Federation:
    found = load.read_what_can_be(HERE / "sound.yml").definition
    assert isinstance(found, Federation)
    return found


def checked(path: Path) -> check.Outcome:
    return check.file(path, KNOWN, networks=NETWORKS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_broken_federation_gives_the_messages_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    outcome = checked(path)
    assert "".join(f"{violation}\n" for violation in outcome.violations) == path.with_suffix(".txt").read_text("utf-8")
    assert outcome.violations, "a file in this folder breaks something"
    assert (outcome.federation is None) == bool(outcome.errors)
    assert outcome.definition is None


def test_every_rule_has_a_broken_file_that_is_named_after_it() -> None:
    found = {path: {one.rule for one in checked(BROKEN / path).violations} for path in FILES}
    assert set().union(*found.values()) == {rule.name for rule in rules.TABLE} | MODEL
    for rule in rules.TABLE:
        files = [path for path in FILES if path.parts[0].split(".")[0] == rule.name]
        assert files, f"no broken file is named after {rule.name}"
        assert all(rule.name in found[path] for path in files)


def test_the_file_that_the_broken_ones_come_from_is_sound() -> None:
    outcome = checked(HERE / "sound.yml")
    assert outcome.violations == ()
    assert outcome.federation is not None
    assert [*outcome.federation.members] == ["oost", "west", "noord"]


def test_every_rule_reads_fields_that_exist() -> None:
    fields = {*Federation.model_fields, *Member.model_fields}
    for rule in rules.TABLE:
        assert rule.reads, rule.name
        assert rule.reads <= fields, rule.name


def test_the_members_of_a_federation_lie_beside_it() -> None:
    outcome = check.network("kring", NETWORKS, KNOWN)
    assert outcome.violations == ()
    assert outcome.federation is not None
    assert outcome.federation.name("oost/ggd") == "GGD Oost"


QUESTION = """
analysis: hotspots/1
purpose: Where influenza rises over the border
parameters: {areas: [7001-7003], population: {"7001": 2900, "7002": 1800, "7003": 3400}}
fields: {postcode4: four digits of the postcode where the patient lives}
contributes: [oost/ggd, west/ggd, west/ziekenhuis]
results_to: [oost/ggd]
minimum_cell: 10
minimum_contributors: 3
dpia_annex: 2026-03-01
term: {until: 2029-03-01, at_most: unlimited}
"""


def test_a_question_of_a_federation_is_put_to_organisations_of_its_members(tmp_path: Path) -> None:
    shutil.copytree(NETWORKS, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "kring" / "questions"
    folder.mkdir()
    path = folder / "griep.yml"
    path.write_text(QUESTION)
    outcome = check.network("kring", tmp_path, KNOWN)
    assert outcome.violations == ()
    assert outcome.questions["griep"].contributes == ("oost/ggd", "west/ggd", "west/ziekenhuis")
    assert check.path(path, KNOWN).questions == outcome.questions
    twin = check.network("kring.sandbox", tmp_path, KNOWN)
    assert twin.questions["griep"].contributes == ("oost.sandbox/ggd", "west.sandbox/ggd", "west.sandbox/ziekenhuis")
    assert twin.questions["griep"].results_to == ("oost.sandbox/ggd",)

    path.write_text(QUESTION.replace("west/ggd", "ggd").replace("west/ziekenhuis", "noord/ggz"))
    outcome = check.network("kring", tmp_path, KNOWN)
    assert [one.text.partition(",")[0] for one in outcome.violations] == [
        "'ggd' is to contribute", "'noord/ggz' is to contribute"
    ]  # fmt: skip
    assert outcome.questions == {}
    assert outcome.federation is not None, "the federation itself is right"


def test_the_twin_of_a_federation_is_one_of_the_twins_of_its_members() -> None:
    found = check.network("kring.sandbox", NETWORKS, KNOWN).federation
    own = check.network("kring", NETWORKS, KNOWN).federation
    assert found is not None
    assert own is not None
    federation = found.federation
    assert federation.network == "kring.sandbox"
    assert {*federation.members} == {*found.members} == {f"{slug}.sandbox" for slug in own.members}
    moved = [one.replace("/", ".sandbox/") for one in own.federation.computing]
    assert [*federation.computing] == moved
    rules.require(federation, found.members)
    network = regional.compile_network(joined(found))
    stations = compile.compile_federation(own).stations.values()
    assert [one.id for one in network.stations.values()] == [one.id.replace(".", ".sandbox.", 1) for one in stations]
    assert {one.gateway.name for one in network.stations.values() if one.gateway} == {
        one.dns for one in network.stations.values() if one.gateway
    }


def test_who_asks_for_a_regional_network_is_not_given_a_federation() -> None:
    with pytest.raises(KindError, match="kring is a supraregional network") as told:
        load.find("kring", NETWORKS)
    (one,) = told.value.violations
    assert (one.path.parent.name, one.line, one.rule) == ("kring", 3, "kind")
    assert "name one of its members: oost, west, noord" in one.remedy


@pytest.mark.parametrize(
    ("computing", "why"),
    [
        (("oost/ggd", "west/apotheek", "noord/thuiszorg"), "'west/apotheek' does not take part"),
        (("oost/thuiszorg", "west/thuiszorg", "noord/ziekenhuis"), "west/rekenhuis have one slug and so count as one"),
        (("oost/ggd", "west/ggz", "noord/thuiszorg"), "computing party 'west/ggz' has no gateway"),
    ],
)
def test_nothing_is_compiled_of_a_federation_that_its_members_definitions_refuse(
    computing: tuple[str, ...], why: str
) -> None:
    resolved = checked(HERE / "sound.yml").federation
    assert resolved is not None
    rules.require(sound(), resolved.members)
    broken = sound().model_copy(update={"computing": computing})
    with pytest.raises(DefinitionError, match=why):
        compile.compile_federation(dataclasses.replace(resolved, federation=broken))


def test_nothing_is_compiled_of_a_member_that_is_not_known() -> None:
    with pytest.raises(DefinitionError, match="member 'oost': no network of that name is defined here"):
        rules.require(sound(), {})


def test_computing_parties_are_wanted_only_from_members_that_can_be_reached() -> None:
    """A member of which nobody who takes part has a gateway puts in data, and cannot compute."""
    members = sound().members
    callers = members["noord"].model_copy(update={"organisations": ("huisartsen", "ggz")})
    known = dataclasses.replace(KNOWN, networks={slug: load.find(slug, NETWORKS) for slug in members})
    computing = ("oost/ggd", "west/ziekenhuis", "west/thuiszorg")
    changed = sound().model_copy(update={"members": {**members, "noord": callers}, "computing": computing})
    assert rules.check(changed, known) == []


def test_an_operator_of_several_regions_counts_once_by_its_name_or_by_the_slug_of_a_processor() -> None:
    resolved = checked(HERE / "sound.yml").federation
    assert resolved is not None
    assert resolved.operated_by["oost/thuiszorg"] == resolved.operated_by["west/thuiszorg"], "one processor, two names"
    assert resolved.operated_by["oost/ggd"] != resolved.operated_by["west/ggd"], "one slug, two organisations"
    west = resolved.members["west"]
    card = west.organisations["ggd"].model_copy(update={"name": "\uff47\uff47\uff44  OOST"})
    renamed = west.model_copy(update={"organisations": {**west.organisations, "ggd": card}})
    again = dataclasses.replace(resolved, members={**resolved.members, "west": renamed})
    assert again.operated_by["oost/ggd"] == again.operated_by["west/ggd"]
