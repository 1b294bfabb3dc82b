"""The first login: the host key that a server shows is the one of the inventory, or nothing is sent to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from werkplaats.operations import remote


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


class Sshd(paramiko.ServerInterface):
    """Lets everybody in, and remembers that somebody asked."""

    def __init__(self, host_key: Path) -> None:
        self.host_key = paramiko.Ed25519Key.from_private_key_file(str(host_key))
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._open: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def fingerprint(self) -> str:
        return f"SHA256:{self.host_key.fingerprint.removeprefix('SHA256:')}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.start_server(server=self)
            self._open.append(transport)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        self.asked.append(username)
        return int(paramiko.AUTH_SUCCESSFUL)

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def close(self) -> None:
        self._socket.close()
        for transport in self._open:
            transport.close()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    made = Sshd(key(tmp_path, "host"))
    yield made
    made.close()


@pytest.fixture
def server(sshd: Sshd, tmp_path: Path) -> remote.Server:
    return remote.Server("ggd", "127.0.0.1", sshd.fingerprint, port=sshd.port, key=key(tmp_path, "own"))


def tried(server: remote.Server, folder: Path) -> tuple[str, str]:
    """Why it cannot be reached (empty when it can), and known_hosts afterwards."""
    with remote.Remotes([server], folder) as remotes:
        return remotes.probe().get(server.organisation, ""), remotes.known_hosts.read_text()


def other(server: remote.Server, fingerprint: str) -> remote.Server:
    return remote.Server(server.organisation, server.host, fingerprint, port=server.port, key=server.key)


def test_the_key_of_the_inventory_is_kept_for_ssh(server: remote.Server, tmp_path: Path, sshd: Sshd) -> None:
    for _ in range(2):
        reason, known = tried(server, tmp_path / "ssh")
        assert not reason
        assert known.strip() == f"[127.0.0.1]:{sshd.port} ssh-ed25519 {sshd.host_key.get_base64()}"


def test_another_key_is_refused_before_anything_is_sent(server: remote.Server, tmp_path: Path, sshd: Sshd) -> None:
    wrong = "SHA256:" + "A" * 43
    reason, known = tried(other(server, wrong), tmp_path / "ssh")
    assert f"shows host key {sshd.fingerprint}, the inventory says {wrong}" in reason
    assert (known, sshd.asked) == ("", [])


def test_a_server_that_shows_another_key_than_it_did_is_refused(
    server: remote.Server, tmp_path: Path, sshd: Sshd
) -> None:
    assert not tried(server, tmp_path / "ssh")[0]
    before = sshd.fingerprint
    sshd.host_key, sshd.asked = paramiko.Ed25519Key.from_private_key_file(str(key(tmp_path, "stranger"))), []
    reason, known = tried(server, tmp_path / "ssh")
    assert f"shows host key {sshd.fingerprint}, the inventory says {before}" in reason
    assert sshd.host_key.get_base64() not in known
    assert sshd.asked == []


def test_a_server_that_was_made_anew_is_known_when_the_inventory_says_so(
    server: remote.Server, tmp_path: Path, sshd: Sshd
) -> None:
    assert not tried(server, tmp_path / "ssh")[0]
    sshd.host_key = paramiko.Ed25519Key.from_private_key_file(str(key(tmp_path, "new")))
    reason, known = tried(other(server, sshd.fingerprint), tmp_path / "ssh")
    assert not reason
    assert known.split()[-1] == sshd.host_key.get_base64()
