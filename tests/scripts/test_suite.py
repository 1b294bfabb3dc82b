"""The suite as one file: the same bytes twice, and it runs from an empty folder with no checkout in sight."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from scripts import suite, suite_start
from werkplaats import VERSION

ROOT = suite.ROOT


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lies here, committed elsewhere, by somebody with another umask."""
    folder = tmp_path_factory.mktemp("clone")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.split("\0")[:-1]:
        if os.path.lexists(ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@test.example", "commit", "--quiet", "-m", "test")
    return folder


@pytest.fixture(scope="module")
def file(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "suite.pyz"
    path.write_bytes(suite.made(clone))
    return path


def run(file: Path, home: Path, *words: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """The command from an empty folder, by an account that has nothing."""
    (home / "empty").mkdir(parents=True, exist_ok=True)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [python, str(file), *words], cwd=home / "empty", env=environment, capture_output=True, text=True, check=False
    )


def test_it_has_the_same_bytes_from_another_copy_with_other_times_and_modes(clone: Path, tmp_path: Path) -> None:
    one = suite.made(clone)
    git(tmp_path, "clone", "--quiet", str(clone), "other")
    for path in (tmp_path / "other").rglob("*.yml"):
        path.chmod(0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert suite.made(tmp_path / "other") == one


def test_what_is_not_committed_is_not_made(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(clone), "other")
    (tmp_path / "other" / "roles" / "new.yml").write_text("---\n")
    with pytest.raises(SystemExit, match=r"roles/new\.yml is not as it was committed"):
        suite.made(tmp_path / "other")


def test_it_holds_all_that_the_command_needs_and_no_tests(file: Path) -> None:
    with zipfile.ZipFile(file) as content:
        names = {*content.namelist()}
    assert {"ansible.cfg", "CHANGELOG.md", "requirements/werkplaats.lock", "network_topology/releases/dev.yml"} <= names
    assert {"playbooks/site.yml", "station_image/builder/packages.lock", "stacks/engine/programs/ssh"} <= names
    assert {"docs/operators.md", "docs/monitoring/scrape.yml", "docs/monitoring/consoles/stations.html"} <= names
    assert not [name for name in names if name.startswith(("tests/", ".ci/", ".git"))]
    tracked = subprocess.run(["git", "ls-files", *suite.CONTENT], cwd=ROOT, check=True, capture_output=True, text=True)
    assert names == {*tracked.stdout.splitlines(), "__main__.py"}


def test_it_runs_from_an_empty_folder_without_the_checkout(file: Path, tmp_path: Path) -> None:
    done = run(file, tmp_path, "--version")
    assert (done.stdout, done.returncode) == (f"werkplaats {VERSION}\n", 0), done.stderr
    assert "gerda: no errors" in run(file, tmp_path, "check").stdout
    assert run(file, tmp_path, "map", "gerda").stdout.startswith("<svg ")
    planned = run(file, tmp_path, "plan", "gerda", "--steps")
    assert "werkplaats trust root found gerda" in planned.stdout, planned.stderr
    (unpacked,) = (tmp_path / ".local" / "share" / "werkplaats").glob("suite-*")
    assert (unpacked / "stacks" / "engine" / "programs" / "ssh").is_symlink()
    assert os.access(unpacked / "scripts" / "make-venv", os.X_OK)
    assert not [*(tmp_path / "empty").iterdir()]


def test_the_folder_has_its_name_once_all_of_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut leaves half a suite, which counts as whole from then on."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "suite.pyz", "w") as archive:
        for name in ("__main__.py", "base/errors.py"):
            archive.writestr(name, "")
    written = list[Path]()

    def fsync(handle: int) -> None:
        written.append(Path(f"/proc/self/fd/{handle}").readlink())
        assert not [*(tmp_path / "werkplaats").glob("suite-*")]

    monkeypatch.setattr(os, "fsync", fsync)
    folder = suite_start.unpacked(tmp_path / "suite.pyz")
    work = written[0]
    assert {path.relative_to(work).as_posix() for path in written} == {".", "__main__.py", "base", "base/errors.py"}
    assert [path.name for path in (tmp_path / "werkplaats").iterdir()] == [folder.name]


def test_all_that_is_imported_and_played_comes_from_the_file(file: Path, tmp_path: Path) -> None:
    run(file, tmp_path, "--version")
    (unpacked,) = (tmp_path / ".local" / "share" / "werkplaats").glob("suite-*")
    code = (
        "import sys; sys.path[0] = sys.argv[1]\n"
        "from werkplaats.operations.bring_up import configure\nfrom station_image.builder import images\n"
        "from stacks import drive\nprint(configure.PLAYBOOK, images.BUILD, drive.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(unpacked)], cwd=tmp_path, capture_output=True, text=True,
                          check=True, env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})  # fmt: skip
    assert all(Path(one).is_relative_to(unpacked) for one in done.stdout.split())
    assert (unpacked / "playbooks" / "site.yml").is_file()


def test_a_python_without_the_packages_says_how_they_come(file: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = run(file, tmp_path, "check", python=str(bare / "bin" / "python"))
    assert done.returncode == 2
    assert "has no package ansible" in done.stderr
    assert f"python3 {file} install FOLDER" in done.stderr


def test_an_account_that_has_no_room_of_its_own_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "file")])
    assert suite_start.main() == 5


@pytest.mark.soak
def test_it_installs_itself_with_what_it_pins(file: Path, tmp_path: Path) -> None:
    """In a virtual environment of its own, from the package registry, hashes checked."""
    made = run(file, tmp_path, "install", str(tmp_path / "there"))
    assert made.returncode == 0, made.stderr
    command = tmp_path / "there" / "bin" / "werkplaats"
    done = subprocess.run([str(command), "check", "gerda"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "gerda: no errors" in done.stdout


@pytest.mark.soak
def test_as_a_wheel_it_has_roles_and_all_else_beside_what_is_imported(clone: Path, tmp_path: Path) -> None:
    """In an environment that has the packages of others from here, and nothing of this checkout."""
    wheel = tmp_path / f"{suite.FOLDER}-{VERSION}-py3-none-any.whl"
    wheel.write_bytes(suite.wheel(clone))
    assert suite.wheel(clone) == wheel.read_bytes()
    there = tmp_path / "there"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(there)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(there / "bin" / "python"), "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, cwd=tmp_path)
    (packages,) = (there / "lib").glob("python3.*/site-packages")
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")  # of which no `.pth` is read again
    ran = functools.partial(
        subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"HOME": str(tmp_path), "PATH": f"{there / 'bin'}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert "gerda: no errors" in ran([str(there / "bin" / "werkplaats"), "check", "gerda"]).stdout
    inside = packages / suite.FOLDER
    named = ran([str(there / "bin" / "python"), "-c", "import base, stacks; print(base.__path__, stacks.__path__)"])
    assert named.stdout.count(str(inside)) == 2, "nothing of the checkout is imported"
    assert os.access(inside / "stacks" / "engine" / "programs" / "ssh", os.X_OK)
    ansible = [str(there / "bin" / "python"), "-m", "ansible", "playbook", "--syntax-check", "-i", "localhost,"]
    environment = {"HOME": str(tmp_path), "PATH": f"{there / 'bin'}:{os.environ['PATH']}"}
    environment["ANSIBLE_CONFIG"] = str(inside / "ansible.cfg")
    done = ran([*ansible, str(inside / "playbooks" / "site.yml")], env=environment)
    assert "playbook: " in done.stdout
