"""A part of a server: refused or rendered before anything changes, checked before it lands, put in force every time."""

from __future__ import annotations

import base64
import getpass
import grp
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils.testing import patch_module_args

from plugins.action import server_part as action
from plugins.modules import server_part as module
from tests.plugins import actions

ME = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


def spec(path: Path, content: str, mode: str = "0644", **more: Any) -> dict[str, Any]:
    return {"path": str(path), "content": base64.b64encode(content.encode()).decode(), "mode": mode, **ME, **more}


@pytest.fixture
def role(tmp_path: Path) -> Path:
    for name, text in {
        "templates/etc/a.conf.j2": "a = {{ a }}\n",
        "templates/part.j2": "{{ a }} {{ b }}\n",
        "program": "#!/bin/sh\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def rendered(role: Path, **args: Any) -> dict[str, tuple[str, str, str]]:
    files = action.render(role, {"variables": {"a": 1}, **args})
    return {file["path"]: (base64.b64decode(file["content"]).decode(), file["mode"], file["group"]) for file in files}


def test_a_role_s_folders_mirror_the_server(role: Path) -> None:
    program = {"path": "/usr/bin/program", "source": str(role / "program"), "mode": "0755"}
    files = rendered(role, written=[program], rights=[{"match": "/etc/*", "group": "haproxy", "mode": "0640"}])
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


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_is_made_others_may_read_whatever_umask_a_login_has(tmp_path: Path, umask: int) -> None:
    """Under 077 a folder of ours was closed to the station and its people: "in no definition", and nobody got in."""
    path = tmp_path / "werkplaats/people/steward"
    script = f"""
import json, os, sys
from ansible.module_utils.testing import patch_module_args
from plugins.modules import server_part
os.umask({umask})
with patch_module_args(json.loads(sys.argv[1])):
    server_part.main()
"""
    wants = json.dumps({"files": [spec(path, "key\n")]})
    done = subprocess.run([sys.executable, "-c", script, wants], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parents[1])} == {0o755}


def test_a_folder_that_was_made_closed_is_opened_where_nobody_gave_it_a_mode(tmp_path: Path) -> None:
    path, given = tmp_path / "closed/file", tmp_path / "given"
    module.Places(check=False).file(spec(path, "text\n"))
    given.mkdir(mode=0o700)
    path.parent.chmod(0o700)
    for expected in ([str(path.parent)], []):
        places = module.Places(check=False)
        places.remove_others({"folder": str(tmp_path)}, {str(path), str(given)})
        assert places.changed == expected
    assert (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(given.stat().st_mode)) == (0o755, 0o700)


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


PACKAGES = {"names": ["haproxy"], "released": []}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"refuse": ["no room", "no clock"]}, "no room; no clock"),
        ({"variables": {}}, "role tested, .*'a' is undefined"),
        ({"written": [{"path": "/etc/x", "source": "/nowhere/x"}]}, "/nowhere/x is missing; take a complete copy"),
    ],
)
def test_what_is_refused_or_cannot_be_rendered_changes_nothing(role: Path, args: dict[str, Any], said: str) -> None:
    asked = actions.Asked()
    with pytest.raises(AnsibleActionFail, match=said):
        actions.run(action, asked, role=role, **{"packages": PACKAGES, "variables": {"a": 1}, **args})
    assert asked.modules == []


def test_outside_a_role_there_is_nothing_to_place() -> None:
    with pytest.raises(AnsibleActionFail, match="belongs in a role"):
        actions.run(action, actions.Asked())


def test_only_what_is_lacking_is_installed_and_both_are_told(role: Path) -> None:
    asked = actions.Asked(debian_packages={"changed": True, "msg": "installed haproxy"})
    result = actions.run(action, asked, role=role, packages=PACKAGES, variables={"a": 1})
    assert [name for name, _ in asked.modules] == ["debian_packages", "server_part"]
    assert asked.modules[0][1] == PACKAGES
    assert (result["changed"], result["msg"]) == (True, "installed haproxy; as it should be")

    asked = actions.Asked()
    assert actions.run(action, asked, role=role, packages={}, variables={"a": 1})["changed"] is False
    assert [name for name, _ in asked.modules] == ["server_part"]


def test_without_its_packages_nothing_is_placed(role: Path) -> None:
    asked = actions.Asked(debian_packages={"failed": True, "msg": "no mirror"})
    assert actions.run(action, asked, role=role, packages=PACKAGES, variables={"a": 1})["msg"] == "no mirror"
    assert [name for name, _ in asked.modules] == ["debian_packages"]


def test_the_module_gets_rendered_files_and_nothing_that_was_for_rendering(role: Path) -> None:
    asked = actions.Asked()
    given: dict[str, Any] = {
        "refuse": [],
        "validate": [{"match": "/etc/*", "command": "check %s"}],
        "without": ["/usr/*"],
    }
    actions.run(action, asked, role=role, variables={"a": 1}, programs=[["p"]], **given)
    [(name, wants)] = asked.modules
    assert (name, set(wants), wants["programs"]) == ("server_part", {"files", "programs"}, [["p"]])
    assert [file["path"] for file in wants["files"]] == ["/etc/a.conf"]


