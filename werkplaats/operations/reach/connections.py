"""One open connection to each server, made when it is first needed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fabric
import paramiko

from werkplaats.operations.reach import ssh_config
from werkplaats.operations.reach.servers import KnownHosts, Server, UnreachableError, another_key
from werkplaats.operations.reach.shell import LOGIN_SECONDS

KNOWN = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")  # what an operator knows of hosts that are not ours
ERRORS = (OSError, paramiko.SSHException, EOFError)  # of a connection that cannot be made, or broke


class Connections:
    """To the servers of one operator, as `config`, which names `known`, says."""

    def __init__(self, servers: Iterable[Server], config: Path, known: KnownHosts) -> None:
        self._servers = {server.organisation: server for server in servers}
        self._config = _read(config)
        self._known = known
        self._made: dict[str, fabric.Connection] = {}
        self._lock = threading.Lock()
        self._opening = {organisation: threading.Lock() for organisation in self._servers}

    def probe(self, patience: float) -> dict[str, str]:
        """Ask every server for its host key and log in; returns the reason for each that cannot be reached.

        `patience` is how many seconds a server may take to come up.
        """
        deadline = time.monotonic() + patience
        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            tried = pool.map(lambda server: self._try(server, deadline), self._servers.values())
            found = dict(zip(self._servers, tried, strict=True))
        return {organisation: reason for organisation, reason in found.items() if reason}

    def _try(self, server: Server, deadline: float) -> str:
        while True:
            try:
                self._connection(server).open()
            except UnreachableError as error:
                self.forget(server.organisation)
                return str(error)
            except paramiko.BadHostKeyException as error:
                self.forget(server.organisation)
                if error.expected_key.fingerprint != server.host_key:
                    return f"{error.hostname}, which is jumped over, shows another host key than your known_hosts says"
                return str(another_key(server, error.key))
            except ERRORS as error:
                self.forget(server.organisation)
                if time.monotonic() >= deadline:
                    return f"cannot be reached at {server.user}@{server.host}:{server.port}: {short(error)}"
                threading.Event().wait(0.2)
            else:
                return ""

    def session(self, organisation: str) -> paramiko.Channel:
        """A session on the connection to one server, which is opened where it is not. Raises one of ERRORS."""
        connection = self._connection(self._servers[organisation])
        with self._opening[organisation]:  # two at once would open two, and lose the first
            connection.open()
        return connection.transport.open_session(timeout=LOGIN_SECONDS)

    def _connection(self, server: Server) -> fabric.Connection:
        with self._lock:
            if server.organisation not in self._made:
                self._made[server.organisation] = self._make(server)
            return self._made[server.organisation]

    def _make(self, server: Server) -> fabric.Connection:
        seconds = ssh_config.CONNECT_SECONDS
        connect: dict[str, Any] = {"banner_timeout": seconds, "auth_timeout": seconds}
        if server.key:  # of IdentitiesOnly paramiko knows nothing
            connect |= {"allow_agent": False, "look_for_keys": False}
        connection = fabric.Connection(server.organisation, config=self._config, connect_kwargs=connect)
        self._known.forget_other(server)
        connection.client.set_missing_host_key_policy(self._known.policy(server))
        connection.client.load_host_keys(str(self._known.path))
        hop = connection.gateway
        while isinstance(hop, fabric.Connection):
            _hold_to_known(hop)
            hop = hop.gateway
        return connection

    def forget(self, organisation: str) -> None:
        """Close the connection to one server; the next use opens another."""
        with self._lock:
            connection = self._made.pop(organisation, None)
        if connection:
            with contextlib.suppress(Exception):
                connection.close()

    def close(self) -> None:
        """Close every connection."""
        for organisation in list(self._made):
            self.forget(organisation)


class _Unknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """A host that is jumped over and that the operator never met: Fabric would take any key of it."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        raise UnreachableError(
            f"{hostname}, which is jumped over, is not in your known_hosts; it shows {key.fingerprint}",
            "ask its administrator which is right, log in to it once with ssh, and compare",
        )


def _hold_to_known(hop: fabric.Connection) -> None:
    hop.client.set_missing_host_key_policy(_Unknown())
    for path in (Path(name).expanduser() for name in KNOWN):
        if path.exists():
            hop.client.load_system_host_keys(str(path))


def _read(path: Path) -> fabric.Config:
    config = fabric.Config(runtime_ssh_path=str(path))
    for own in (Path(name).expanduser() for name in ssh_config.OWN):  # of Include paramiko knows nothing
        if own.exists():
            with own.open() as text:
                config.base_ssh_config.parse(text)
    return config


def short(error: BaseException) -> str:
    """What an error of a connection says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
