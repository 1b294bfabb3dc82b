"""The digest of a server: whatever the roles decide about changes it, and nothing that others write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from on_server import state
from plugins.filter import baseline

ROLES = Path(__file__).resolve().parents[2] / "roles"
KEPT = {
    "etc/pam.d/sshd": "account required pam_nologin.so\n",
    "etc/ssh/sshd_config.d/0-werkplaats.conf": "PasswordAuthentication no\n",
    "etc/werkplaats/gateway/compiled/base.cfg": "global\n",
    "etc/werkplaats/accepted/proeftuin.json": "{}",
    "etc/werkplaats/networks.d/proeftuin/questions.json": "{}",
    "etc/werkplaats/networks.d/proeftuin/publication/metadata/timestamp.json": "{}",
    "etc/werkplaats/networks.d/kring/members/west/metadata/timestamp.json": "{}",
    "usr/local/lib/werkplaats/on_server/station_command/cli.py": "pass\n",
    "usr/local/lib/werkplaats/on_server/station_command/__pycache__/cli.pyc": "",
    "var/lib/werkplaats/data/in/gerda/griep/data.csv": "1;2\n",
    "var/lib/werkplaats/state/statement.key": "secret",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in KEPT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def edit(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text("other")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is edited": edit("etc/ssh/sshd_config.d/0-werkplaats.conf"),
    "a mode is changed": lambda root: (root / "etc/werkplaats/gateway/compiled/base.cfg").chmod(0o666),
    "the top folder is open to others": lambda root: (root / "etc/werkplaats").chmod(0o777),
    "a file is added": edit("etc/werkplaats/gateway/compiled/more.cfg"),
    "a file is removed": lambda root: (root / "etc/werkplaats/gateway/compiled/base.cfg").unlink(),
    "a link is laid": lambda root: (root / "etc/werkplaats/link").symlink_to("/etc/passwd"),
    "PAM keeps people out": edit("etc/pam.d/sshd"),
    "nobody may log in": edit("etc/nologin"),
    "another user is made": edit("etc/passwd"),
    "a folder of the station gets other rights": lambda root: (root / "var/lib/werkplaats/data/in").chmod(0o777),
    "the statement key is open to others": lambda root: (root / "var/lib/werkplaats/state/statement.key").chmod(0o666),
    "the gateway was loaded anew": lambda root: (root / "run/werkplaats").mkdir(parents=True),
}
OTHERS: dict[str, Callable[[Path], object]] = {
    "a definition is accepted": edit("etc/werkplaats/accepted/proeftuin.json"),
    "a question is delivered": edit("etc/werkplaats/networks.d/proeftuin/questions.json"),
    "a publication is followed": edit("etc/werkplaats/networks.d/proeftuin/publication/metadata/timestamp.json"),
    "that of a member is": edit("etc/werkplaats/networks.d/kring/members/west/metadata/timestamp.json"),
    "Python compiles": edit("usr/local/lib/werkplaats/on_server/station_command/__pycache__/cli.pyc"),
    "data are brought": edit("var/lib/werkplaats/data/in/gerda/griep/more.csv"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_what_the_roles_decide_about_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    before = list(state.rows(root))
    assert list(state.rows(root)) == before
    change(root)
    assert list(state.rows(root)) != before


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_what_stations_and_people_write_is_none(root: Path, change: Callable[[Path], object]) -> None:
    before = [row for row in state.rows(root) if row]
    change(root)
    assert [row for row in state.rows(root) if row] == before


def test_every_file_that_a_role_places_is_looked_at() -> None:
    placed = [
        path.relative_to(role / "templates").as_posix()
        for role in ROLES.iterdir()
        for path in (role / "templates").glob("*/**/*")
        if path.is_file()
    ]
    ours = baseline.program_files(str(ROLES.parent / baseline.PACKAGE))
    placed += [file["path"].removeprefix("/") for files in ours.values() for file in files]
    assert placed
    assert not [path for path in placed if not path.startswith(tuple(f"{folder}/" for folder in state.FOLDERS))]
