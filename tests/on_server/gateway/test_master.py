"""What is asked of a real HAProxy's master: whose sessions run in an earlier worker, and that none outlives a cut."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from on_server.gateway import master
from tests.harness import pki
from tests.harness.stations import free_port, listens, wait_until

CONFIG = """
global
    stats socket {root}/stats.sock
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend mesh
    bind 127.0.0.1:{port} ssl crt {party} ca-file {ca} verify required
    default_backend from.n.een
backend from.n.een
    server agent unix@{root}/agent.sock
"""


class Gateway:
    """A HAProxy with a master, the port that it listens on, and a peer that calls it."""

    def __init__(self, root: Path) -> None:
        authority = pki.Authority("n")
        self.peer, self.port, self.socket = pki.Party(authority, "een", root), free_port(), root / "master.sock"
        (root / "ca.pem").write_text(authority.pem)
        config = CONFIG.format(root=root, port=self.port, party=self.peer.file, ca=root / "ca.pem")
        (root / "haproxy.cfg").write_text(config)
        command = ["haproxy", "-W", "-S", str(self.socket), "-f", str(root / "haproxy.cfg")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def workers(self) -> list[int]:
        """Its workers; none while the master reloads and does not answer."""
        with contextlib.suppress(master.MasterError):
            return master.workers(self.socket)
        return []


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent.sock"))
        agent.listen()
        made = Gateway(tmp_path)
        with made.process:
            try:
                wait_until(lambda: listens(made.port) and made.workers(), "the gateway to listen")
                yield made
            finally:
                made.process.terminate()


PIECE = 100  # bytes, so that it is always more than one


def _shaken(handshake: ssl.SSLObject) -> bool:
    """Whether a caller's part of a handshake is ready; its last word may be unsent."""
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_a_handshake_that_ends_while_the_workers_are_looked_at_outlives_no_cut(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked peer that times its handshake was no session in the first list, and no handshake in the second."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(gateway.peer.file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # in which the last word of a handshake is its caller's
    with socket.create_connection(("127.0.0.1", gateway.port), 30) as line:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = context.wrap_bio(incoming, outgoing)
        while not _shaken(handshake):  # a busy gateway says its part in pieces
            line.sendall(outgoing.read())
            piece = line.recv(PIECE)
            assert piece, "the gateway closed the connection"
            incoming.write(piece)
        gateway.process.send_signal(signal.SIGUSR2)  # HAProxy 2.6 does not answer a reload
        # As one answer has them: a master may not give another yet.
        earlier = wait_until(lambda: len(found := gateway.workers()) == 2 and found, "the later worker")[1]
        asked, ask = list[str](), master.ask

        def finishing(command: str, path: Path = master.SOCKET, tries: Sequence[float] | None = None) -> str:
            said = ask(command, path, tries)
            if command == f"@!{earlier} show sess" and command not in asked:
                line.sendall(outgoing.read())
                wait_until(lambda: "be=from.n.een" in ask(command, path), "the session")
            asked.append(command)
            return said

        monkeypatch.setattr(master, "ask", finishing)
        assert master.end(lambda peer: peer == "n.een", wait=True, path=gateway.socket) == 1
        assert master.sessions(gateway.socket) == []


def test_a_peer_that_is_called_anew_at_once_does_not_keep_a_reload_from_ending_what_ran_before(
    gateway: Gateway,
) -> None:
    """Ended in the newest worker too, each session was followed by the next, and the server was left out of `up`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(gateway.peer.file)

    def call() -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", gateway.port), 30))

    def running() -> list[int]:
        return [one.worker for one in master.sessions(gateway.socket)]

    with call():
        wait_until(lambda: len(running()) == 1, "the session")
        gateway.process.send_signal(signal.SIGUSR2)
        newest = wait_until(lambda: len(found := gateway.workers()) == 2 and found, "the later worker")[0]
        wait_until(lambda: listens(gateway.port), "the later worker to listen")
        with call():
            wait_until(lambda: len(running()) == 2, "the session with the later worker")
            assert master.end(lambda _: True, wait=True, path=gateway.socket, earlier_only=True) == 1
            assert running() == [newest]


def test_a_stream_of_which_the_peer_s_side_is_closed_for_good_is_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """As HAProxy 3.0 showed one of a peer that was not reached: it was ended 650 times, and the reload gave up."""
    left = (
        "0x7f6d67a87000: proto=unix_stream src=unix:1 fe=to.n.drie be=to.n.drie srv=gateway ts=00 epoch=0 age=1m9s "
        "scf=[8,14000h,fd=17,rex=,wex=] scb=[10,30005h,fd=-1,rex=,wex=] exp= rc=3 c_exp=\n"
    )
    open_still = left.replace("scb=[10,30005h,fd=-1", "scb=[8,0h,fd=18").replace("drie", "twee")
    inbound = "0x1: proto=tcpv4 fe=mesh be=from.n.een srv=agent scf=[8,0h,fd=1] scb=[10,0h,fd=-1] exp=\n"
    said = {"show proc": "1 worker\n", "@!1 show sess": left + open_still + inbound}
    monkeypatch.setattr(master, "ask", lambda command, _: said[command])
    assert [one.peer for one in master.sessions()] == ["n.twee", "n.een"]


@pytest.mark.parametrize("loads", [True, False])
def test_a_reload_of_which_the_answer_is_lost_is_one_where_another_worker_begins(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    """It was told as refused after a minute, and what had to end then went on: seen with HAProxy 3.0."""
    real = master.ask

    def lost(command: str, path: Path = master.SOCKET, tries: Sequence[float] | None = None) -> str:
        if command != "reload":
            return real(command, path, tries)
        if loads:
            gateway.process.send_signal(signal.SIGUSR2)
        raise master.MasterError("the gateway does not answer (timed out)")

    monkeypatch.setattr(master, "ask", lost)
    monkeypatch.setattr(master, "LOOK_SECONDS", 10.0 if loads else 0.5)
    before = wait_until(gateway.workers, "the workers")
    if loads:
        master.reload(gateway.socket)
        assert {*wait_until(gateway.workers, "the workers")} - {*before}
    else:
        with pytest.raises(master.MasterError, match="does not answer"):
            master.reload(gateway.socket)


def test_what_a_master_that_begins_anew_never_answers_is_asked_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run left a server out since one list of workers was never answered: seen with HAProxy 3.0, 25 at once."""
    monkeypatch.setattr(master, "TRIES", (0.2, 30.0))
    calls: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "master.sock"))
        listening.listen()

        def answer() -> None:
            calls.append(listening.accept()[0])  # and nothing else happens to this one
            calls.append(listening.accept()[0])
            while calls[1].recv(64):  # all of it, as a master does
                pass
            calls[1].sendall(b"7 worker 0\n")
            calls[1].shutdown(socket.SHUT_WR)

        threading.Thread(target=answer, daemon=True).start()
        assert master.workers(tmp_path / "master.sock") == [7]
    for one in calls:
        one.close()


def test_a_master_that_ends_what_it_was_asked_without_a_word_says_not_that_nothing_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a cut would find nothing to end, and a reload take the worker of before for a new one."""
    said = iter(["", "\n", "#<PID> <type>\n8 worker 0\n", *[""] * 10])
    monkeypatch.setattr(master, "ask", lambda *_: next(said))
    monkeypatch.setattr(master, "BEGIN_SECONDS", 0.0)
    assert master.workers() == [8]
    with pytest.raises(master.MasterError, match="tells of no worker"):
        master.end(lambda _: True, wait=True)


def test_a_gateway_that_does_not_run_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    real = master._asked

    def counted(command: str, path: Path, seconds: float) -> str:
        asked.append(seconds)
        return real(command, path, seconds)

    monkeypatch.setattr(master, "_asked", counted)
    with pytest.raises(master.MasterError, match="does not answer"):
        master.workers(tmp_path / "master.sock")
    assert len(asked) == 1
