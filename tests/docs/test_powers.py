"""Who can do what: each row of the table is shown by tests that exist, and what a role can do stands in the README."""

from __future__ import annotations

import ast

import pytest

from tests.docs import documents

POWERS = documents.ROOT / "docs" / "powers.md"
ROLES = (
    "Coordinator",
    "Coordinator of a federation",
    "Relay",
    "Stranger",
    "Member",
    "Computing party",
    "Result party",
    "Operator, steward, scientist",
)
ROWS = [(role, *row) for role in ROLES for row in documents.table(POWERS, role)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_each_row_is_shown_by_tests_that_exist(row: tuple[str, ...]) -> None:
    shown = row[3].split()
    assert shown
    for one in shown:
        path, _, name = one.strip("`").partition("::")
        tree = ast.parse((documents.ROOT / path).read_text())
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert not name or name in tests, f"{path} has no {name}"


def test_a_row_says_cannot_or_can() -> None:
    assert {row[2].split()[0].strip("*,") for row in ROWS} == {"cannot", "can"}


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] == "**can**"], ids=lambda row: row[1])
def test_what_a_role_can_do_stands_in_the_readme_in_the_same_words(row: tuple[str, ...]) -> None:
    said = " ".join(documents.README.read_text().replace("**", "").split())
    assert row[1] in said
