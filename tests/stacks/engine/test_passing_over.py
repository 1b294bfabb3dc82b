"""The ssh that the engine finds, against a login that prints: real ssh, and shells of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.engine import install, passing_over
from tests.werkplaats.operations.reach.test_remote import BEFORE, Sshd, key
from werkplaats.operations.reach import ssh_config
from werkplaats.operations.reach.servers import KnownHosts, Server

BYTES = bytes(range(256)) * 3_000
# The program, run by whom its first word says.
AS = """
import os, runpy, sys
os.geteuid = lambda number=int(sys.argv.pop(1)): number
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
ANSWERS = f"{sys.executable} -c 'import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())'"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    made = Sshd(key(tmp_path, "host"))
    made.tells_errors = True
    yield made
    made.close()


@pytest.fixture
def config(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ssh_config, "OWN", (str(tmp_path / "none"),))
    server = Server("ggd", "127.0.0.1", sshd.fingerprint, port=sshd.port, key=key(tmp_path, "operator_s"))
    hosts = KnownHosts(tmp_path / "known_hosts")
    hosts.learn(server, sshd.host_key.get_base64())
    path = tmp_path / "ssh" / "config"
    ssh_config.write(path, [server], hosts.path)
    return path


def words(config: Path, command: str = ANSWERS, path: Path | None = install.PROGRAMS) -> list[str]:
    """As docker/cli asks for it: `connhelper` 28.5."""
    ssh = str(path / "ssh") if path else "ssh"
    return [ssh, "-F", str(config), "-o ConnectTimeout=30", "-T", "--", "ggd.engine", command]


def said(command: list[str], given: bytes = BYTES) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("before", ["", *BEFORE.values()], ids=["nothing", *BEFORE])
def test_what_a_login_prints_is_passed_over_and_what_the_program_says_is_not(
    sshd: Sshd, config: Path, before: str
) -> None:
    """The defence off: by ssh itself, what the login prints comes first, and Docker's client takes it for HTTP."""
    sshd.before = before
    assert said(words(config)).stdout == BYTES
    assert (said(words(config, path=None)).stdout == BYTES) == (not before)


@pytest.mark.parametrize("shell", ["bash", "dash", "tcsh", "fish"])
def test_whatever_shell_the_login_has(sshd: Sshd, config: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    sshd.shell, sshd.before = [shell, "-c"], "echo Welkom; "
    assert said(words(config)).stdout == BYTES


@pytest.mark.usefixtures("sshd")
def test_the_engine_is_root_s_whatever_a_login_has_for_itself(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that runs containers of its own without root had the station made there."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    monkeypatch.setenv("DOCKER_CONTEXT", "rootless")
    monkeypatch.setenv("PATH", f"/home/beheer/bin:{os.environ['PATH']}")
    told = said(words(config, "env")).stdout.decode().splitlines()
    found = {line for line in told if line.startswith(("DOCKER", "PATH="))}
    assert found == {"DOCKER_CONTEXT=default", f"PATH={passing_over._PATH}"}


def test_what_a_program_ends_with_and_says_of_errors_is_told(config: Path) -> None:
    done = said(words(config, "sh -c 'echo denied >&2; exit 3'"))
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"denied\n")


def test_a_login_that_ends_before_the_program_is_told_with_what_it_prints(sshd: Sshd, config: Path) -> None:
    sshd.before = "echo This account is currently not available.; exit 1; "
    done = said(words(config))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"This account is currently not available." in done.stderr


def test_a_login_that_prints_for_ever_is_told(sshd: Sshd, config: Path) -> None:
    sshd.before = "yes | head -c 3000000; "
    done = said(words(config))
    assert done.stdout == b""
    assert b"its login prints more than 1 MiB before any program begins" in done.stderr


def test_another_use_of_ssh_is_ssh_s(sshd: Sshd, config: Path) -> None:
    """As of ssh itself on its way to a host that is jumped over."""
    sshd.before = "echo Welkom; "
    done = said([str(install.PROGRAMS / "ssh"), "-F", str(config), "ggd", "echo", "hier"], b"")
    assert done.stdout == b"Welkom\nhier\n"


def test_the_process_that_was_started_is_ssh_and_nothing_of_it_stays(config: Path) -> None:
    """Docker's client ends a connection by a signal to what it started."""
    with subprocess.Popen(words(config, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"hier\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"hier\n"
        assert Path(f"/proc/{process.pid}/exe").readlink().name == "ssh"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"", "whoever passes on has it open as long as it lives"
        process.wait(10)


@pytest.mark.parametrize("is_root", [True, False])
def test_of_a_server_that_is_here_the_program_is_run_and_nobody_logs_in(is_root: bool) -> None:
    """The words are those of ever, so that Pulumi sees no change; others of the configuration are logged in to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, sudo, ssh = folder / "config", folder / "sudo", folder / "ssh"
        servers = [Server("zorg", "192.0.2.1", "SHA256:x"), Server("ggd", "", "", user="root", here=True)]
        config.write_text(ssh_config.render(servers, folder / "known_hosts", folder))
        sudo.write_text('#!/bin/sh\necho "sudo $1"\nshift\nexec "$@"\n')
        ssh.write_text("#!/bin/sh\necho logs in\n")
        for path in (folder, sudo, ssh):
            path.chmod(0o755)
        found = {"DOCKER_HOST": "unix:///run/user/1000/docker.sock", "PATH": f"{folder}:/usr/bin:/bin"}

        def told(host: str) -> list[str]:
            command = [sys.executable, "-ISc", AS, str(0 if is_root else 1000), *words(config)[:-2], f"{host}.engine"]
            done = subprocess.run([*command, "env"], env=found, capture_output=True, text=True, check=False)
            assert not done.returncode or host == "zorg", done.stderr
            return [line for line in done.stdout.splitlines() if line.startswith(("sudo", "DOCKER", "PATH"))]

        assert told("ggd") == [
            *(() if is_root else ("sudo -n",)),
            f"PATH={passing_over._PATH}",
            "DOCKER_CONTEXT=default",
        ]
        assert told("zorg") == []


def test_without_openssh_it_is_said(tmp_path: Path) -> None:
    found = {"PATH": f"{install.PROGRAMS}:{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-IS", install.PROGRAMS / "ssh"], env=found, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "there is no ssh on PATH; install OpenSSH's client\n")
