"""Logins to servers by the operator's own OpenSSH: its configuration, agent, tokens and jumps count as they are."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from werkplaats.operations.reach.servers import KEY_TYPE, KnownHosts, Server, UnreachableError
from werkplaats.operations.reach.shell import LOGIN_SECONDS, Shell

AGAIN_SECONDS = 0.2
UNKNOWN = "Host key verification failed"


class Connections:
    """To the servers of one operator, as `config`, which names `known`, says; ssh keeps one open to each for all."""

    def __init__(self, servers: Iterable[Server], config: Path, known: KnownHosts) -> None:
        self._servers = {server.organisation: server for server in servers}
        self._config = config
        self._known = known
        self._asking = threading.Lock()

    def probe(self, patience: float) -> dict[str, str]:
        """Ask every server for its host key and log in; returns the reason for each that cannot be reached.

        `patience` is how many seconds a server may take to come up.
        """
        deadline = time.monotonic() + patience
        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            tried = pool.map(lambda server: self._try(server, deadline), self._servers.values())
            found = dict(zip(self._servers, tried, strict=True))
        return {organisation: reason for organisation, reason in found.items() if reason}

    def shell(self, organisation: str) -> Shell:
        """A process of root on a server. Raises OSError or EOFError where there is none."""
        server = self._servers[organisation]
        if not self._known.has(server):
            self._learn(server)
        return Shell(self._ssh(server))

    def _try(self, server: Server, deadline: float) -> str:
        while True:
            try:
                self._login(server)
            except UnreachableError as error:
                return str(error)
            except OSError as error:
                if time.monotonic() >= deadline:
                    return f"cannot be reached at {server.user}@{server.host}:{server.port}: {error}"
                _wait_for(server, deadline)
            else:
                return ""

    def _login(self, server: Server) -> None:
        if not self._known.has(server):
            self._learn(server)
        said = _said([*self._ssh(server), "true"])
        if "Permission denied" in said and sys.stdin.isatty():
            # A key with a passphrase, a token to touch, a code: ssh asks on the terminal, for one server at a time.
            with self._asking:
                said = _said([*self._ssh(server, "BatchMode=no"), "true"], on_terminal=True)
        if UNKNOWN in said and self._known.has(server):
            self._known.forget(server)  # it shows another key than it did: which one is told by who looks anew
            self._learn(server)
        if said:
            raise OSError(said)

    def _learn(self, server: Server) -> None:
        """Have a server show its host key, over whatever jumps there are, and say nothing else to it.

        Raises UnreachableError for another key than the inventory's, OSError where there is no answer.
        """
        with tempfile.TemporaryDirectory() as folder:
            shown = Path(folder, "shown")
            said = _said(
                [
                    *self._ssh(
                        server,
                        f"UserKnownHostsFile={shown}",
                        "StrictHostKeyChecking=accept-new",
                        f"HostKeyAlgorithms={KEY_TYPE}",
                        "HashKnownHosts=no",
                        # Whoever answers is not known yet, and may let anybody in: it gets a key exchange.
                        "PreferredAuthentications=none",
                        "IdentityAgent=none",
                        "ForwardAgent=no",
                        "ClearAllForwardings=yes",
                        "ControlMaster=no",
                        "ControlPath=none",
                    ),
                    "true",
                ]
            )
            words = shown.read_text().split() if shown.exists() else []
        if len(words) < 3 and server.jump and UNKNOWN in said:
            raise UnreachableError(
                f"{server.jump}, which is jumped over, shows a host key that is not in your known_hosts: {said}",
                "ask its administrator which is right, log in to it once with ssh, and compare",
            )
        if len(words) < 3:
            raise OSError(said or "it shows no host key")
        self._known.learn(server, words[2])

    def _ssh(self, server: Server, *options: str) -> list[str]:
        return ["ssh", *(f"-o{option}" for option in options), "-F", str(self._config), "--", server.organisation]


def _said(command: list[str], *, on_terminal: bool = False) -> str:
    """What ssh says of a login that fails; empty where it does not."""
    # In a session of its own it has no terminal: ssh on the way to a jump host asks there, whatever it is told here.
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=None if on_terminal else LOGIN_SECONDS,
            start_new_session=not on_terminal,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {LOGIN_SECONDS:.0f} s"
    if not done.returncode:
        return ""
    return short(done.stderr) or short(done.stdout) or f"its login ends with {done.returncode}"


def short(said: bytes) -> str:
    """The last lines of what ssh or a server says, on one line."""
    lines = said.decode(errors="replace").split("\n")
    return " ".join(" ".join(lines[-6:]).split())[-300:]


def _wait_for(server: Server, deadline: float) -> None:
    """Until something listens, where that is to be seen from here: a process of ssh for each look would cost much."""
    threading.Event().wait(AGAIN_SECONDS)
    while not server.jump and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((server.host, server.port), 1):
            return
        threading.Event().wait(AGAIN_SECONDS)
