"""Real servers that ask for more than a key: a station's, and hosts that are jumped over to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import servers
from tests.werkplaats.operations.reach.terminals import LOGINS, Terminal

pytestmark = [pytest.mark.servers, pytest.mark.slow]
NETWORK = "tweede-factor"
PASSPHRASE = "een lange zin"
CODES = ("111111", "222222", "333333")
# A password of the account stands for a code: both come by PAM, and by the same question and answer (RFC 4256).
ASKS = """
echo 'beheer:{code}' | chpasswd
printf 'KbdInteractiveAuthentication yes\\nAuthenticationMethods publickey,keyboard-interactive\\n' \\
    > /etc/ssh/sshd_config.d/00-factor.conf
printf 'UsePAM yes\\nMaxStartups 50\\nPasswordAuthentication no\\n' >> /etc/ssh/sshd_config.d/00-factor.conf
rm -f /etc/ssh/sshd_config.d/05-sandbox.conf && sshd -t && systemctl reload ssh
"""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[servers.Server]]:
    """A server, and two hosts to jump over, each of which asks for a code of its own."""
    folder = tmp_path_factory.mktemp("factor")
    servers.docker("network", "create", NETWORK)
    booted: list[servers.Server] = []
    try:
        for name in ("een", "hop", "brug"):
            booted.append(servers.boot(f"factor-{name}", folder, NETWORK))
        for one, code in zip(booted, CODES, strict=True):
            one.wait_for_login()
            one.ask("sudo sh -s", given=ASKS.format(code=code))
        yield booted
    finally:
        for one in booted:
            one.remove()
        servers.remove_network(NETWORK)


def located(server: servers.Server) -> str:
    told = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return servers.docker("inspect", "--format", told, server.container)


@pytest.fixture
def locked(three: list[servers.Server], tmp_path: Path) -> Path:
    """The operator's key, with a passphrase."""
    path = tmp_path / "key"
    path.write_bytes(three[0].key.read_bytes())
    path.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f", path], check=True)
    return path


def on_the_way(three: list[servers.Server], own: Path, tmp_path: Path, jump: str) -> tuple[Path, Path, Path]:
    """What `LOGINS` is given, of an operator who knows both hosts and logs in to all by one key."""
    lines = (three[0].folder / "known_hosts").read_text().splitlines()
    keys = {one.split(" ", 1)[0]: one.split(" ", 1)[1] for one in lines}
    (tmp_path / "known").write_text("".join(f"{located(one)} {keys[one.container]}\n" for one in three))
    (tmp_path / "own").write_text(
        f'Host {" ".join(located(one) for one in three)}\n  User beheer\n  IdentityFile "{own}"\n  IdentitiesOnly yes\n'
        f'  UserKnownHostsFile "{tmp_path / "known"}"\n'
    )
    entry = {"host": located(three[0]), "host_key": three[0].host_key, "key": str(own), "jump": jump}
    (tmp_path / "servers.yml").write_text(json.dumps({"een": entry}))
    return tmp_path / "servers.yml", tmp_path / "ssh", tmp_path / "own"


def test_two_jumps_are_passed_one_after_another(three: list[servers.Server], tmp_path: Path) -> None:
    server, hop, bridge = three
    first, second = located(hop), located(bridge)
    words = on_the_way(three, server.key, tmp_path, jump=f"{first},{second}")
    login = [(first, "222222"), (second, "333333"), ("een", "111111")]
    with Terminal(LOGINS, *words, SSH_AUTH_SOCK="") as terminal:
        for who, code in (*login[:2], *login, *login):
            assert f"over {first},{second}): asks" in terminal.until(f"(beheer@{who}) Password:")
            terminal.type(f"{code}\n")
        assert "daar" in terminal.until("ended")
        assert terminal.end() == 0
    for name in ("een", "een.engine"):
        subprocess.run(["ssh", "-F", tmp_path / "ssh/config", "-O", "exit", name], capture_output=True, check=True)


def test_a_passphrase_and_codes_are_asked_by_whom_and_only_as_often_as_somebody_logs_in(
    three: list[servers.Server], locked: Path, tmp_path: Path
) -> None:
    """Through a jump host that asks too: without a terminal of its own, ssh could not ask there at all."""
    server, hop, _ = three
    over = located(hop)
    words = on_the_way(three, locked, tmp_path, jump=over)
    ask, login = (over, "222222"), ("een", "111111")
    about = f"een (beheer@{located(server)}:22, over {over}): asks"
    with Terminal(LOGINS, *words, SSH_AUTH_SOCK="") as terminal:
        shown = terminal.until("Enter passphrase for key")
        assert about in shown
        terminal.type(f"{PASSPHRASE}\n")
        # Who answers is looked at before anything else is said to it, then two logins: each passes the hop.
        for who, code in (ask, ask, login, ask, login):
            shown = terminal.until(f"(beheer@{who}) Password:")
            assert about in shown
            assert "Enter passphrase" not in shown
            terminal.type(f"{code}\n")
        shown = terminal.until("ended")
        assert "daar" in shown
        assert terminal.end() == 0
    with Terminal(LOGINS, *words, SSH_AUTH_SOCK="") as terminal:
        shown = terminal.until("ended")
        assert "asks" not in shown, "the connections stay for the next command"
        assert "daar" in shown
        assert terminal.end() == 0
    for name in ("een", "een.engine"):
        subprocess.run(["ssh", "-F", tmp_path / "ssh/config", "-O", "exit", name], capture_output=True, check=True)


def test_without_a_terminal_nobody_is_asked_and_the_reason_is_said(three: list[servers.Server], tmp_path: Path) -> None:
    server, *_ = three
    entry = {"host": located(server), "host_key": server.host_key, "key": str(server.key)}
    (tmp_path / "servers.yml").write_text(json.dumps({"een": entry}))
    command = ["-c", LOGINS, str(tmp_path / "servers.yml"), str(tmp_path / "ssh"), str(tmp_path / "own")]
    done = subprocess.run(
        [sys.executable, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Permission denied (keyboard-interactive)" in done.stdout
