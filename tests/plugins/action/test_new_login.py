"""A program over a login of its own: as root, with a file streamed into it, failing with its own words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugins.action import new_login
from tests.plugins import actions

# Stands in for ssh and, on the server, for sudo: the last word of ssh is the command line.
SSH = '#!/bin/sh\nprintf "%s\\n" "$@" > "$SSH_WORDS"\nfor line; do :; done\nexec sh -c "$line"\n'
SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n'


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in notes how it was called."""
    for name, script in (("ssh", SSH), ("sudo", SUDO)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SSH_WORDS", str(tmp_path / "words"))
    return tmp_path / "words"


@pytest.mark.parametrize("check", [False, True])
def test_a_file_that_is_not_here_is_a_sentence_before_any_login(words: Path, tmp_path: Path, check: bool) -> None:
    given = tmp_path / "image.tar"
    result = actions.run(new_login, actions.Asked(), check=check, argv=["cat"], given=str(given))
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == f"{given} is missing; build or fetch it first"
    assert not words.exists()


def test_check_mode_says_that_it_would_run_and_logs_in_nowhere(words: Path) -> None:
    result = actions.run(new_login, actions.Asked(), check=True, argv=["false"])
    assert result["changed"]
    assert not result.get("failed")
    assert not words.exists()


def test_a_file_is_streamed_in_over_a_connection_of_its_own(words: Path, tmp_path: Path) -> None:
    given = tmp_path / "image.tar"
    given.write_bytes(b"a layer")
    result = actions.run(new_login, actions.Asked(), argv=["sh", "-c", 'cat; echo " for $1"', "x", "a b"], given=given)
    assert (result["changed"], result["stdout"]) == (True, "a layer for a b\n")
    called = words.read_text().splitlines()
    assert "beheer@192.0.2.1" in called
    assert {"BatchMode=yes", "ControlMaster=no", "ControlPath=none"} <= set(called)


@pytest.mark.parametrize("asking", [False, True])
def test_where_a_server_asks_something_who_sits_at_the_terminal_answers(
    words: Path, monkeypatch: pytest.MonkeyPatch, asking: bool
) -> None:
    """A login of its own was refused, and with it the change of sshd that it shall prove."""
    denied = '#!/bin/sh\necho "$WERKPLAATS_ASKED_ABOUT" > "$SSH_WORDS"\ncase "$*" in *BatchMode=yes*)\n'
    denied += '  echo "een: Permission denied (keyboard-interactive)." >&2; exit 255;;\nesac\n'
    (words.parent / "ssh").write_text(denied)
    if asking:
        monkeypatch.setenv(new_login.ASKING, "/somewhere")
    result = actions.run(new_login, actions.Asked(), argv=["true"])
    assert result.get("failed", False) != asking
    assert words.read_text() == "een, a new login\n"


def test_on_a_server_that_is_here_it_is_run_without_a_login_with_the_file_as_its_input(
    words: Path, tmp_path: Path
) -> None:
    given = tmp_path / "an image.tar"
    given.write_bytes(b"a layer")
    argv = ["sh", "-c", 'cat; echo " for $1"; echo no >&2; exit $2', "x", "a b"]
    result = actions.run(new_login, actions.Asked(), connection="local", argv=[*argv, "0"], given=given)
    assert (result["changed"], result["stdout"]) == (True, "a layer for a b\n")
    result = actions.run(new_login, actions.Asked(), connection="local", argv=[*argv, "3"], given=given)
    assert (result["failed"], result["msg"]) == (True, "no")
    assert not words.exists()


def test_what_the_inventory_says_comes_after_what_must_hold() -> None:
    shared = "-o ControlPath=/run/shared -o StrictHostKeyChecking=yes"
    variables = {
        "ansible_user": "beheer",
        "ansible_host": "192.0.2.1",
        "ansible_port": 2222,
        "ansible_ssh_common_args": shared,
        "ansible_ssh_private_key_file": "/keys/one",
    }
    command = new_login.ssh_command(variables)
    assert command.index("ControlPath=none") < command.index("ControlPath=/run/shared"), "ssh takes the first"
    assert command[-5:] == ["-i", "/keys/one", "-p", "2222", "beheer@192.0.2.1"]
    assert new_login.ssh_command(variables, for_engine=True) == command, "nobody told of a login that is shared"
    own = new_login.ssh_command({**variables, "engine_host": "een.engine"}, for_engine=True)
    assert own[-1] == "beheer@een.engine"
    assert "ControlPath=/run/shared" in own
    assert "ControlPath=none" not in own


def test_of_a_server_of_an_ssh_config_nothing_is_said_but_its_name() -> None:
    variables = {"inventory_hostname": "een", "ansible_ssh_common_args": "-F '/run/an ssh_config'"}
    assert new_login.ssh_command(variables)[-3:] == ["-F", "/run/an ssh_config", "een"]
    shared = new_login.ssh_command({**variables, "engine_host": "een.engine"}, for_engine=True)
    assert shared[-3:] == ["-F", "/run/an ssh_config", "een.engine"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo out; echo the  reason >&2; exit 3", "the reason"),
        ("echo only this; exit 3", "only this"),
        ("exit 3", "ended with 3"),
    ],
)
@pytest.mark.usefixtures("words")
def test_a_program_that_fails_tells_why(script: str, said: str) -> None:
    result = actions.run(new_login, actions.Asked(), argv=["sh", "-c", script])
    assert result["failed"]
    assert said in result["msg"]
