"""The server that the command runs on: programs are root's there, and nobody logs in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.stations import wait_until
from tests.werkplaats.operations.reach.terminals import Terminal
from werkplaats.operations.reach import here, remote
from werkplaats.operations.reach.servers import Server, UnreachableError, fingerprint

# Stands in for sudo: with `ASKS` it wants a password, which somebody gives once, and which it knows at that terminal.
SUDO = """#!/bin/sh
given="${0%/*}/given"
case $1 in
-v)
    test "$ASKS" || exit 1
    printf 'Password: ' > /dev/tty; read -r line < /dev/tty
    test "$line" = geheim && touch "$given";;
-n)
    test -z "$ASKS" || { test -e "$given" && (: < /dev/tty); } 2>/dev/null ||
        { echo "sudo: a password is required" >&2; exit 1; }
    shift; exec env --unset=DOCKER_HOST "$@";;
esac
"""
# Asks the server of an inventory that is here, by sudo, and says what comes of it.
ASKS = """
import os, subprocess, sys
from pathlib import Path
from stacks.engine import install
from tests.stacks.engine.test_passing_over import AS
from werkplaats.operations.reach import here, remote
from werkplaats.operations.reach.servers import Server
here._is_root = lambda: False
here.HOST_KEY = Path("/none")
folder = Path(sys.argv[1])
with remote.Remotes([Server("gelre", "", "", here=True, user="root")], folder, folder / "config") as remotes:
    print("lost:", remotes.probe(), flush=True)
    print("said:", remotes.ask("gelre", "echo", "hier").stdout, flush=True)
    words = ["-F", folder / "config", "-T", "--", "gelre.engine", "sh -c 'cat; echo daar >&2; exit 3'"]
    def engine():
        command = [sys.executable, "-ISc", AS, "1000", install.PROGRAMS / "ssh", *words]
        done = subprocess.run(command, input=b"hier", capture_output=True, start_new_session=True)
        print("engine:", done.returncode, done.stdout, done.stderr, flush=True)
    engine()
    remotes.open_for_engine(["gelre"])
    engine()
    remotes.ask("gelre", "sh", "-c", sys.argv[2])
    print("not interrupted", flush=True)
