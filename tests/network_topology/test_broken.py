"""Every broken file gives exactly the messages of the text file beside it.

A message is part of the product: whoever changes one writes the golden file anew by hand, and reads it.
"""

import datetime
from pathlib import Path

import pytest

from network_topology import check, context, rules

BROKEN = Path(__file__).with_name("broken")
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
KNOWN = context.Context(
    today=datetime.date(2026, 6, 1),
    regions={"noord-en-oost-gelderland": "GGD Noord- en Oost-Gelderland"},
    releases={"dev": frozenset({2}), "1.0.0": frozenset({1, 2}), "0.1.0": frozenset({1})},
)
HOSTILE = {
    "alias",
    "ambiguous",
    "anchor",
    "date",
    "depth",
    "documents",
    "duplicate_key",
    "empty",
    "encoding",
    "hidden_character",
    "length",
    "mapping",
    "number",
    "tag",
    "text_keys",
    "values",
    "yaml",
}
MODEL = {"missing", "shape", "twin", "unknown"}


def checked(path: Path) -> check.Outcome:
    return check.file(path, KNOWN, sandbox=path.name.endswith(".sandbox.yml"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_broken_file_gives_the_messages_beside_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    outcome = checked(path)
    assert "".join(f"{violation}\n" for violation in outcome.violations) == path.with_suffix(".txt").read_text("utf-8")
    assert outcome.violations, "a file in this folder breaks something"
    assert (outcome.definition is None) == bool(outcome.errors)


def test_every_rule_and_every_hostile_case_has_a_broken_file() -> None:
    found = {violation.rule for path in FILES for violation in checked(BROKEN / path).violations}
    assert found == {rule.name for rule in rules.TABLE} | HOSTILE | MODEL


def test_a_rule_s_file_is_named_after_it_and_breaks_it() -> None:
    for rule in rules.TABLE:
        files = [path for path in FILES if path.parts[0].split(".")[0] == rule.name]
        assert files, f"no broken file is named after {rule.name}"
        for path in files:
            assert rule.name in {violation.rule for violation in checked(BROKEN / path).violations}


def test_the_file_that_the_broken_ones_come_from_is_sound() -> None:
    assert checked(BROKEN.with_name("sound.yml")).violations == ()
