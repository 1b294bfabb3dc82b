"""A host that is jumped over, held to what the operator knows of it; and connections over which nothing comes."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.werkplaats.operations.reach.test_remote import Sshd, key
from werkplaats.operations.reach import connections, remote, ssh_config
from werkplaats.operations.reach.servers import KnownHosts, Server


class Hop(paramiko.ServerInterface):  # type: ignore[misc]
    """A host in between. `asked` are those who said to it who they are."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.ways = "publickey"
        self.key = paramiko.RSAKey.generate(2048)
        self.asked: list[str] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def get_allowed_auths(self, username: str) -> str:
        self.asked.append(username)
        return self.ways

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:  # noqa: ARG002
        return paramiko.InteractiveQuery("", "", ("Verification code: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.answers += responses
        return int(paramiko.AUTH_FAILED)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self._carry(connection)

    def _carry(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.key)
        transport.start_server(threading.Event(), self)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.fixture
def hop() -> Iterator[Hop]:
    made = Hop()
    yield made
    made.close()


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the operator has the keys of hosts; the operator has a key of their own beside it."""
    path = tmp_path / "known_hosts of the operator"
    own = tmp_path / "own"
    own.write_text(f'UserKnownHostsFile "{path}"\nIdentityFile "{path}.id"\n')
    paramiko.RSAKey.generate(2048).write_private_key_file(f"{path}.id")
    monkeypatch.setattr(ssh_config, "OWN", (str(own),))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return path


def probe(hop: Hop, tmp_path: Path) -> str:
    """Why a server behind the hop cannot be reached."""
    hosts = KnownHosts(tmp_path / "known_hosts")
    server = Server("zorg", "192.0.2.1", "SHA256:b", jump=f"hop@127.0.0.1:{hop.port}")
    config = tmp_path / "ssh" / "config"
    ssh_config.write(config, [server], hosts.path)
    return connections.Connections([server], config, hosts).probe(0)["zorg"]


def test_a_host_that_is_jumped_over_is_not_taken_on_first_sight(hop: Hop, known: Path, tmp_path: Path) -> None:
    """Whoever stands in between shows any key, and sees who logs in and which servers they go to."""
    assert not known.exists()
    why = probe(hop, tmp_path)
    assert f"hop@127.0.0.1:{hop.port}, which is jumped over, shows a host key that is not in your known_hosts" in why
    assert "log in to it once with ssh, and compare" in why
    assert hop.asked == []


def test_another_key_than_is_known_is_refused_and_the_known_one_is_spoken_to(
    hop: Hop, known: Path, tmp_path: Path
) -> None:
    other = paramiko.RSAKey.generate(2048)
    known.write_text(f"[127.0.0.1]:{hop.port} {other.get_name()} {other.get_base64()}\n")
    why = probe(hop, tmp_path)
    assert "which is jumped over, shows a host key that is not in your known_hosts" in why
    assert "has changed" in why
    assert hop.asked == []
    known.write_text(f"[127.0.0.1]:{hop.port} {hop.key.get_name()} {hop.key.get_base64()}\n")
    assert "cannot be reached at beheer@192.0.2.1:22" in probe(hop, tmp_path)
    assert "hop" in hop.asked


def test_a_host_that_is_jumped_over_gets_no_answers_that_nobody_gave(hop: Hop, known: Path, tmp_path: Path) -> None:
    """Three empty codes at each look: a host that counts them shuts its operator out."""
    hop.ways = "keyboard-interactive"
    known.write_text(f"[127.0.0.1]:{hop.port} {hop.key.get_name()} {hop.key.get_base64()}\n")
    assert "Permission denied" in probe(hop, tmp_path)
    assert "hop" in hop.asked
    assert hop.answers == []


def test_ssh_asks_about_a_host_that_is_jumped_over_only_who_sits_at_the_terminal(
    hop: Hop, known: Path, tmp_path: Path
) -> None:
    """The defence off: an operator whose own ssh takes any key, of a jump host. Of servers it does not."""
    (tmp_path / "own").open("a").write("StrictHostKeyChecking no\n")
    assert not known.exists()
    assert "cannot be reached at beheer@192.0.2.1" in probe(hop, tmp_path)
    assert "hop" in hop.asked


class Wire:
    """A way to a port of this machine. What is cut of it takes what is sent, and brings nothing.

    As behind a router that forgot, or of a laptop that slept.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._cut: set[int] = set()
        self.made = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._cut = set(range(self.made + 1))

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self.made += 1
                threading.Thread(target=self._carry, args=(near, self.made), daemon=True).start()

    def _carry(self, near: socket.socket, number: int) -> None:
        with near, socket.create_connection(("127.0.0.1", self._to)) as far, contextlib.suppress(OSError):
            others = {near: far, far: near}
            while True:
                for one in select.select(list(others), [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if number not in self._cut:
                        others[one].sendall(data)


@pytest.mark.slow
def test_a_dead_connection_is_noticed_and_made_anew(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was waited for 45 s, and then the server could not be reached."""
    monkeypatch.setattr(connections, "ALIVE_SECONDS", 2.0)
    wire = Wire(sshd.port)
    server = Server("ggd", "127.0.0.1", sshd.fingerprint, port=wire.port, key=key(tmp_path, "own"))
    with remote.Remotes([server], tmp_path / "ssh", tmp_path / "config") as remotes:
        assert remotes.probe() == {}
        engine = ["ssh", "-F", str(tmp_path / "config"), "ggd.engine", "echo", "daar"]
        subprocess.run(engine, check=True, capture_output=True)
        made = wire.made
        assert remotes.probe() == {}
        assert wire.made == made, "one that lives is kept"
        wire.cut()
        began = time.monotonic()
        assert remotes.probe() == {}
        assert remotes.ask("ggd", "echo", "hier").stdout == "hier\n"
        assert subprocess.run(engine, check=True, capture_output=True, text=True).stdout == "daar\n"
        assert time.monotonic() - began < 10
    wire.close()
