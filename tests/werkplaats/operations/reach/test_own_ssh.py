"""The operator's own ssh as it is: keys in its home, and servers behind two hosts that are jumped over."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.werkplaats.operations.reach.test_connections import Hop
from tests.werkplaats.operations.reach.test_remote import Sshd, key
from werkplaats.operations.reach import inventory, remote, ssh_config

HOME = pwd.getpwuid(os.getuid()).pw_dir  # as ssh takes ~, whatever HOME is


class Passing(Hop):
    """A host in between that lets in who has a key, and passes on; `onward` are the ports that it was asked for."""

    def __init__(self) -> None:
        self.onward: list[int] = []
        super().__init__()

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,  # noqa: ARG002
        origin: tuple[str, int],  # noqa: ARG002
        destination: tuple[str, int],
    ) -> int:
        self.onward.append(destination[1])
        return int(paramiko.OPEN_SUCCEEDED)

    def _carry(self, connection: socket.socket) -> None:
        threading.Thread(target=self._pass_on, args=(connection,), daemon=True).start()

    def _pass_on(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.key)
        with contextlib.suppress(paramiko.SSHException, EOFError):  # it is refused by who calls
            transport.start_server(server=self)
            channel = transport.accept(30)
            if channel is None:
                return
            with socket.create_connection(("127.0.0.1", self.onward[-1])) as far, contextlib.suppress(OSError):
                others = {channel: far, far: channel}
                while True:
                    for one in select.select(list(others), [], [])[0]:
                        data = one.recv(65536)
                        if not data:
                            return
                        others[one].sendall(data)


@pytest.fixture
def hops() -> Iterator[tuple[Passing, Passing]]:
    made = Passing(), Passing()
    yield made
    for one in made:
        one.close()


def remotes(sshd: Sshd, folder: Path, **entry: str) -> remote.Remotes:
    """As the inventory of an operator says, with one server."""
    path = folder / "servers.yml"
    told = {"host": "127.0.0.1", "host_key": sshd.fingerprint, "port": str(sshd.port)} | entry
    path.write_text("ggd:\n" + "".join(f"  {name}: {value}\n" for name, value in told.items()))
    return remote.Remotes(inventory.read(path), folder / "ssh", folder / "config")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's configuration: with an own known_hosts, and no key of this machine."""
    path = tmp_path / "own"
    path.write_text(f"UserKnownHostsFile {tmp_path / 'own_known_hosts'}\nIdentityFile {key(tmp_path, 'own_key')}\n")
    monkeypatch.setattr(ssh_config, "OWN", (str(path),))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return path


def test_a_key_in_the_operator_s_home_is_found(
    sshd: Sshd, tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text("IdentityFile none\n")
    monkeypatch.chdir("/")
    at_home = os.path.relpath(key(tmp_path, "operator_s"), HOME)
    with remotes(sshd, tmp_path, key=f"~/{at_home}") as found:
        assert found.probe(patience=60) == {}
        assert found.ask("ggd", "echo", "hier").stdout == "hier\n"


def know(folder: Path, *hops: Passing) -> None:
    lines = (f"[127.0.0.1]:{hop.port} {hop.key.get_name()} {hop.key.get_base64()}\n" for hop in hops)
    (folder / "own_known_hosts").write_text("".join(lines))


@pytest.mark.usefixtures("own")
def test_a_server_behind_two_hosts_is_reached_over_both(
    sshd: Sshd, hops: tuple[Passing, Passing], tmp_path: Path
) -> None:
    first, second = hops
    know(tmp_path, first, second)
    with remotes(sshd, tmp_path, jump=f"een@127.0.0.1:{first.port},twee@127.0.0.1:{second.port}") as found:
        assert found.probe(patience=60) == {}
        assert found.ask("ggd", "echo", "hier").stdout == "hier\n"
    assert (set(first.onward), set(second.onward)) == ({second.port}, {sshd.port})
    assert (set(first.asked), set(second.asked)) == ({"een"}, {"twee"})


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("unknown", [0, 1], ids=["first", "second"])
def test_neither_of_two_hosts_is_taken_on_first_sight(
    sshd: Sshd, hops: tuple[Passing, Passing], tmp_path: Path, unknown: int
) -> None:
    """Whoever stands in between shows any key, and sees who logs in and which servers they go to."""
    know(tmp_path, hops[1 - unknown])
    jump = f"een@127.0.0.1:{hops[0].port},twee@127.0.0.1:{hops[1].port}"
    with remotes(sshd, tmp_path, jump=jump) as found:
        why = found.probe()["ggd"]
    assert f"{jump}, which is jumped over, shows a host key that is not in your known_hosts" in why
    assert (hops[unknown].asked, sshd.asked) == ([], [])
