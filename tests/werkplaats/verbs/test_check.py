"""`werkplaats check` on every kind of broken file: the exit code of the README's table, and never a traceback."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from base import errors
from network_topology import context, names
from werkplaats import cli
from werkplaats.operations.home import networks

TOPOLOGY = Path(__file__).parents[2] / "network_topology"
BROKEN = TOPOLOGY / "broken"
FILES = sorted(path.relative_to(BROKEN) for path in BROKEN.rglob("*.yml"))
KNOWN = context.Context(
    today=datetime.date(2026, 6, 1),
    regions={"noord-en-oost-gelderland": "GGD Noord- en Oost-Gelderland"},
    releases=frozenset({"dev", "1.0.0"}),
)


@pytest.fixture(autouse=True)
def _the_day_of_the_golden_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "known", lambda: KNOWN)


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
