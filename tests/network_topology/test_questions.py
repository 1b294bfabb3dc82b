"""Agreed questions: every broken file gives exactly the messages beside it, a sound one is what stations are told."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from network_topology import check, context, load, model, questions, violation
from network_topology.compiling import compile as compiler
from network_topology.rules import questions as rules
from station_image.runtime.accepted import delivered
from tests.network_topology.definitions import REGIONAL

HERE = Path(__file__).parent
BROKEN = HERE / "broken_questions"
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
SOUND = HERE / "sound-question.yml"
NETWORKS = Path(load.__file__).with_name("networks")
TODAY = datetime.date(2026, 6, 1)


def fields_of(analysis: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Stands for the analyses of the station image, which the topology does not know."""
    if analysis != "hotspots/1":
        raise ValueError(f"this release has no analysis {analysis!r}")
    if parameters.get("areas") == ["everywhere"]:
        raise ValueError("areas: each is a postcode of four digits")
    return ("postcode4",)


KNOWN = context.Context(TODAY, {"noord-en-oost-gelderland": "GGD"}, {"dev": frozenset({2})}, fields_of)


def definition() -> model.Definition:
    """The sound network, with two more whose agreement does not hold: one is over, one is still to come."""
    found = load.read(HERE / "sound.yml")
    card = found.organisations["huisartsen"]
    assert card.agreement is not None
    over = card.agreement.model_copy(update={"until": datetime.date(2026, 5, 31)})
    later = card.agreement.model_copy(update={"signed": datetime.date(2026, 6, 2)})
    more = {
        "verlopen": card.model_copy(update={"name": "Verlopen", "agreement": over}),
        "later": card.model_copy(update={"name": "Later", "agreement": later}),
    }
    return found.model_copy(update={"organisations": {**found.organisations, **more}})


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_broken_question_gives_the_messages_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    asked, violations = questions.file(path, definition(), KNOWN)
    assert "".join(f"{one}\n" for one in violations) == path.with_suffix(".txt").read_text("utf-8")
    assert violations, "a file in this folder breaks something"
    assert (asked is None) == any(one.severity == "error" for one in violations)


def test_every_rule_has_a_broken_question_in_a_folder_of_its_name() -> None:
    for rule in rules.TABLE:
        files = [path for path in FILES if path.parts[0] == rule.name]
        assert files, f"no folder is named after {rule.name}"
        for path in files:
            _, violations = questions.file(BROKEN / path, definition(), KNOWN)
            assert rule.name in {one.rule for one in violations}


def test_the_question_that_the_broken_ones_come_from_is_sound() -> None:
    asked, violations = questions.file(SOUND, definition(), KNOWN)
    assert asked is not None
    assert violations == []


@pytest.fixture
def asked() -> model.Question:
    found, _ = questions.file(SOUND, definition(), KNOWN)
    assert found is not None
    return found


def told(asked: model.Question, network: model.Definition, **keys: str) -> dict[str, Any]:
    digests = {slug: f"key of {slug}" for slug in network.stations} | keys
    return questions.document("griep", asked, network, compiler.compile_network(network), digests)


def test_a_question_says_who_takes_part_by_station_and_nobody_else(asked: model.Question) -> None:
    document = told(asked, definition())
    people = {f"proefdorp.{slug}" for slug in ("ggd", "ziekenhuis", "thuiszorg", "huisartsen")}
    assert set(document["operators"]) == set(document["statement_keys"]) == set(document["agreements"]) == people
    assert document["contributors"] == sorted(people)
    assert document["computing"] == ["proefdorp.ggd", "proefdorp.ziekenhuis", "proefdorp.thuiszorg"]
    assert (document["until"], document["at_most"]) == ("2027-03-01", "daily")
    assert delivered.wrong(document) == "", "a station leaves out what is none"


def test_who_joins_elsewhere_makes_it_no_other_question(asked: model.Question) -> None:
    whole = definition()
    fewer = {slug: card for slug, card in whole.organisations.items() if slug not in ("verlopen", "later", "ggz")}
    smaller = whole.model_copy(update={"organisations": fewer})
    assert told(asked, whole) == told(asked, smaller)


@pytest.mark.parametrize("changed", ["operator", "key"])
def test_another_operator_or_key_makes_it_another_question(asked: model.Question, changed: str) -> None:
    before, network = definition(), definition()
    keys = {"huisartsen": "another key"} if changed == "key" else {}
    if changed == "operator":
        card = network.organisations["huisartsen"].model_copy(update={"operator": "ggd"})
        network = network.model_copy(update={"organisations": {**network.organisations, "huisartsen": card}})
    assert told(asked, before) != told(asked, network, **keys)


def test_a_question_waits_for_everybody_s_certificate(asked: model.Question) -> None:
    network = definition()
    with pytest.raises(LookupError, match="huisartsen"):
        questions.document("griep", asked, network, compiler.compile_network(network), {"ggd": "", "ziekenhuis": ""})


def test_a_question_that_travelled_is_the_same_and_is_looked_at_again(asked: model.Question) -> None:
    travelled = model.Question.model_validate_json(asked.model_dump_json())
    assert told(travelled, definition()) == told(asked, definition())
    questions.require("griep", travelled, definition())
    worse = travelled.model_copy(update={"minimum_cell": 2})
    with pytest.raises(violation.DefinitionError, match="totals of 2 and more"):
        questions.require("griep", worse, definition())
    hidden = travelled.model_copy(update={"purpose": "Where \x1b[2J it rises"})
    with pytest.raises(violation.DefinitionError, match=r"holds the character U\+001B"):
        questions.require("griep", hidden, definition())


def test_an_error_in_one_question_stops_neither_the_network_nor_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "proefdorp"
    (folder / "questions").mkdir(parents=True)
    (folder / "network.yml").write_text((HERE / "sound.yml").read_text())
    (folder / "questions" / "goed.yml").write_text(SOUND.read_text())
    (folder / "questions" / "fout.yml").write_text(SOUND.read_text().replace("minimum_cell: 10", "minimum_cell: 1"))
    outcome = check.network("proefdorp", tmp_path, KNOWN)
    assert outcome.definition is not None
    assert list(outcome.questions) == ["goed"]
    assert [one.path.name for one in outcome.errors] == ["fout.yml"]
    assert list(check.network("proefdorp.sandbox", tmp_path, KNOWN).questions) == ["goed"]


@pytest.mark.parametrize("name", ["griep.yaml", "gr\x1b[2Jiep.yml"])
def test_a_file_that_is_no_question_is_named_and_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / name).write_text(SOUND.read_text())
    found = questions.check(definition(), tmp_path / "network.yml", KNOWN)
    assert not found.questions
    (one,) = found.violations
    assert str(one).isprintable()
    assert repr(name) in str(one)


@pytest.mark.parametrize("name", REGIONAL)
def test_a_question_of_an_example_network_is_sound(name: str) -> None:
    path = load.path_of(name, NETWORKS)
    outcome = check.network(name, NETWORKS, context.shipped(datetime.date(2026, 11, 1)))
    assert set(outcome.questions) == {one.stem for one in (path.parent / "questions").glob("*.yml")}
