"""Inhabitants as CBS gives them, named by a question and delivered beside it: read once, the same for everybody."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from base import canonical
from network_topology import model, questions, tables, violation
from station_image.runtime import analyses
from tests.network_topology import cbs
from tests.network_topology.test_questions import KNOWN, SOUND, definition

NAME, YEAR = "cbs-pc4-2025", 2025
SMALL = {"7001": 2900, "7002": cbs.SECRET, "7003": 0, "7004": 1200}
FORMS = {
    "key figures": cbs.key_figures(SMALL),
    "key figures with semicolons": cbs.key_figures(SMALL, ";"),
    "geographic": cbs.geographic(SMALL),
    "workbook": cbs.workbook(SMALL),
    "statline": cbs.statline(SMALL, YEAR),
    "two columns": "postcode4;aantal_inwoners\n7001;2 900\n7002;-99997\n7003;0\n7004;1200\n",
}


def put(folder: Path, text: str | bytes, name: str = f"{NAME}.csv") -> Path:
    place = folder / tables.FOLDER
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_cbs_gives_the_same_table(tmp_path: Path, form: str) -> None:
    found, violations = tables.read(put(tmp_path, FORMS[form]))
    assert violations == []
    assert found == {NAME: tables.Table(NAME, {"7001": 2900, "7004": 1200}, unknown=1, empty=1)}


WRONG: dict[str, tuple[str | bytes, str]] = {
    "no header": ("7001;2900\n", "no line names a column of postcodes and one of inhabitants"),
    "empty": ("", "it is empty, or larger"),
    "another encoding": ("postcode4;aantal_inwoners\n7001;\xe9\n".encode("cp1252"), "not UTF-8"),
    "a word": ("postcode4;aantal_inwoners\n7001;veel\n", "line 2: the inhabitants are no whole number"),
    "another negative number": ("postcode4;aantal_inwoners\n7001;-5\n", "line 2: -5 inhabitants"),
    "too many": ("postcode4;aantal_inwoners\n7001;9000000\n", "line 2: 9000000 inhabitants"),
    "twice": ("postcode4;aantal_inwoners\n7001;5\n7001;5\n", "line 3: area 7001 stands there twice"),
    "nobody known": ("postcode4;aantal_inwoners\n7001;-99997\n", "it has 1 areas of 2025, or none with inhabitants"),
    "another year": (cbs.statline(SMALL, 2024), "it has 0 areas of 2025"),
    "another second column": ("Postcode-4;Woningen\n7001;5\n", "its second column is not headed Totaal or Inwoners"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_table_that_is_not_cbs_is_told_with_its_line_and_the_way_out(tmp_path: Path, mistake: str) -> None:
    text, sentence = WRONG[mistake]
    found, [wrong] = tables.read(put(tmp_path, text))
    assert found == {}
    assert sentence in wrong.text
    assert wrong.path.name == f"{NAME}.csv"
    assert wrong.remedy == tables.REMEDY


def test_a_file_of_another_name_is_told_and_a_hidden_one_is_not(tmp_path: Path) -> None:
    put(tmp_path, "x", "inwoners.csv")
    _, violations = tables.read(put(tmp_path, "x", ".DS_Store"))
    assert [one.text.partition(" ")[0] for one in violations] == ["'inwoners.csv'"]
    assert tables.read(tmp_path / "nowhere") == ({}, [])


def asked_with(
    folder: Path, parameters: str
) -> tuple[model.Question | None, list[violation.Violation], dict[str, tables.Table]]:
    """A question of these parameters in a folder of questions, and the tables beside it."""
    place = folder / "questions" / "griep.yml"
    place.parent.mkdir()
    text = re.sub(r"^parameters:.*(\n .*)*", parameters, SOUND.read_text(), flags=re.MULTILINE)
    place.write_text(text)
    there, _ = tables.read(folder / tables.FOLDER)
    known = dataclasses.replace(KNOWN, fields_of=_fields)
    return *questions.file(place, definition(), known, there), there


def _fields(name: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    analysis = analyses.find(name)
    return tuple(analysis.columns(analysis.parameters(parameters)))


def test_a_question_of_the_whole_country_names_its_table_and_holds_none_of_it(tmp_path: Path) -> None:
    """What it did: 4,070 areas with -99997 and 0 among them, "a definition needs no so many values"."""
    counts = cbs.country()
    put(tmp_path, cbs.workbook(counts))
    asked, violations, there = asked_with(tmp_path, f"parameters: {{population: {{table: {NAME}}}}}")
    assert [str(one) for one in violations if one.severity == "error"] == []
    assert asked is not None
    scanned = [area for area, count in counts.items() if count > 0]
    assert asked.parameters == {"population": there[NAME].reference}
    assert there[NAME].reference["areas"] == len(scanned)
    assert len(canonical.dump(asked.model_dump(mode="json"))) < 2000
    completed = analyses.find("hotspots/1").parameters(tables.resolved(asked.parameters, there))
    assert completed["population"] == {area: counts[area] for area in scanned}
    assert completed == analyses.find("hotspots/1").parameters(completed), "complete, as a plan has them"


def test_areas_limit_a_table_and_those_without_inhabitants_are_left_out() -> None:
    table = tables.Table(NAME, {"7001": 2900, "7004": 1200, "8000": 5}, 1, 1)
    given = tables.referring({"areas": ["7000-7999"], "population": {"table": NAME}}, {NAME: table})
    completed = analyses.find("hotspots/1").parameters(tables.resolved(given, {NAME: table}))
    assert (completed["areas"], completed["population"]) == (["7001", "7004"], {"7001": 2900, "7004": 1200})
    for wrong, sentence in ((given, "not at hand"), ({**given, "areas": ["9000"]}, "none of them")):
        with pytest.raises(analyses.AnalysisError, match=sentence):
            analyses.find("hotspots/1").parameters(wrong if wrong is given else tables.resolved(wrong, {NAME: table}))


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("parameters: {population: {table: cbs-pc4-2024}}", "the table 'cbs-pc4-2024' is not in tables/"),
        (f"parameters: {{population: {{table: {NAME}, areas: 7}}}}", "another one than the question says"),
    ],
)
def test_a_table_that_is_not_there_or_another_is_told_at_its_place(
    tmp_path: Path, parameters: str, sentence: str
) -> None:
    put(tmp_path, FORMS["workbook"])
    asked, violations, _ = asked_with(tmp_path, parameters)
    assert asked is None
    [error] = [one for one in violations if one.severity == "error"]
    assert sentence in error.text
    assert error.line > 1


GOOD = tables.Table(NAME, {"7001": 5}, 0, 0).document


@pytest.mark.parametrize(
    "changed",
    [
        [],
        {**GOOD, "more": 1},
        {**GOOD, "table": "cbs-pc4-2024"},
        {**GOOD, "counts": {}},
        {**GOOD, "counts": {"7001": 0}},
        {**GOOD, "counts": {"7001": True}},
        {**GOOD, "counts": {"7001AB": 5}},
        {**GOOD, "counts": {"7001": 10**7}},
        {**GOOD, "unknown": -1},
    ],
)
def test_what_is_published_as_a_table_is_one(changed: object) -> None:
    assert tables.Table.of(GOOD, NAME).document == GOOD
    with pytest.raises(tables.TableError):
        tables.Table.of(changed, NAME)


def test_a_published_question_says_all_of_its_table_and_of_no_other() -> None:
    table, other = tables.Table(NAME, {"7001": 5}, 0, 0), tables.Table(NAME, {"7001": 6}, 0, 0)
    asked = {"population": table.reference}
    tables.require(asked, {NAME: table})
    for parameters, known in (
        (asked, {NAME: other}),
        (asked, tables.NONE),
        ({"population": {"table": NAME}}, {NAME: table}),
    ):
        with pytest.raises(tables.TableError):
            tables.require(parameters, known)
