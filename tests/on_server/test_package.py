"""The package as a server has it: alone, with the standard library and nothing beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from on_server import removed
from plugins.filter import baseline
from plugins.modules import server_part
from tests.docs import documents
from tests.harness import starters

PACKAGE = starters.ROOT / baseline.PACKAGE
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A folder in which nothing but the package lies."""
    shutil.copytree(PACKAGE, tmp_path / baseline.PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(code: str, library: Path) -> str:
    """What Python prints without the packages of this environment."""
    code = f"import sys; sys.path.insert(0, {str(library)!r}); {code}"
    return subprocess.run([sys.executable, "-ISB", "-c", code], capture_output=True, text=True, check=True).stdout


def test_every_module_needs_nothing_but_the_standard_library(alone: Path) -> None:
    said = python(f"import {', '.join(MODULES)}; print(sorted(n for n in sys.modules if 'on_server' in n))", alone)
    assert said.strip() == str(MODULES)


@pytest.mark.parametrize("name", ["keys", "removed", "state"])
def test_what_is_sent_to_a_server_needs_not_even_the_package(name: str, alone: Path) -> None:
    sent = (alone / baseline.PACKAGE / f"{name}.py").read_text()
    python(f"exec({sent!r}, {{'__name__': 'sent'}}); assert not [n for n in sys.modules if 'on_server' in n]", alone)


def test_a_station_that_leaves_takes_every_command_along() -> None:
    assert set(map(str, removed.FILES)) >= {*baseline.COMMANDS, baseline.LIBRARY}


@pytest.mark.parametrize("cut", [True, False])
def test_who_was_cut_stays_cut_when_the_rest_is_taken_off(
    cut: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever may run `destroy` and `up` lets in again whom an organisation cut off on its own server."""
    monkeypatch.setattr(removed, "ETC", tmp_path / "werkplaats")
    monkeypatch.setattr(removed, "CUTS", removed.ETC / "cut.d")
    for folder in ("cut.d", "identity", "networks.d"):
        (removed.ETC / folder).mkdir(parents=True)
    if cut:
        (removed.CUTS / "gerda.sensire").touch()
    for _ in range(2):
        for path in removed.settings():
            removed.remove(path)
        left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
        assert left == (["werkplaats/cut.d/gerda.sensire"] if cut else [])
        assert removed.ETC.exists() == cut
        assert not (removed.ETC / "identity").exists()


def test_programs_of_an_earlier_layout_go_and_what_python_compiled_of_these_stays(tmp_path: Path) -> None:
    stays = [f"{baseline.PACKAGE}/guard.py", f"{baseline.PACKAGE}/__pycache__/guard.pyc"]
    stays += [f"{baseline.PACKAGE}/gateway/cut.py", f"{baseline.PACKAGE}/gateway/__pycache__/cut.pyc"]
    goes = ["gateway_files.py", "__pycache__/gateway_files.pyc", "station_command/cli.py"]
    goes += ["station_command/__pycache__/cli.pyc", f"{baseline.PACKAGE}/gone.py"]
    for name in (*stays, *goes):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    [task, _] = yaml.safe_load((starters.ROLE / "tasks/main.yml").read_text())
    [only] = [one for one in task["server_part"]["only"] if one["folder"] == baseline.LIBRARY]
    places = server_part.Places(check=False)
    placed = {str(tmp_path / name) for name in stays if name.endswith(".py")}
    places.remove_others(only | {"folder": str(tmp_path)}, placed)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(stays)
    assert {path.name for path in tmp_path.iterdir()} == {baseline.PACKAGE}


def test_its_readme_lists_every_command_with_its_module() -> None:
    rows = documents.table(PACKAGE / "README.md", "Commands")
    modules = {path: f"{module.replace('.', '/')}.py" for path, module in baseline.COMMANDS.items()}
    assert {row[0].strip("`"): row[1].strip("`") for row in rows} == modules


@pytest.mark.parametrize("path", baseline.COMMANDS)
def test_every_command_starts_and_refuses_what_it_does_not_know(path: str) -> None:
    words = [sys.executable, "-ISB", "-c", starters.starter(Path(path).name), "--unknown"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3), done.stderr
    assert "Traceback" not in done.stderr
