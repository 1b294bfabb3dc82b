"""The first login, where the host key must be the one of the inventory, and programs that are run as root after it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from base import errors
from werkplaats.operations.reach import connections, remote, shell, ssh_config
from werkplaats.operations.reach.servers import Server, UnreachableError


def key(folder: Path, name: str) -> Path:
    path = folder / name
    private = ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    return path


SUDO = """#!/bin/sh
shift
for begins; do :; done
echo $$ >> "$ASKED"
if [ "$INSTEAD" ]; then exec sh -c "$INSTEAD" "$begins"; fi
exec "$@"
"""


class Sshd(paramiko.ServerInterface):
    """Lets everybody in who has a key, remembers that somebody asked, and runs commands by the login's shell.

    `before` is what a login prints by itself; `instead` is what runs instead of what sudo would run.
    """

    def __init__(self, host_key: Path) -> None:
        self.host_key = paramiko.Ed25519Key.from_private_key_file(str(host_key))
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[paramiko.Transport] = []
        self._folder = host_key.parent / "sudo"
        self._folder.mkdir()
        (self._folder / "sudo").write_text(SUDO)
        (self._folder / "sudo").chmod(0o755)
        self.before, self.instead, self.shell = "", "", ["sh", "-c"]
        self.slow = 0.0
        self.turns_away = 0
        """So many connections from now on are ended before it says who it is, as sshd does at MaxStartups."""
        self.silent: list[socket.socket] = []
        self.hears = True
        """Else the next connection is never answered, as one to a server that is too busy."""
        self.tells_errors = False  # of what it runs
        self.lets_in = False
        self.forwarded: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def processes(self) -> list[int]:
        """Ids of the processes that sudo started."""
        path = self._folder / "asked"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    @property
    def fingerprint(self) -> str:
        return f"SHA256:{self.host_key.fingerprint.removeprefix('SHA256:')}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self.turns_away:
                self.turns_away -= 1
                connection.close()
                continue
            if not self.hears:
                self.hears = True
                self.silent.append(connection)
                continue
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.start_server(threading.Event(), self)  # who looks at the key and goes is no error here
            self._open.append(transport)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        threading.Event().wait(self.slow)
        self.asked.append(username)
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_auth_none(self, username: str) -> int:  # noqa: ARG002
        return int(paramiko.AUTH_SUCCESSFUL if self.lets_in else paramiko.AUTH_FAILED)

    def check_channel_forward_agent_request(self, channel: paramiko.Channel) -> bool:  # noqa: ARG002
        self.forwarded.append("agent")
        return True

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        environment = {"ASKED": str(self._folder / "asked"), "INSTEAD": self.instead}
        path = {"PATH": f"{self._folder}:{os.environ['PATH']}"}
        # Without a buffer: the channel's files take every line at once.
        process = subprocess.Popen(
            [*self.shell, self.before + command.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self.tells_errors else None,
            bufsize=0,
            env={**os.environ, **environment, **path},
        )
        for pumped in (self._to, self._from):
            threading.Thread(target=pumped, args=(process, channel), daemon=True).start()
        return True

    @staticmethod
    def _to(process: subprocess.Popen[bytes], channel: paramiko.Channel) -> None:
        assert process.stdin
        with contextlib.suppress(BrokenPipeError):  # it reads no more
            while data := channel.recv(65536):
                process.stdin.write(data)
        process.stdin.close()

    @staticmethod
    def _from(process: subprocess.Popen[bytes], channel: paramiko.Channel) -> None:
        assert process.stdout
        with contextlib.suppress(OSError, EOFError):  # nobody reads any more
            while data := process.stdout.read(65536):
                channel.sendall(data)
            if process.stderr:
                channel.sendall_stderr(process.stderr.read())
            channel.send_exit_status(process.wait())
        channel.close()

    def begin_anew(self, host_key: Path) -> None:
        """As a server that was made anew, or another one at its address."""
        self.host_key, self.asked = paramiko.Ed25519Key.from_private_key_file(str(host_key)), []
        self._cut()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # whoever waits for a caller has it open still
        self._socket.close()
        self._cut()

    def _cut(self) -> None:
        for transport in self._open:
            transport.close()


@pytest.fixture
def server(sshd: Sshd, tmp_path: Path) -> Server:
    return Server("ggd", "127.0.0.1", sshd.fingerprint, port=sshd.port, key=key(tmp_path, "own"))


def tried(server: Server, folder: Path) -> tuple[str, str]:
    """Why it cannot be reached (empty when it can), and known_hosts afterwards."""
    with remote.Remotes([server], folder, folder / "config") as remotes:
        return remotes.probe().get(server.organisation, ""), remotes.known_hosts.read_text()


def other(server: Server, fingerprint: str) -> Server:
    return Server(server.organisation, server.host, fingerprint, port=server.port, key=server.key)


def test_the_key_of_the_inventory_is_kept_for_ssh(server: Server, tmp_path: Path, sshd: Sshd) -> None:
    for _ in range(2):
        reason, known = tried(server, tmp_path / "ssh")
        assert not reason
        assert known.strip() == f"ggd ssh-ed25519 {sshd.host_key.get_base64()}"


def test_another_key_is_refused_before_anything_is_sent(server: Server, tmp_path: Path, sshd: Sshd) -> None:
    wrong = "SHA256:" + "A" * 43
    reason, known = tried(other(server, wrong), tmp_path / "ssh")
    assert f"shows host key {sshd.fingerprint}, the inventory says {wrong}" in reason
    assert (known, sshd.asked) == ("", [])


def test_a_server_that_shows_another_key_than_it_did_is_refused(server: Server, tmp_path: Path, sshd: Sshd) -> None:
    assert not tried(server, tmp_path / "ssh")[0]
    before = sshd.fingerprint
    sshd.begin_anew(key(tmp_path, "stranger"))
    reason, known = tried(server, tmp_path / "ssh")
    assert f"shows host key {sshd.fingerprint}, the inventory says {before}" in reason
    assert sshd.host_key.get_base64() not in known
    assert sshd.asked == []


def test_a_server_that_was_made_anew_is_known_when_the_inventory_says_so(
    server: Server, tmp_path: Path, sshd: Sshd
) -> None:
    assert not tried(server, tmp_path / "ssh")[0]
    sshd.begin_anew(key(tmp_path, "new"))
    reason, known = tried(other(server, sshd.fingerprint), tmp_path / "ssh")
    assert not reason
    assert known.split()[-1] == sshd.host_key.get_base64()


@pytest.mark.parametrize(
    "left", [b"[127.0.0.1]:1 ssh-ed25519 AAAAC3N", b"\xff\xfe a b\n", b"[127.0.0.1]:1 ssh-ed25519"]
)
def test_known_hosts_that_were_cut_short_stop_nobody(server: Server, tmp_path: Path, sshd: Sshd, left: bytes) -> None:
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh/known_hosts").write_bytes(left)
    reason, known = tried(server, tmp_path / "ssh")
    assert not reason
    assert known.strip() == f"ggd ssh-ed25519 {sshd.host_key.get_base64()}"


def test_known_hosts_are_whole_whenever_they_are_read(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "ssh/known_hosts"
    assert not tried(server, tmp_path / "ssh")[0]
    with path.open() as open_before:
        assert "shows host key" in tried(other(server, "SHA256:" + "A" * 43), tmp_path / "ssh")[0]
        assert open_before.read(), "it was written in place"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def remotes(server: Server, tmp_path: Path) -> Iterator[remote.Remotes]:
    with remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as made:
        yield made


def test_who_answers_is_begun_with_at_once_and_who_does_not_is_told_as_ever(
    server: Server, tmp_path: Path, sshd: Sshd
) -> None:
    wrong = dataclasses.replace(server, organisation="anders", host_key="SHA256:" + "A" * 43)
    with remote.Remotes([server, wrong], tmp_path / "ssh", tmp_path / "config") as remotes:
        told = remotes.begin()
        assert told.keys() == {"anders"}
        assert "shows host key" in told["anders"]
        assert remotes.ask("ggd", "echo", "hier").stdout == "hier\n"
        assert len(sshd.processes) == 1, "the process that was begun serves what is asked next"
        assert remotes.probe() == told


@pytest.mark.parametrize("known", [False, True])
def test_a_server_that_says_nothing_is_called_once_where_others_wait_for_it(
    server: Server, tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """A revocation waited 120 s for one that hung, and came to the others then."""
    assert not known or not tried(server, tmp_path / "ssh")[0]
    sshd.begin_anew(tmp_path / "host")
    monkeypatch.setattr(ssh_config, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = dataclasses.replace(server, port=silent.getsockname()[1])
        with remote.Remotes([hung], tmp_path / "ssh", tmp_path / "config") as remotes:
            assert "timed out during banner exchange" in remotes.begin()["ggd"]
        silent.settimeout(0.5)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_program_gets_its_input_and_tells_all_that_it_said(remotes: remote.Remotes) -> None:
    answer = remotes.ask("ggd", "sh", "-c", 'cat; echo "$0" >&2; exit 3', "één 'woord'", given="regel 1\nregel 2\n")
    assert answer == remote.Done("regel 1\nregel 2\n", "één 'woord'\n", 3)
    assert remotes.run("ggd", ["printf", r"\377\000"]) == (0, b"\xff\x00", b"")


def test_a_program_is_started_as_by_a_login(remotes: remote.Remotes) -> None:
    """Python ignores two signals, which what it starts inherits; and what stays behind holds nobody up."""
    ignored = int(remotes.ask("ggd", "sed", "-n", "s/^SigIgn:\t//p", "/proc/self/status").stdout, 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    assert remotes.run("ggd", ["sh", "-c", "kill -TERM $$"])[0] == -signal.SIGTERM
    assert remotes.ask("ggd", "sh", "-c", "sleep 20 & echo $!", seconds=10).stdout
    assert remotes.ask("ggd", "sh", "-c", "umask; ls /proc/self/fd | wc -l").stdout.split() == ["0022", "4"]


@pytest.mark.parametrize("kept", [-1, -2, -21, -24])
def test_a_line_that_was_cut_off_on_the_way_runs_nothing(tmp_path: Path, kept: int) -> None:
    """A connection that is lost in the middle of a file would have placed the half of it."""
    line = shell._line(["sh", "-c", 'cat > "$0"', str(tmp_path / "placed")], b"0123456789\n")
    for sent, there in ((line[:kept], False), (line, True)):
        command = [sys.executable, "-ISc", shell._PROGRAM, "begins"]
        done = subprocess.run(command, input=sent, capture_output=True, check=True)
        assert (tmp_path / "placed").exists() is there, done
        assert done.stdout == (b"begins\n0  \n" if there else b"begins\n")


@pytest.mark.parametrize("word", ["\ud800", "a\0b"])
def test_a_word_that_no_program_can_have_is_one_servers_trouble(remotes: remote.Remotes, word: str) -> None:
    """Servers tell names and ids, and a command may be made of them."""
    found = remotes.ask_all(["ggd"], "echo", word)["ggd"]
    assert isinstance(found, UnreachableError)
    assert "no program can be given such words" in str(found)
    assert remotes.ask("ggd", "echo", "é").stdout == "é\n"
    assert remotes.ask("ggd", "").exited == 127


def test_what_is_larger_than_a_pipe_goes_both_ways(remotes: remote.Remotes) -> None:
    given = bytes(range(256)) * 20_000
    assert remotes.run("ggd", ["tee", "/dev/stderr"], given) == (0, given, given)


def test_a_program_that_is_not_there_is_an_answer(remotes: remote.Remotes) -> None:
    answer = remotes.ask("ggd", "does-not-exist")
    assert answer.exited == 127
    assert "does-not-exist" in answer.stderr


def test_programs_speak_english_whatever_the_server_s_language(
    remotes: remote.Remotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LANG": "nl_NL.UTF-8", "LC_ALL": "nl_NL.UTF-8", "LANGUAGE": "nl"}.items():
        monkeypatch.setenv(name, value)
    assert remotes.ask("ggd", "sh", "-c", 'echo "$LC_ALL ${LANGUAGE-unset}"').stdout == "C.UTF-8 unset\n"


@pytest.mark.parametrize("known", [False, True])
def test_a_login_that_sshd_turns_away_by_chance_is_tried_again(
    server: Server, tmp_path: Path, sshd: Sshd, known: bool
) -> None:
    assert not known or not tried(server, tmp_path / "ssh")[0]
    sshd.begin_anew(tmp_path / "host")  # and no connection is open any more
    sshd.turns_away = 2
    with remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as remotes:
        assert remotes.ask("ggd", "echo", "hier").stdout == "hier\n"
    assert sshd.turns_away == 0
    sshd.begin_anew(tmp_path / "host")
    sshd.turns_away = 2
    assert not tried(server, tmp_path / "ssh")[0]
    assert sshd.turns_away == 0


@pytest.mark.parametrize("known", [False, True])
def test_a_server_that_was_too_busy_to_say_who_it_is_is_called_once_more(
    server: Server, tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    assert not known or not tried(server, tmp_path / "ssh")[0]
    sshd.begin_anew(tmp_path / "host")
    monkeypatch.setattr(ssh_config, "CONNECT_SECONDS", 3)
    sshd.hears = False
    with remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as remotes:
        assert remotes.ask("ggd", "echo", "hier").stdout == "hier\n"
    assert len(sshd.silent) == 1


CLOSED = "kex_exchange_identification: Connection closed by remote host Connection closed by 192.0.2.1 port 22"
NOBODY = "kex_exchange_identification: Connection closed by remote host Connection closed by UNKNOWN port 65535"


@pytest.mark.parametrize(
    ("said", "again"),
    [
        (CLOSED, True),
        (f"mux_client_request_session: read from master failed: Broken pipe {CLOSED}", True),
        (f"{CLOSED} {NOBODY}", True),
        (f"{CLOSED} {NOBODY} {NOBODY}", True),
        (f"beheer@192.0.2.1: Permission denied (keyboard-interactive). {NOBODY}", False),
        (f"Host key verification failed. {NOBODY} {NOBODY}", False),
        ("beheer@192.0.2.1: Permission denied (publickey).", False),
    ],
)
def test_a_login_that_a_host_on_the_way_refuses_is_not_tried_again(said: str, again: bool) -> None:
    """Each try was one more failed login there; after four of them its sshd let nobody in for 15 s and more."""
    assert connections._turned_away(said) is again


def test_a_server_that_turns_every_login_away_is_not_reached_and_the_reason_is_ssh_s(
    server: Server, tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TURNED_AWAY_SECONDS", (0.0, 0.0, 0.0))
    sshd.turns_away = 1000
    assert "kex_exchange_identification: " in tried(server, tmp_path / "ssh")[0]
    with (
        remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as remotes,
        pytest.raises(UnreachableError, match="kex_exchange_identification: "),
    ):
        remotes.ask("ggd", "true")
    assert 3 <= 1000 - sshd.turns_away <= 24


def test_what_a_program_makes_others_may_read_whatever_umask_a_login_has(remotes: remote.Remotes) -> None:
    before = os.umask(0o077)
    try:
        assert remotes.ask("ggd", "sh", "-c", "umask").stdout == "0022\n"
    finally:
        os.umask(before)


def test_one_process_serves_all_that_is_asked_in_turn(remotes: remote.Remotes, sshd: Sshd) -> None:
    for _ in range(3):
        assert not remotes.ask("ggd", "true").exited
    assert len(sshd.processes) == 1


def test_what_takes_long_keeps_nobody_waiting(remotes: remote.Remotes, sshd: Sshd, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", pipe], check=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        long = pool.submit(remotes.ask, "ggd", "cat", str(pipe))
        # Both ends wait for each other: the second program is under way while the first is.
        assert not remotes.ask("ggd", "sh", "-c", f"echo met > {pipe}").exited
        assert long.result().stdout == "met\n"
    assert len(sshd.processes) == 2


def test_a_process_that_is_gone_is_said_and_made_anew(remotes: remote.Remotes, sshd: Sshd) -> None:
    remotes.ask("ggd", "true")
    os.kill(sshd.processes[0], signal.SIGKILL)
    with pytest.raises(UnreachableError, match="it ended the connection"):
        remotes.ask("ggd", "true")
    assert not remotes.ask("ggd", "true").exited


def test_no_answer_in_time_is_said(remotes: remote.Remotes) -> None:
    with pytest.raises(UnreachableError, match="no answer within 1 s"):
        remotes.ask("ggd", "sleep", "10", seconds=1)


@pytest.mark.parametrize(
    "said",
    [
        "no JSON",
        "null",
        "[0]",
        "[0, 1, 2]",
        '["0", "", ""]',
        '{"0": 1}',
        r'[0, "\ud800", ""]',
        '[0, "€", ""]',
        "[" * 100_000,
        "0",
        "0 00",
        "0 00 00 00",
        "0  00 00",
        "zero 00 00",
        "٣ 00 00",
        "0 0g 00",
        "0 000 00",
        "0 € 00",
        '[0, "", ""]',
        "9" * 5000,
        "9" * 5000 + " 00 00",
    ],
    ids=lambda said: said[:16],
)
def test_a_server_that_answers_oddly_is_unreachable_and_stops_nobody_else(
    remotes: remote.Remotes, sshd: Sshd, tmp_path: Path, said: str
) -> None:
    (answer := tmp_path / "answer").write_text(f"{said}\n")
    sshd.instead = f"echo $0; read line; exec cat '{answer}'"
    found = remotes.ask_all(["ggd"], "true")["ggd"]
    assert isinstance(found, UnreachableError)
    assert "ggd: its answer " in str(found)
    sshd.instead = ""
    assert not remotes.ask("ggd", "true").exited


def test_an_answer_without_an_end_is_not_waited_for(remotes: remote.Remotes, sshd: Sshd) -> None:
    sshd.instead = "echo $0; read line; exec tr '\\0' x < /dev/zero"
    with pytest.raises(UnreachableError, match="its answer is longer than 64 MiB"):
        remotes.ask("ggd", "true", seconds=20)


def test_a_file_is_placed_whole(remotes: remote.Remotes, tmp_path: Path) -> None:
    path = tmp_path / "een bestand"
    remotes.place("ggd", str(path), "é\n")
    assert path.read_text() == "é\n"
    assert not list(tmp_path.glob("*.part"))


def test_a_file_is_replaced_where_it_is_still_what_was_looked_at(remotes: remote.Remotes, tmp_path: Path) -> None:
    path, lock = tmp_path / "een map" / "een bestand", tmp_path / "lock"
    remotes.replace("ggd", str(path), None, "é\n", str(lock))
    remotes.replace("ggd", str(path), "é\n", "ë\n", str(lock))
    with pytest.raises(errors.RefusedError, match=r"^ggd: what is accepted there is another by now.*; run it again"):
        remotes.replace("ggd", str(path), "é\n", "è\n", str(lock))
    assert path.read_text() == "ë\n"
    with pytest.raises(errors.HalfWayError, match=r"^ggd: /proc/nothing/there cannot be written: "):
        remotes.replace("ggd", "/proc/nothing/there", None, "è\n", str(lock))


# Logins as people have them


BEFORE = {
    "a line of a .bashrc": "echo Welkom op deze server; ",
    "without an end": "printf 'Welkom '; ",
    "JSON": 'echo \'[0, "", ""]\'; ',
    "much": "head -c 100000 /dev/zero | tr '\\0' x; echo; ",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_a_login_prints_by_itself_is_passed_over(remotes: remote.Remotes, sshd: Sshd, before: str) -> None:
    sshd.before = before
    assert remotes.probe(patience=60) == {}
    for said in ("een", "twee"):
        assert remotes.ask("ggd", "echo", said) == remote.Done(f"{said}\n")


def test_a_login_that_prints_for_ever_is_said(remotes: remote.Remotes, sshd: Sshd) -> None:
    sshd.before = "yes | head -c 3000000; "
    with pytest.raises(UnreachableError, match="its login prints more than 1 MiB before any program begins"):
        remotes.ask("ggd", "true")


def test_a_login_that_ends_at_once_is_said_with_what_it_prints(remotes: remote.Remotes, sshd: Sshd) -> None:
    sshd.before = "echo This account is currently not available.; exit 1; "
    assert "This account is currently not available." in remotes.probe()["ggd"]


@pytest.mark.parametrize("why", ["a password is required", "sorry, you must have a tty to run sudo"])
def test_sudo_that_refuses_is_said_with_the_way_out(remotes: remote.Remotes, sshd: Sshd, why: str) -> None:
    sshd.instead, sshd.tells_errors = f"echo 'sudo: {why}' >&2; exit 1", True
    with pytest.raises(UnreachableError, match=f"sudo: {why}; let your login run everything there by `sudo -n`"):
        remotes.ask("ggd", "true")


def test_programs_of_ours_are_found_whatever_path_sudo_gives(
    remotes: remote.Remotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guides to hardening have a `secure_path` without /usr/local, where `station` is."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert remotes.ask("ggd", "sh", "-c", "echo $PATH").stdout.startswith("/usr/local/sbin:/usr/local/bin:")


@pytest.mark.parametrize("shell", ["bash", "tcsh", "fish"])
def test_whatever_shell_the_login_has(remotes: remote.Remotes, sshd: Sshd, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    sshd.shell = [shell, "-c"]
    assert remotes.ask("ggd", "echo", "één $HOME !x").stdout == "één $HOME !x\n"


def test_a_login_that_takes_eight_seconds_is_waited_for(remotes: remote.Remotes, sshd: Sshd) -> None:
    """It looks up the name of who calls, and asks a directory for the groups."""
    sshd.slow = 4.0  # at the question whether the key would do, and at the login with it
    assert remotes.probe() == {}
    assert not remotes.ask("ggd", "true").exited


def test_a_key_with_a_passphrase_is_used_by_the_agent_that_has_it(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, agent = key(tmp_path, "locked"), tmp_path / "agent"
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "een lange zin", "-f", path], check=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    server = Server("ggd", "127.0.0.1", sshd.fingerprint, port=sshd.port, key=path)
    with remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as remotes:
        assert "Permission denied" in remotes.probe()["ggd"]
        with subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL) as running:
            try:
                (asked := tmp_path / "asked").write_text("#!/bin/sh\necho een lange zin\n")
                asked.chmod(0o755)
                while not agent.exists():
                    assert running.poll() is None
                asking = {**os.environ, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"}
                subprocess.run(["ssh-keygen", "-y", "-P", "een lange zin", "-f", path], check=True, capture_output=True)
                subprocess.run(["ssh-add", "-q", path], check=True, env=asking, stdin=subprocess.DEVNULL)
                assert remotes.probe(patience=60) == {}
            finally:
                running.terminate()


RELAY = """
import socket, sys, threading
line = socket.create_connection((sys.argv[1], int(sys.argv[2])))
open(sys.argv[3], "w").close()
def back():
    while data := line.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=back, daemon=True).start()
