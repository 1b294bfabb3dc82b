"""Installing the engine: once, whole, whatever happens to the process that does it.

A CLI and a Go of a few lines stand on PATH; they are slow enough that processes meet. The real engine is in
`test_real_engine.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stacks.engine import install

PULUMI = f"""#!/bin/sh
case "$*" in
version) echo v{install.CLI} ;;
*--file*) mkdir -p "$PULUMI_HOME/plugins" && cp "$8" "$PULUMI_HOME/plugins/" ;;
*) exit 1 ;;
esac
"""
GO = """#!/bin/sh
case "$1" in
version) echo go version go1.99.0 linux/amd64 ;;
list) echo a b c ;;
build)
    echo $$ >>"$BUILDS"
    while [ -e "$BUILDS.hold" ]; do sleep 0.05; done
    while [ "$1" != -o ]; do shift; done
    echo plugin >"$2/engine" ;;
esac
"""
PROGRAM = "from stacks.engine import install; print(install.ensure(print).source)"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a CLI of the right version, no official plugin in reach, and a Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("pulumi", PULUMI), ("go", GO)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    return tmp_path


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=install.HERE.parent.parent,
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(path: Path) -> None:
    limit = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < limit, f"{path} did not appear within 20 s"
        time.sleep(0.02)


def test_two_processes_at_once_make_one_engine(machine: Path) -> None:
    (machine / "builds.hold").touch()
    first, second = start(), start()
    wait_for(machine / "builds")
    (machine / "builds.hold").unlink()
    outputs = [process.communicate(timeout=30)[0] for process in (first, second)]
    assert [output.split()[-1] for output in outputs] == ["path", "path"]
    assert len((machine / "builds").read_text().split()) == 1


def test_after_kill_minus_nine_the_next_one_makes_it_whole(machine: Path) -> None:
    (machine / "builds.hold").touch()
    killed = start()
    wait_for(machine / "builds")
    assert [path.name for path in install.cache_folder().glob(f"{install.key()}/engine.json")] == []
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    (machine / "builds.hold").unlink()
    engine = install.ensure(print)
    assert (engine.home / "plugins" / "pulumi-resource-docker").read_text() == "plugin\n"
    assert list(install.cache_folder().glob(".*")) == [], "what the killed one left is cleared"


def test_a_second_time_nothing_is_started(machine: Path) -> None:
    install.ensure(print)
    before = (machine / "builds").read_text()
    lines: list[str] = []
    install.ensure(lines.append)
    assert lines == []
    assert (machine / "builds").read_text() == before


def test_an_engine_whose_cli_was_upgraded_away_is_made_anew(machine: Path) -> None:
    (machine / "builds").touch()
    install.ensure(print)
    (machine / "bin" / "pulumi").write_text(PULUMI.replace(install.CLI, "3.1.0"))
    engine = install.Engine(install.cache_folder() / install.key(), "path")
    assert install.installed(engine.root) is None


def test_another_python_package_is_refused_with_the_version_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "PLUGIN", "5.9.9")
    with pytest.raises(install.EngineError, match=r"pulumi-docker 5\.9\.9, here it is .*pip install"):
        install._agree_on_versions()


def test_other_sources_are_another_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = install.key()
    for name in install.SOURCES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((install.HERE / name).read_bytes())
    monkeypatch.setattr(install, "HERE", tmp_path)
    assert install.key() == before
    with (tmp_path / "go.sum").open("a") as file:
        file.write("\n")
    assert install.key() != before
