from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from network_topology import load, model
from network_topology.compiling import compile
from network_topology.federations import diff
from network_topology.federations.model import Federation, Member

SOUND = load.read_federation(Path(__file__).with_name("sound.yml"))
# For every field of the model a value that the sound federation does not have.
OTHERS: dict[str, Any] = {
    "network": "other",
    "kind": "national",
    "title": "Other",
    "illustrative": False,
    "coordinator": "west/ggd",
    "technique": "other",
    "personal_data": False,
    "computing": ("west/ziekenhuis", "oost/ggd", "noord/thuiszorg"),
    "dpia": None,
    "publication_url": "https://publicatie.ggd.example/samen/",
    "signatures": model.Signatures(root=3),
    "agreement": model.Agreement(kind="gvo", signed=datetime.date(2026, 2, 20)),
    "members": {"oost": SOUND.members["oost"]},
}
OF_A_MEMBER: dict[str, Any] = {
    "root": "sha256:" + "0" * 64,
    "organisations": ("ggd",),
    "consent": datetime.date(2026, 1, 1),
}


def member(**update: Any) -> Federation:
    changed = SOUND.members["oost"].model_copy(update=update)
    return SOUND.model_copy(update={"members": {**SOUND.members, "oost": changed}})


def said(old: Federation, new: Federation) -> list[tuple[str, bool]]:
    return [(change.text, change.adds) for change in diff.changes(old, new)]


@pytest.mark.parametrize("field", [*Federation.model_fields])
def test_no_change_of_any_field_goes_unsaid(field: str) -> None:
    other = SOUND.model_copy(update={field: OTHERS[field]})
    assert compile.digest(other) != compile.digest(SOUND)
    assert diff.changes(SOUND, other)
    assert diff.changes(other, SOUND)


@pytest.mark.parametrize("field", [*Member.model_fields])
def test_no_change_of_a_member_goes_unsaid(field: str) -> None:
    other = member(**{field: OF_A_MEMBER[field]})
    assert diff.changes(SOUND, other)
    assert diff.changes(other, SOUND)


def test_nothing_changes_between_equals_and_everything_is_new_to_who_has_nothing_yet() -> None:
    assert diff.changes(SOUND, SOUND) == []
    changes = diff.changes(None, SOUND)
    assert all(change.adds for change in changes)
    assert any(
        change.text.startswith("region noord joins with ziekenhuis, thuiszorg; root sha256:") for change in changes
    )


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (member(organisations=("ggd", "ziekenhuis")), [("oost: thuiszorg takes part no more", False)]),
        (
            member(organisations=("ggd", "ziekenhuis", "thuiszorg", "ggz")),
            [("oost: ggz takes part", True)],
        ),
        (
            SOUND.model_copy(update={"members": {k: v for k, v in SOUND.members.items() if k != "noord"}}),
            [("region noord leaves", False)],
        ),
        (
            SOUND.model_copy(update={"coordinator": "west/ggd"}),
            [("the coordinator is west/ggd instead of oost/ggd", True)],
        ),
    ],
    ids=lambda value: value[0][0] if isinstance(value, list) else "",
)
def test_a_change_is_said_in_words_and_only_what_adds_waits(new: Federation, expected: list[tuple[str, bool]]) -> None:
    assert said(SOUND, new) == expected


def test_another_root_of_a_member_waits() -> None:
    ((text, waits),) = said(SOUND, member(root=OF_A_MEMBER["root"]))
    assert text.startswith("oost: the root of its publication is sha256:000")
    assert waits