while data := sys.stdin.buffer.read1():
    line.sendall(data)
"""


def test_the_operator_s_own_configuration_counts_with_what_it_includes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, relay = tmp_path / "used", tmp_path / "relay.py"
    relay.write_text(RELAY)
    (tmp_path / "more").write_text(f"Host 127.0.0.1\n  ProxyCommand {sys.executable} {relay} %h %p {used}\n")
    (tmp_path / "operator_s").write_text(f"Include {tmp_path / 'more'}\n")
    monkeypatch.setattr(ssh_config, "OWN", (str(tmp_path / "operator_s"),))
    assert tried(server, tmp_path / "ssh")[0] == ""
    assert used.exists()


def test_an_operator_s_own_ssh_that_believes_any_host_does_not_believe_a_server(
    server: Server, tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    believed = tmp_path / "believed"
    believed.write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {sshd.host_key.get_base64()}\n")
    (tmp_path / "operator_s").write_text(
        f"Host *\n  StrictHostKeyChecking no\n  GlobalKnownHostsFile {believed}\n  VerifyHostKeyDNS yes\n"
    )
    monkeypatch.setattr(ssh_config, "OWN", (str(tmp_path / "operator_s"),))
    reason, known = tried(other(server, "SHA256:" + "A" * 43), tmp_path / "ssh")
    assert "the inventory says" in reason
    assert (known, sshd.asked) == ("", [])
    config = tmp_path / "ssh" / "config"
    done = subprocess.run(["ssh", "-F", config, "ggd", "true"], capture_output=True, text=True, check=False)
    assert "Host key verification failed" in done.stderr
    assert sshd.asked == []


def test_who_is_not_known_yet_gets_a_key_exchange_and_no_agent(
    server: Server, tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lets everybody in had the operator's agent forwarded to it, before its host key was compared."""
    (tmp_path / "operator_s").write_text("Host *\n  ForwardAgent yes\n  ForwardX11 yes\n")
    monkeypatch.setattr(ssh_config, "OWN", (str(tmp_path / "operator_s"),))
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL) as running:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setattr(sshd, "lets_in", True)
        try:
            reason, _ = tried(other(server, "SHA256:" + "A" * 43), tmp_path / "ssh")
        finally:
            running.terminate()
    assert "the inventory says" in reason
    assert sshd.forwarded == []
