"""Placing files: rendered with what the task gives, checked before they land, changed only where they differ."""

from __future__ import annotations

import base64
import getpass
import grp
import os
import stat
from pathlib import Path
from typing import Any

import jinja2
import pytest

from plugins.action import server_part as action
from plugins.modules import server_part as module

ME = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


def spec(path: Path, content: str, mode: str = "0644", **more: Any) -> dict[str, Any]:
    return {"path": str(path), "content": base64.b64encode(content.encode()).decode(), "mode": mode, **ME, **more}


@pytest.fixture
def role(tmp_path: Path) -> Path:
    for name, text in {
        "templates/etc/a.conf.j2": "a = {{ a }}\n",
        "templates/part.j2": "{{ a }} {{ b }}\n",
        "files/usr/bin/program": "#!/bin/sh\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "files/usr/bin/program").chmod(0o755)
    return tmp_path


def rendered(role: Path, **args: Any) -> dict[str, tuple[str, str, str]]:
    files = action.render(role, {"variables": {"a": 1}, **args})
    return {file["path"]: (base64.b64decode(file["content"]).decode(), file["mode"], file["group"]) for file in files}


def test_a_role_s_folders_mirror_the_server(role: Path) -> None:
    files = rendered(role, rights=[{"match": "/etc/*", "group": "haproxy", "mode": "0640"}])
    assert files == {
        "/etc/a.conf": ("a = 1\n", "0640", "haproxy"),
        "/usr/bin/program": ("#!/bin/sh\n", "0755", "root"),
    }


def test_one_template_makes_many_files(role: Path) -> None:
    many = [{"template": "part.j2", "path": f"/etc/{b}", "variables": {"b": b}} for b in ("x", "y")]
    files = rendered(role, rendered=many, without=["/etc/a.conf", "/usr/*"])
    assert {path: file[0] for path, file in files.items()} == {"/etc/x": "1 x\n", "/etc/y": "1 y\n"}


def test_a_variable_that_is_not_given_is_an_error(role: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="'a' is undefined"):
        action.render(role, {})


def test_a_file_is_written_once_and_its_difference_shown(tmp_path: Path) -> None:
    path = tmp_path / "new/file"
    for expected in ([str(path)], []):
        places = module.Places(check=False)
        places.file(spec(path, "text\n", "0600"))
        assert places.changed == expected
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("text\n", 0o600)
    places = module.Places(check=True)
    places.file(spec(path, "other\n", "0600"))
    assert places.diff[0]["after"].endswith("other\n")
    assert path.read_text() == "text\n", "check mode wrote"


def test_a_file_that_its_daemon_refuses_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(module.PlaceError, match="the old one stands: `grep` refuses it"):
        module.Places(check=False).file(spec(path, "bad", validate="grep --quiet good %s"))
    module.Places(check=False).file(spec(path, "good", validate="grep --quiet good %s"))
    assert path.read_text() == "good"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"], "something was left behind"


def test_a_link_in_a_file_s_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret", tmp_path / "file"
    secret.write_text("kept")
    path.symlink_to(secret)
    module.Places(check=False).file(spec(path, "new"))
    assert (secret.read_text(), path.read_text(), path.is_symlink()) == ("kept", "new", False)


def test_a_folder_keeps_its_rights_and_what_is_no_folder_is_an_error(tmp_path: Path) -> None:
    folder = {"path": str(tmp_path / "folder"), "mode": "2750", **ME}
    places = module.Places(check=False)
    places.folder(folder)
    places.folder(folder)
    assert places.changed == [folder["path"]]
    assert stat.S_IMODE(Path(folder["path"]).stat().st_mode) == 0o2750
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(module.PlaceError, match="must be a folder"):
        module.Places(check=False).folder(folder | {"path": str(tmp_path / "link")})


def test_what_nobody_placed_goes_but_for_what_may_stay(tmp_path: Path) -> None:
    for name in ("kept/a", "old/b", "kept/made.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    places = module.Places(check=False)
    places.remove_others({"folder": str(tmp_path), "keep": ["*/made.json"]}, {str(tmp_path / "kept/a")})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "kept", "made.json"]
    assert places.changed == [str(tmp_path / "old/b"), str(tmp_path / "old")]


def test_an_account_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(module.PlaceError, match="run the role `baseline` first"):
        module.Places(check=False).file(spec(tmp_path / "x", "", owner="nobody-at-all"))


def test_drop_ins_count_for_the_unit_they_belong_to() -> None:
    folder = "/etc/systemd/system"
    files = [{"path": path} for path in (f"{folder}/a.service", f"{folder}/b.service.d/c.conf", "/etc/d.service")]
    assert module.units_among(files) == ["a.service", "b.service"]
