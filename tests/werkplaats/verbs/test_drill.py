"""`drill`: what it refuses before anything is looked at, and that nobody reads there what they are to find out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from base import errors
from runbooks.drills import causes
from runbooks.framework import record
from werkplaats import cli
from werkplaats.operations.home import vault

TWIN = "proeftuin.sandbox"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records of the twin lie; its servers are in an inventory, and nowhere."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    kept = vault.find(TWIN).folder
    (kept / "inventory").mkdir()
    (kept / "inventory" / "servers.yml").write_text(f'ggd: {{host: 192.0.2.1, host_key: "SHA256:{"a" * 43}"}}\n')
    return kept / record.FOLDER


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["gerda", "--surprise"], errors.REFUSED, "no sandbox: a drill has servers fail, and people may need these; "),
        (["gerda"], errors.REFUSED, "werkplaats up gerda.sandbox, then werkplaats drill gerda.sandbox --surprise"),
        (["gerda.sandbox", "--surprise"], errors.REFUSED, "gerda.sandbox has no servers yet; werkplaats up gerda.sand"),
        ([TWIN, "flood"], errors.WRONG_USE, "there is no drill of 'flood'; there are: agent-stuck, "),
        ([TWIN, "agent-stuck", "--target", "nobody"], errors.WRONG_USE, "it can be at: ggd"),
        ([TWIN, "agent-stuck", "--hint"], errors.WRONG_USE, "INCIDENT begins a drill"),
        ([TWIN, "--surprise", "--target", "ggd"], errors.WRONG_USE, "a surprise tells no target"),
        ([TWIN, "--hint", "--seed", "3"], errors.WRONG_USE, "are of a drill that begins"),
        ([TWIN, "--end", "--sign", "key"], errors.WRONG_USE, "--sign signs what --done came to"),
        ([TWIN, "--hint"], errors.WRONG_USE, "no drill goes on in proeftuin.sandbox"),
        ([TWIN, "--done"], errors.WRONG_USE, "no drill goes on in proeftuin.sandbox"),
        ([TWIN, "--end"], errors.WRONG_USE, "no drill goes on in proeftuin.sandbox"),
    ],
)
def test_it_refuses_with_place_and_remedy_before_anything_is_changed(
    words: list[str], code: int, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["drill", *words]) == code
    assert told in capsys.readouterr().err
    assert record.every(folder) == []


def test_nobody_reads_what_was_caused_before_it_is_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cause, subject = causes.CAUSES[0], "ggd"
    told = record.begin(folder, TWIN, "drill", TWIN)
    told.add(
        "causes", incident=cause.incident, subject=subject, how=cause.how, ends=[subject], seed=7, told=[], who="a"
    )
    told.add("caused")
    for words in (["drill", TWIN], ["drill", TWIN, "--json"], ["drill", TWIN, "--hint"], ["incident", "report", TWIN]):
        assert cli.main(words) == errors.DONE
        said = capsys.readouterr().out
        assert told.id in said or "hint 1 of 5" in said
        assert cause.incident not in said
    assert cli.main(["incident", "report", TWIN, told.id]) == errors.REFUSED
    assert cli.main(["drill", TWIN, "--answer", f"{cause.incident}:huisartsen"]) == errors.FOUND
    assert cli.main(["drill", TWIN, "--answer", cause.incident]) == errors.DONE
    capsys.readouterr()
    cli.main(["drill", TWIN, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["incident"], document["subject"], document["points"]) == (cause.incident, "", 85)
