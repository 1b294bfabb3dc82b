"""Every incident is whole: code, prose in two languages in one form, commands that exist."""

from __future__ import annotations

import argparse
import re

import pytest

from runbooks.drills import causes, score
from runbooks.framework import found, prose
from runbooks.framework.incident import Incident
from tests.docs import documents
from werkplaats import cli

EVERY = found.every()
GIVEN = {"NETWORK": "gerda", "ORGANISATION": "ggd-nog", "FROM:TO": "ggd-nog:gelre", "VAN:NAAR": "ggd-nog:gelre"}


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return cli.parser()


@pytest.mark.parametrize("language", prose.HEADINGS)
@pytest.mark.parametrize("incident", EVERY, ids=lambda one: one.name)
def test_its_prose_is_in_the_form(incident: Incident, language: str) -> None:
    assert prose.problems(incident.prose(language), language, incident.title) == []


@pytest.mark.parametrize("language", prose.HEADINGS)
@pytest.mark.parametrize("incident", EVERY, ids=lambda one: one.name)
def test_every_command_that_its_prose_names_is_one(
    incident: Incident, language: str, parser: argparse.ArgumentParser
) -> None:
    commands = [one for one in prose.commands(incident.prose(language)) if one.startswith("werkplaats ")]
    assert any(f"incident run NETWORK {incident.name}" in one for one in commands)
    for command in commands:
        words = re.sub("|".join(GIVEN), lambda name: GIVEN[name[0]], command.replace('"…"', "why")).split()
        parser.parse_args(words[1:])


@pytest.mark.parametrize("incident", EVERY, ids=lambda one: one.name)
def test_its_prose_says_nothing_in_one_language_only(incident: Incident) -> None:
    commands = [
        [re.sub("VAN:NAAR", "FROM:TO", one) for one in prose.commands(incident.prose(language))]
        for language in prose.HEADINGS
    ]
    assert commands[0] == commands[1]


def test_a_text_that_is_not_in_the_form_is_told_of() -> None:
    text, title = EVERY[0].prose(), EVERY[0].title
    without = re.sub(r"(?s)## Mitigation.*?## Who", "## Mitigation\n\nWait and see what comes.\n\n## Who", text)
    loose = re.sub(r"(?m)^ {4}(?=werkplaats)", "", text, count=1)
    for broken in (text.replace("## Impact", "## Effect"), text.replace(title, "Else"), without, loose):
        assert prose.problems(broken, "en", title)


def test_the_guide_lists_every_incident_with_what_its_runbook_costs() -> None:
    rows = documents.table(documents.ROOT / "docs" / "incidents.md", "Incidents that there are runbooks for")
    wanted = [[f"`{one.name}`", one.title, one.interrupts or "nothing", one.loses or "nothing"] for one in EVERY]
    assert rows == wanted


def test_the_guide_lists_what_there_are_drills_of_and_what_points_cost() -> None:
    guide = documents.ROOT / "docs" / "incidents.md"
    rows = documents.table(guide, "Drills")
    hows = {name: [one.how for one in causes.CAUSES if one.incident == name] for name in causes.incidents()}
    assert rows == [[f"`{name}`", "; or ".join(how)] for name, how in hows.items()]
    *first, last = map(str, score.HINTS)
    assert f"Hints cost {', '.join(first)} and {last};" in guide.read_text()
    minutes = {what: most // 60 for what, (most, _) in score.LATE.items()}
    told = "detected after {detected} minutes, diagnosed after {diagnosed}, recovered after {recovered}."
    assert told.format_map(minutes) in guide.read_text()


def test_every_module_of_a_group_is_found_and_has_a_name_of_its_own() -> None:
    assert found.names() == [one.name for one in EVERY]
    assert len({*found.names()}) == len(EVERY)
