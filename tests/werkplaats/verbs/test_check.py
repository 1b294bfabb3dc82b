"""`werkplaats check` on every kind of broken file: the exit code of the README's table, and never a traceback."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from base import errors
from network_topology import context, names
from werkplaats import cli
from werkplaats.operations.home import places

TOPOLOGY = Path(__file__).parents[2] / "network_topology"
BROKEN = TOPOLOGY / "broken"
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
KNOWN = context.Context(
    today=datetime.date(2026, 6, 1),
    regions={"noord-en-oost-gelderland": "GGD Noord- en Oost-Gelderland"},
    releases={"dev": frozenset({2}), "1.0.0": frozenset({1, 2})},
)


@pytest.fixture(autouse=True)
def _the_day_of_the_golden_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "known", lambda _: KNOWN)


def place(home: Path, path: Path) -> str:
    """Put a file in a home, in the folder that its own name for the network asks for where it has one."""
    text = path.read_bytes()
    named = re.search(rb"^network: ([a-z0-9-]+)$", text, re.MULTILINE)
    own = named[1].decode() if named and names.is_slug(named[1].decode()) else "gerda"
    folder = home / "networks" / (path.parent.name.replace("_", "-") if path.parent != BROKEN else own)
    folder.mkdir(parents=True)
    (folder / names.FILE).write_bytes(text)
    return names.twin(folder.name) if path.name.endswith(".sandbox.yml") else folder.name


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_broken_file_ends_with_the_exit_code_of_what_was_found(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = place(tmp_path, BROKEN / path)
    code = cli.main(["--home", str(tmp_path), "check", name])
    told = capsys.readouterr()
    golden = (BROKEN / path).with_suffix(".txt").read_text("utf-8")
    assert code == (errors.FOUND if " error: " in golden else errors.DONE), told.out
    assert told.err == ""
    assert f"{name}: " in told.out


@pytest.mark.parametrize("verb", ["check", "plan", "up", "verify", "status", "map", "destroy", "session", "accept"])
@pytest.mark.parametrize("name", ["gerad", "gerad.sandbox", "..", ""])
def test_a_network_that_is_not_defined_is_wrong_use(
    verb: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place(tmp_path, TOPOLOGY / "sound.yml")
    assert cli.main(["--home", str(tmp_path), verb, name]) == errors.WRONG_USE
    assert "is defined here" in capsys.readouterr().err


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    text = (TOPOLOGY / "sound.yml").read_text()
    (name,) = re.findall(r"^network: (\S+)$", text, re.MULTILINE)
    path: Path = tmp_path / "networks" / name / names.FILE
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_path_is_checked_as_the_network_by_its_name_is(definition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(definition)]) == errors.DONE
    by_path = capsys.readouterr().out.replace(str(definition), definition.parent.name)
    assert cli.main(["--home", str(definition.parents[2]), "check", definition.parent.name]) == errors.DONE
    assert capsys.readouterr().out == by_path


def test_a_path_is_checked_together_with_the_questions_beside_it(
    definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = definition.parent / "questions" / "griep.yml"
    question.parent.mkdir()
    question.write_text((TOPOLOGY / "sound-question.yml").read_text().replace("minimum_cell: 10", "minimum_cell: 1"))
    assert cli.main(["check", str(definition)]) == errors.FOUND
    assert f"{question}:" in capsys.readouterr().out


def test_a_question_alone_is_checked_by_its_path_and_no_other(
    definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = definition.parent / "questions"
    folder.mkdir()
    sound = (TOPOLOGY / "sound-question.yml").read_text()
    (folder / "griep.yml").write_text(sound)
    (folder / "fout.yml").write_text(sound.replace("minimum_cell: 10", "minimum_cell: 1"))
    assert cli.main(["check", str(folder / "griep.yml")]) == errors.DONE
    assert "fout.yml" not in capsys.readouterr().out
    assert cli.main(["check", str(folder / "fout.yml"), str(folder / "griep.yml")]) == errors.FOUND
    told = capsys.readouterr().out
    assert f"{folder / 'griep.yml'}: no errors" in told
    assert f"{folder / 'fout.yml'}:" in told


def test_of_a_question_whose_network_cannot_be_used_that_is_said(
    definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = definition.parent / "questions" / "griep.yml"
    question.parent.mkdir()
    question.write_text((TOPOLOGY / "sound-question.yml").read_text())
    definition.write_text("network: [")
    assert cli.main(["check", str(question)]) == errors.FOUND
    assert f"werkplaats check {definition}" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["nowhere/network.yml", "network.yml", "./nowhere"])
def test_a_path_that_is_not_there_is_wrong_use(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", target]) == errors.WRONG_USE
    assert f"there is no file {target}" in capsys.readouterr().err
