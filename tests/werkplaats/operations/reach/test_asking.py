"""Who sits at a terminal is asked what servers ask, one thing at a time, and ends it all at once."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from stacks import drive
from tests.harness import sandboxes
from tests.harness.stations import wait_until
from tests.werkplaats.operations.reach.terminals import LOGINS, Terminal
from tests.werkplaats.operations.reach.test_remote import Sshd, key

PASSPHRASE, CODE = "een lange zin", "314159"


class Careful(Sshd):
    """Asks for a code behind the key."""

    def __init__(self, host_key: Path) -> None:
        self.codes: list[str] = []
        self._half = False
        super().__init__(host_key)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        half, self._half = self._half, False
        return "keyboard-interactive" if half else "publickey"

    def check_auth_none(self, username: str) -> int:
        self._half = False
        return super().check_auth_none(username)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        super().check_auth_publickey(username, key)
        self._half = True
        return int(paramiko.AUTH_PARTIALLY_SUCCESSFUL)

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:  # noqa: ARG002
        return paramiko.InteractiveQuery("", "", ("Verification code: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.codes += responses
        return int(paramiko.AUTH_SUCCESSFUL if responses == [CODE] else paramiko.AUTH_FAILED)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Careful]:
    made = Careful(key(tmp_path, "host"))
    yield made
    made.close()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A key with a passphrase, and no agent."""
    path = key(tmp_path, "locked")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f", path], check=True)
    return path


def at_terminal(tmp_path: Path, servers: dict[str, dict[str, object]], program: str = LOGINS) -> Terminal:
    (tmp_path / "servers.yml").write_text(json.dumps(servers))
    words = (tmp_path / "servers.yml", tmp_path / "ssh", tmp_path / "own")
    return Terminal(program, *words, SSH_AUTH_SOCK="", **{drive.RUN_MARK: str(tmp_path)})


def close(tmp_path: Path, *names: str) -> None:
    for name in names:
        subprocess.run(["ssh", "-F", tmp_path / "ssh/config", "-O", "exit", name], capture_output=True, check=True)


def test_a_passphrase_is_asked_once_and_a_code_for_each_connection_with_the_server_s_name(
    sshd: Careful, locked: Path, tmp_path: Path
) -> None:
    """Both were asked at the first login only: whoever uses the engine next was told that it is denied."""
    server: dict[str, object] = {"host": "127.0.0.1", "port": sshd.port, "host_key": sshd.fingerprint}
    with at_terminal(tmp_path, {"ggd": server | {"key": str(locked)}}) as terminal:
        assert f"ggd (beheer@127.0.0.1:{sshd.port}): asks" in terminal.until(f"Enter passphrase for key '{locked}':")
        terminal.type("not this one\n")
        terminal.until(f"Enter passphrase for key '{locked}':")
        terminal.type(f"{PASSPHRASE}\n")
        terminal.until("(beheer@ggd) Verification code:")
        terminal.type(f"{CODE}\n")
        assert "passphrase" not in terminal.until("lost: {}\r\nasked: hier")
        assert "passphrase" not in terminal.until("(beheer@ggd) Verification code:")
        terminal.type(f"{CODE}\n")
        shown = terminal.until("ended")
        assert "daar" in shown
        assert PASSPHRASE not in shown
        assert terminal.end() == 0
    with at_terminal(tmp_path, {"ggd": server | {"key": str(locked)}}) as terminal:
        assert "asks" not in terminal.until("ended"), "the connections were there still"
        assert terminal.end() == 0
    close(tmp_path, "ggd.engine")
    with at_terminal(tmp_path, {"ggd": server | {"key": str(locked)}}) as terminal:
        terminal.until("Enter passphrase for key")
        terminal.type(f"{PASSPHRASE}\n")
        terminal.until("Verification code:")
        terminal.type(f"{CODE}\n")
        assert "daar" in terminal.until("ended"), "one of two connections was open still"
        assert terminal.end() == 0
    assert sshd.codes == [CODE] * 3
    close(tmp_path, "ggd", "ggd.engine")
    assert not list((tmp_path / "ssh").glob("**/ask-*"))


@pytest.mark.parametrize("begun", ["probe()", "begin()"])
def test_one_login_that_cannot_answer_is_made_and_no_second_one(sshd: Careful, tmp_path: Path, begun: str) -> None:
    """sshd counts them against whoever calls (PerSourcePenalties, sshd_config(5))."""
    server: dict[str, object] = {"host": "127.0.0.1", "port": sshd.port, "host_key": sshd.fingerprint}
    listed = {"ggd": server | {"key": str(key(tmp_path, "own key"))}}
    with at_terminal(tmp_path, listed, LOGINS.replace("probe()", begun)) as terminal:
        terminal.until("Verification code:")
        assert len(sshd.asked) == 4, "whether a key would do, and a login with it: of one that could not, and this one"
        terminal.type(f"{CODE}\n")
        terminal.until("lost: {}\r\nasked: hier")
    close(tmp_path, "ggd")