"""
SERVER = Server("gelre", "", "", here=True, user="root")


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sudo").write_text(SUDO)
    (tmp_path / "bin" / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "bin" / "sudo"


@pytest.fixture(params=["root's", "by sudo"])
def remotes(
    request: pytest.FixtureRequest, tmp_path: Path, sudo: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[remote.Remotes]:
    if request.param == "by sudo":
        monkeypatch.setattr(here, "_is_root", lambda: False)
    else:
        sudo.unlink()  # a server whose operator is root need not have it
    monkeypatch.setattr(here, "HOST_KEY", tmp_path / "host.pub")
    with remote.Remotes([SERVER], tmp_path / "ssh", tmp_path / "config") as made:
        yield made


def test_a_program_is_root_s_as_over_a_login_whatever_who_runs_this_has_for_itself(
    remotes: remote.Remotes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    monkeypatch.setenv("LANGUAGE", "nl")
    assert remotes.begin() == {}
    told = remotes.ask("gelre", "env").stdout.splitlines()
    assert {"SUDO_USER=root", "SUDO_UID=0", "SUDO_GID=0", "LC_ALL=C.UTF-8"} <= set(told)
    assert not [line for line in told if line.startswith(("DOCKER_HOST", "LANGUAGE"))]
    before = os.umask(0o077)
    try:
        done = remotes.run("gelre", ("sh", "-c", f"cat; umask > {tmp_path / 'umask'}; exit 3"), b"\0given" * 100_000)
    finally:
        os.umask(before)
    assert done == (3, b"\0given" * 100_000, b"")
    assert (tmp_path / "umask").read_text() == "0022\n"
    assert "is this machine" not in remotes.ask("gelre", "echo", "twice").stdout


def test_what_takes_too_long_is_waited_for_no_more_and_goes_on_as_on_a_server(
    remotes: remote.Remotes, tmp_path: Path
) -> None:
    with pytest.raises(UnreachableError, match=r"gelre: no answer within 0 s"):
        remotes.run("gelre", ("sh", "-c", f"sleep 1; touch {tmp_path / 'done'}"), seconds=0.3)
    assert not (tmp_path / "done").exists()
    wait_until((tmp_path / "done").exists, "the program's own end", 20)
    assert remotes.ask("gelre", "echo", "hier").stdout == "hier\n"


def test_a_password_that_nobody_can_give_is_a_sentence(
    tmp_path: Path, sudo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sudo.exists()
    monkeypatch.setattr(here, "_is_root", lambda: False)
    monkeypatch.setattr(here, "HOST_KEY", tmp_path / "none")
    monkeypatch.setenv("ASKS", "1")
    with remote.Remotes([SERVER], tmp_path / "ssh", tmp_path / "config") as remotes:
        told = remotes.probe()["gelre"]
        assert told == f"sudo: a password is required; {here.REMEDY}"
        with pytest.raises(UnreachableError, match="gelre: sudo: a password is required; let your login"):
            remotes.ask("gelre", "true")


def test_sudo_asks_once_at_the_terminal_for_the_engine_too_and_an_interrupt_ends_nothing_of_root_s(
    tmp_path: Path, sudo: Path
) -> None:
    assert sudo.exists()
    line = f"touch {tmp_path / 'begun'}; sleep 2; touch {tmp_path / 'done'}"
    with Terminal(ASKS, tmp_path / "ssh", line, ASKS="1") as terminal:
        said = terminal.until("Password: ")
        assert said == "gelre: sudo asks for the password of your login, to be root here\r\n"
        terminal.type("geheim\n")
        assert "lost: {}" in terminal.until("said: hier")
        terminal.until("engine: ")
        assert terminal.until("\r\n") == r"1 b'' b'sudo: a password is required\n'"
        terminal.until("engine: ")
        assert terminal.until("\r\n") == r"3 b'hier' b'daar\n'"
        wait_until((tmp_path / "begun").exists, "the program", 20)
        terminal.type("\x03")
        assert "Password" not in terminal.until("KeyboardInterrupt")
        terminal.end()
    assert not (tmp_path / "done").exists(), "it was waited for"
    wait_until((tmp_path / "done").exists, "the program's own end", 20)


def test_a_third_machine_is_not_made_into_the_server_by_a_vault_that_was_copied(
    remotes: remote.Remotes, tmp_path: Path
) -> None:
    keys = [f"ssh-ed25519 {one * 16} root@gelre\n" for one in ("AAAA", "BBBB")]
    here.HOST_KEY.write_text(keys[0])
    assert remotes.probe() == {}
    assert remotes.probe() == {}
    here.HOST_KEY.write_text(keys[1])
    told = remotes.probe()["gelre"]
    assert told.startswith(
        f"this machine has host key {fingerprint('BBBB' * 16)}, and the server of gelre had {fingerprint('AAAA' * 16)}"
    )
    assert f"take its line out of {tmp_path / 'ssh' / 'known_hosts'}" in told


def test_a_login_that_this_machine_has_not_is_a_sentence(tmp_path: Path) -> None:
    with remote.Remotes(
        [Server("gelre", "", "", here=True, user="niemand-hier")], tmp_path / "ssh", tmp_path / "config"
    ) as remotes:
        assert remotes.probe()["gelre"].startswith("this machine has no account 'niemand-hier'; write the operator's")


def test_who_asks_ssh_for_it_is_told_that_it_is_here(remotes: remote.Remotes) -> None:
    """By hand, say, after the inventory changed; other servers are reached as ever."""
    for name in ("gelre", "gelre.engine", "gelre.people"):
        done = subprocess.run(["ssh", "-F", remotes.config, name], capture_output=True, text=True, check=False)
        assert done.returncode == 255
        assert "gelre is this machine: nobody logs in to it" in done.stderr.splitlines()
