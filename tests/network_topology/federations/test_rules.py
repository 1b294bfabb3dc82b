"""Every broken federation gives exactly the messages of the text file beside it, as for regional networks."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from network_topology import check, load
from network_topology.federations import compile, rules
from network_topology.federations.model import Federation, Member
from network_topology.violation import DefinitionError, KindError
from tests.network_topology.test_broken import KNOWN as REGIONAL

HERE = Path(__file__).parent
BROKEN, NETWORKS = HERE / "broken", HERE / "networks"
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
KNOWN = dataclasses.replace(
    REGIONAL,
    regions={"twente": "Twente", "zeeland": "Zeeland", "groningen": "Groningen", "utrecht": "Utrecht"},
    releases={**REGIONAL.releases, "0.9.0": frozenset({1})},
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


def test_questions_beside_a_federation_are_one_violation_however_many_there_are(tmp_path: Path) -> None:
    shutil.copytree(NETWORKS, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "kring" / "questions"
    folder.mkdir()
    assert check.network("kring", tmp_path, KNOWN).violations == ()
    for name in ("one", "two"):
        (folder / f"{name}.yml").write_text("analysis: hotspots/1\n")
    for outcome in (check.network("kring", tmp_path, KNOWN), check.path(folder / "one.yml", KNOWN)):
        (one,) = outcome.violations
        assert str(one).startswith(f"{folder} error: questions lie beside a federation")
    assert check.network("kring", tmp_path, KNOWN).federation is not None, "the federation itself is right"


def test_a_federation_has_no_twin_and_its_members_have() -> None:
    (one,) = check.network("kring.sandbox", NETWORKS, KNOWN).violations
    assert one.rule == "twin"
    assert "oost.sandbox, west.sandbox, noord.sandbox" in one.remedy


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