@pytest.mark.parametrize("begun", ["probe()", "begin()"])
def test_whose_code_is_wrong_is_asked_as_often_as_ssh_asks_and_not_anew(
    sshd: Careful, tmp_path: Path, begun: str
) -> None:
    server: dict[str, object] = {"host": "127.0.0.1", "port": sshd.port, "host_key": sshd.fingerprint}
    listed = {"ggd": server | {"key": str(key(tmp_path, "own key"))}}

    def typed(code: str, times: int, then: str) -> None:
        with at_terminal(tmp_path, listed, LOGINS.replace("probe()", begun)) as terminal:
            for _ in range(times):
                terminal.until("Verification code:")
                terminal.type(f"{code}\n")
            assert "Verification code:" not in terminal.until(then)

    typed("0", 3, "lost: {'ggd': ")
    typed(CODE, 1, "asked: hier")  # now it is known as one that asks
    close(tmp_path, "ggd")
    typed("0", 3, "lost: {'ggd': ")
    # A terminal that is closed at the next question gives empty ones.
    assert list(filter(None, sshd.codes)) == ["0"] * 3 + [CODE] + ["0"] * 3


@pytest.mark.slow
def test_servers_ask_one_after_another(tmp_path: Path) -> None:
    several = []
    for name in "abc":
        (tmp_path / name).mkdir()
        several.append(Careful(key(tmp_path / name, "host")))
    own = str(key(tmp_path, "own key"))
    listed: dict[str, dict[str, object]] = {
        f"z{one.port}": {"host": "127.0.0.1", "port": one.port, "host_key": one.fingerprint, "key": own}
        for one in several
    }
    with at_terminal(tmp_path, listed) as terminal:
        for _ in range(len(several) * 2):
            assert terminal.until("Verification code:").count("asks") == 1
            assert terminal.quiet(), "another question comes while somebody looks at a telephone"
            terminal.type(f"{CODE}\n")
        terminal.until("ended")
        assert terminal.end() == 0
    for one in several:
        assert one.codes == [CODE, CODE]
        close(tmp_path, f"z{one.port}", f"z{one.port}.engine")
        one.close()


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("begun", ["probe()", "begin()"])
@pytest.mark.parametrize("asked", [False, True])
def test_ctrl_c_ends_all_logins_at_once(sshd: Careful, tmp_path: Path, asked: bool, begun: str, known: bool) -> None:
    """With 25 silent servers it took as long as a login may, while the next prompts came: here that is for ever."""
    long = "from werkplaats.operations.reach import shell, ssh_config\n"
    long += "shell.LOGIN_SECONDS = ssh_config.CONNECT_SECONDS = 3600\n"  # before others have them from there
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(25)]
    listed: dict[str, dict[str, object]] = {
        f"z{number}": {"host": "127.0.0.1", "port": one.getsockname()[1], "host_key": sshd.fingerprint}
        for number, one in enumerate(silent)
    }
    if known:
        (tmp_path / "ssh").mkdir()
        line = f"ssh-ed25519 {sshd.host_key.get_base64()}\n"
        (tmp_path / "ssh/known_hosts").write_text("".join(f"{name} {line}" for name in listed))
    if asked:
        own = str(key(tmp_path, "own key"))
        listed["ggd"] = {"host": "127.0.0.1", "port": sshd.port, "host_key": sshd.fingerprint, "key": own}
        listed = dict(reversed(listed.items()))
    with at_terminal(tmp_path, listed, long + LOGINS.replace("probe()", begun)) as terminal:
        terminal.until("Verification code:" if asked else "no answer yet of z0 (beheer@127.0.0.1:")
        assert terminal.echoes() != asked
        terminal.type("\x03")
        assert "code" not in terminal.until("KeyboardInterrupt")
        assert terminal.end() in (1, -signal.SIGINT)
        assert terminal.echoes()
    wait_until(lambda: not sandboxes.of_run(tmp_path), "every process to end", 3)
    for one in silent:
        one.close()


TRUST = """
import sys
from pathlib import Path
from werkplaats.operations.reach import asking
with asking.Asking(Path(sys.argv[1])) as asks:
    print("answer", asks.answer("", "Are you sure you want to continue (yes/no/[fingerprint])? ", 1, tells=False))
print("ended")
"""


def test_a_touch_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """As ssh tells it (ssh(1), SSH_ASKPASS_PROMPT), with an answer that it does not read."""
    question = "Confirm user presence for key ED25519-SK SHA256:abc"
    program = f"""
import os, subprocess, sys
from pathlib import Path
from werkplaats.operations.reach import asking
with asking.Asking(Path(sys.argv[1])):
    own = os.environ | {{asking.ABOUT: "ggd (beheer@ggd.example:22)", "SSH_ASKPASS_PROMPT": "none"}}
    done = subprocess.run([os.environ["SSH_ASKPASS"], {question!r}], env=own, capture_output=True, text=True)
    print("done", done.returncode, done.stderr, flush=True)
"""
    with Terminal(program, tmp_path) as terminal:
        assert f"ggd (beheer@ggd.example:22): {question}" in terminal.until("done 0")
        assert terminal.end() == 0


def test_whether_to_trust_a_host_is_asked_nobody(tmp_path: Path) -> None:
    """Who was asked for a code would say yes to whoever stands in between."""
    with Terminal(TRUST, tmp_path) as terminal:
        assert terminal.until("answer").strip() == ""
        assert terminal.until("ended").strip() == "None"
