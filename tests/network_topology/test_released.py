"""Releases as their files describe them: notes of people, and once it was built all of the release."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from network_topology import context, model, released
from network_topology.violation import DefinitionError

DIGEST = "sha256:" + "0" * 64
NOTES = """\
# Kept.
release: "1.1.0"
may_upgrade_from: ["1.0.0", dev]
security_fixes:
  - "CVE-2026-0001: a peer could stop a session"
breaking:
  - affects: you read state/runs.json
    do: "read format 4"
"""
BUILT: dict[str, Any] = {
    "release": "1.1.0",
    "protocols": [2, 3],
    "analyses": ["hotspots/1"],
    "formats": {"allowances/{network}~{question}.json": 1, "state/runs.json": 4},
    **dict.fromkeys(("image_id", "manifest_digest", "archive", "sbom", "source"), DIGEST),
}


def written(folder: Path, text: str, name: str = "1.1.0.yml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_what_people_wrote_is_read_and_is_no_release_yet(tmp_path: Path) -> None:
    found = released.read(written(tmp_path, NOTES))
    assert found.release is None
    assert found.notes.may_upgrade_from == ("1.0.0", "dev")
    assert found.notes.breaking == (model.Breaking(affects="you read state/runs.json", do="read format 4"),)


def test_what_was_built_is_written_below_and_all_of_it_is_read_again(tmp_path: Path) -> None:
    text = released.pinned(NOTES, BUILT)
    assert text.startswith(NOTES)
    found = released.read(written(tmp_path, text))
    assert found.release is not None
    assert found.release.model_dump(mode="json") == {**found.notes.model_dump(mode="json"), **BUILT}


def test_a_definition_may_name_a_release_once_it_is_pinned(tmp_path: Path) -> None:
    def known() -> dict[str, frozenset[int]]:
        return dict(context.shipped(datetime.date(2026, 11, 1), own=tmp_path).releases)

    path = written(tmp_path, NOTES)
    assert known().keys() == context.shipped(datetime.date(2026, 11, 1)).releases.keys()
    path.write_text(released.pinned(NOTES, BUILT))
    assert known()["1.1.0"] == frozenset({2, 3})


def test_no_folder_describes_a_release_otherwise_that_comes_with_the_project(tmp_path: Path) -> None:
    shipped = context.shipped(datetime.date(2026, 11, 1)).releases["dev"]
    written(tmp_path, "release: dev\nprotocols: [9]\n", "dev.yml")
    assert context.shipped(datetime.date(2026, 11, 1), own=tmp_path).releases["dev"] == shipped


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (NOTES.replace('"1.1.0"', '"1.2.0"'), r"1.1.0.yml:2:10 error: it describes release '1.2.0'; write 1.1.0"),
        (NOTES.replace("dev]", "1.0]"), r"'1.0' is no version; write it as in 1.0.0"),
        (NOTES.replace("do:", "doo:"), r"'doo' is unknown; did you mean 'do'\?"),
        (NOTES.replace('    do: "read format 4"\n', ""), r"'do' is missing; add it: what they do about it"),
        (NOTES.replace("a peer", "a\u200bpeer"), r"U\+200B"),
        (NOTES.replace("a peer", "a\u3164peer"), r"holds the character U\+3164, but people judge what they see"),
        (NOTES + f"image_id: {DIGEST}\n", r"'protocols' is missing"),
        (released.pinned(NOTES, BUILT | {"archive": "sha256:1"}), "'archive': String should match pattern"),
        (released.pinned(NOTES, BUILT | {"protocols": []}), "'protocols': Tuple should have at least 1 item"),
        ("[]", "a mapping"),
    ],
)
def test_a_file_that_is_not_right_is_told_with_its_place(tmp_path: Path, changed: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        released.read(written(tmp_path, changed))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("1.0.0", True), ("0.12.3", True), ("1.0", False), ("1.0.0-rc1", False), ("01.0.0", False), ("dev", False),
     ("1.0.0\n", False), ("../1.0.0", False), ("1.0.100000", False), ("", False)],
)  # fmt: skip
def test_a_version_is_three_numbers(text: str, is_one: bool) -> None:
    assert released.is_version(text) is is_one