def placed(capsys: pytest.CaptureFixture[str], **args: Any) -> dict[str, Any]:
    """Run the module as Ansible does; returns its result."""
    with patch_module_args(args), pytest.raises(SystemExit):
        module.main()
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def program(tmp_path: Path) -> Any:
    """Make a program of ours that counts its runs in `runs`, says what it is told to and ends with a code."""

    def make(said: str, code: int = 0, error: str = "") -> list[str]:
        script = 'echo run >> "$1"; printf %s "$2"; printf %s "$3" >&2; exit "$4"'
        return ["sh", "-c", script, "program", str(tmp_path / "runs"), said, error, str(code)]

    return make


@pytest.mark.parametrize(
    ("said", "changed", "message"),
    [
        ({"changed": False, "message": "in force"}, False, "as it should be"),
        ({"changed": True, "message": "loaded"}, True, "loaded"),
        ({"changed": False, "message": "at the next upgrade", "waits": True}, False, "at the next upgrade"),
        ({"changed": False, "message": "in force", "waits": False}, False, "as it should be"),
    ],
)
def test_a_program_runs_every_time_and_tells_what_it_did_or_waits_for(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    program: Any,
    said: dict[str, Any],
    changed: bool,
    message: str,
) -> None:
    for times in (1, 2):
        result = placed(capsys, programs=[program(json.dumps(said))])
        assert (tmp_path / "runs").read_text() == "run\n" * times
        assert (result["changed"], result["msg"]) == (changed, message)
        assert (result["programs"], result["waits"]) == ([said], said.get("waits", False))


def test_check_mode_runs_no_program_and_no_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: Any
) -> None:
    words = program('{"changed": true, "message": "loaded"}')
    result = placed(capsys, programs=[words], commands=[words], _ansible_check_mode=True)
    assert not (tmp_path / "runs").exists()
    assert (result["changed"], result["programs"], result["waits"]) == (False, [], False)


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        ('{"changed": false, "message": "an older list"}', "", "failed: an older list"),
        ('{"changed": false, "message": "an older list"}', "sshd refuses", "failed: sshd refuses"),
        ("no JSON", "", "failed: no JSON"),
    ],
)
def test_a_program_that_fails_is_named_with_its_words_and_what_was_placed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: Any, said: str, error: str, sentence: str
) -> None:
    path, after = tmp_path / "file", ["touch", str(tmp_path / "after")]
    result = placed(capsys, files=[spec(path, "text")], programs=[program(said, 1, error), after])
    assert result["failed"]
    assert result["msg"].endswith(sentence)
    assert result["placed"] == [str(path)]
    assert not (tmp_path / "after").exists(), "the next program ran all the same"


@pytest.mark.parametrize("said", ["", "done", "[]", '{"message": "what became of it?"}'])
def test_a_program_that_does_not_tell_what_it_did_is_a_sentence(
    capsys: pytest.CaptureFixture[str], program: Any, said: str
) -> None:
    result = placed(capsys, programs=[program(said)])
    assert result["failed"]
    assert "does not tell what it did" in result["msg"]


def test_commands_come_after_the_files_and_before_the_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, copy = tmp_path / "file", tmp_path / "copy"
    said = '{"changed": true, "message": "loaded"}'
    script = f"test -e {copy} && printf %s '{said}'"
    result = placed(
        capsys, files=[spec(path, "text")], commands=[["cp", str(path), str(copy)]], programs=[["sh", "-c", script]]
    )
    assert (result["changed"], result["msg"]) == (True, f"{path}, cp {path} {copy}; loaded")


@pytest.mark.parametrize("printed", ["", "loaded", "[]", "[" * 100_000], ids=lambda text: text[:16])
def test_a_program_that_prints_something_else_told_nothing(printed: str) -> None:
    assert module.told(printed) == {}


@pytest.mark.parametrize(
    ("shown", "reads"),
    [
        ("NeedDaemonReload=no\nLoadState=loaded", False),
        ("NeedDaemonReload=yes\nLoadState=loaded", True),
        ("NeedDaemonReload=no\nLoadState=not-found", True),
        ("NeedDaemonReload=no\nLoadState=error", True),
    ],
)
def test_systemd_reads_units_anew_that_changed_or_that_it_would_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str, reads: bool
) -> None:
    """`error` is of one that had failed when its file was taken away, and is there again: seen on a server."""
    (tmp_path / "systemctl").write_text(
        f'#!/bin/sh\ntest "$1" = show && echo "{shown}" || echo "$1" >> {tmp_path}/ran\n'
    )
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert module.reload_units(module.Places(check=False), ["one.service"]) is reads
    assert (tmp_path / "ran").exists() is reads
