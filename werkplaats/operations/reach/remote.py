"""Reach servers over SSH, as this operator's inventory says: strict host keys, always.

The inventory names a server's host key by its fingerprint, as it came by telephone or letter. OpenSSH and Ansible
want the key itself: the one that the server shows at the first login is compared with it, and kept in `known_hosts`.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias

import fabric
import paramiko

from base import errors

KEY_TYPE = "ssh-ed25519"
CONNECT_SECONDS = 5.0
LOGIN_SECONDS = 60.0  # of a login with everything behind it, on a busy machine


@dataclasses.dataclass(frozen=True)
class Server:
    """How one operator reaches one server; `key` is a private key file, or None for the ssh agent and config.

    `people`: account (steward, scientist) → `keys`, lines of public keys, and `from`, the ranges that they come from.
    """

    organisation: str
    host: str
    host_key: str
    user: str = "beheer"
    port: int = 22
    jump: str | None = None
    key: Path | None = None
    people: Mapping[str, Mapping[str, Sequence[str]]] = dataclasses.field(default_factory=dict)

    @property
    def known_as(self) -> str:
        """The name under which OpenSSH looks the host up in known_hosts."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


class UnreachableError(errors.WerkplaatsError):
    """A server that does not answer, or answers with another host key."""


@dataclasses.dataclass(frozen=True)
class Done:
    """What a program on a server printed, and its exit code."""

    stdout: str = ""
    stderr: str = ""
    exited: int = 0


Answer: TypeAlias = Done | UnreachableError


class Remotes:
    """All servers of one operator in one network, with one open connection to each, made when first needed.

    Programs run as root, started by a process that stays: a login, sudo and a Python for each would cost more than most
    of what is asked.
    """

    def __init__(self, servers: Iterable[Server], folder: Path) -> None:
        self.servers = {server.organisation: server for server in servers}
        self.folder = folder
        self.known_hosts = folder / "known_hosts"
        self._connections: dict[str, fabric.Connection] = {}
        self._idle: dict[str, list[Shell]] = {}
        self._lock = threading.Lock()
        self._opening = {organisation: threading.Lock() for organisation in self.servers}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def options(self, server: Server, purpose: str = "roles") -> list[str]:
        """Options for the ssh program: strict host keys, one shared connection a purpose, which stays for a minute.

        A connection keeps the groups of its login: whoever needs one that the roles gave opens another.
        """
        sockets = control_folder(self.folder)
        found = [
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
            *(
                "-o",
                "ControlMaster=auto",
                "-o",
                f"ControlPath={sockets}/{purpose[0]}%C",
                "-o",
                "ControlPersist=60",
            ),
            # Hardware does AES: an image of 60 MB costs a quarter less than with the usual cipher, as safely.
            *("-o", "Ciphers=^aes256-gcm@openssh.com"),
            *("-o", f"ConnectTimeout={CONNECT_SECONDS:.0f}", "-o", "ServerAliveInterval=15", "-o", "BatchMode=yes"),
        ]
        if server.key:
            found += ["-i", str(server.key), "-o", "IdentitiesOnly=yes"]
        if server.jump:
            found += ["-J", server.jump]
        return found

    def probe(self, *, patience: float = 0.0, said: Callable[[str], None] = lambda _: None) -> dict[str, str]:
        """Ask every server for its host key and log in; returns the reason for each that cannot be reached.

        `patience` is how many seconds a server may take to come up (a server that was just made).
        """
        deadline = time.monotonic() + patience
        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            tried = pool.map(lambda server: self._try(server, deadline), self.servers.values())
            found = dict(zip(self.servers, tried, strict=True))
        with self._lock:
            self.known_hosts.touch(mode=0o600)
        reasons = {organisation: reason for organisation, reason in found.items() if reason}
        for organisation, reason in reasons.items():
            said(f"{organisation}: {reason}")
        return reasons

    def _try(self, server: Server, deadline: float) -> str:
        while True:
            try:
                self.connection(server.organisation).open()
            except UnreachableError as error:
                self._forget(server.organisation)
                return str(error)
            except paramiko.BadHostKeyException as error:
                self._forget(server.organisation)
                return str(_another_key(server, error.key))
            except (OSError, paramiko.SSHException, EOFError) as error:
                self._forget(server.organisation)
                if time.monotonic() >= deadline:
                    return f"cannot be reached at {server.user}@{server.host}:{server.port}: {_short(error)}"
                threading.Event().wait(0.2)
            else:
                return ""

    def _learn(self, server: Server, key: paramiko.PKey | None) -> None:
        """Have this key of a server in known_hosts and no other; the caller holds the lock."""
        known = paramiko.HostKeys(str(self.known_hosts) if self.known_hosts.exists() else None)
        entry = known.lookup(server.known_as)
        if entry and not key and KEY_TYPE in entry and _fingerprint(entry[KEY_TYPE]) == server.host_key:
            return
        if entry:
            del known[server.known_as]
        if key:
            known.add(server.known_as, KEY_TYPE, key)
        known.save(str(self.known_hosts))

    def connection(self, organisation: str) -> fabric.Connection:
        """The connection to one server; not yet opened on first use."""
        with self._lock:
            if organisation not in self._connections:
                self._connections[organisation] = self._make(self.servers[organisation])
            return self._connections[organisation]

    def _make(self, server: Server) -> fabric.Connection:
        connect: dict[str, Any] = {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS}
        if server.key:
            connect |= {"key_filename": str(server.key), "allow_agent": False, "look_for_keys": False}
        connection = fabric.Connection(
            server.host,
            user=server.user,
            port=server.port,
            gateway=fabric.Connection(server.jump) if server.jump else None,
            connect_timeout=int(CONNECT_SECONDS),
            connect_kwargs=connect,
        )
        self._learn(server, None)  # a key that the inventory does not name any more
        connection.client.set_missing_host_key_policy(_Pinned(self, server))
        connection.client.load_host_keys(str(self.known_hosts))
        return connection

    def learn(self, server: Server, key: paramiko.PKey) -> None:
        """Keep the key that a server showed, where it has the fingerprint of the inventory.

        Raises UnreachableError; nothing but the key exchange has passed before.
        """
        if key.get_name() != KEY_TYPE or _fingerprint(key) != server.host_key:
            raise _another_key(server, key)
        with self._lock:
            self._learn(server, key)

    def _forget(self, organisation: str) -> None:
        with self._lock:
            connection = self._connections.pop(organisation, None)
            self._idle.pop(organisation, None)
        if connection:
            with contextlib.suppress(Exception):
                connection.close()

    def ask(self, organisation: str, *command: str, given: str = "", seconds: float = 60) -> Done:
        """Run a program on a server as root, with `given` as its input, whatever its exit code.

        Raises UnreachableError.
        """
        code, stdout, stderr = self.run(organisation, command, given.encode(), seconds)
        return Done(stdout.decode(errors="replace"), stderr.decode(errors="replace"), code)

    def run(
        self, organisation: str, command: Sequence[str], given: bytes = b"", seconds: float = 60
    ) -> tuple[int, bytes, bytes]:
        """Run a program on a server as root; returns exit code, output and error output. Raises UnreachableError."""
        try:
            with self._lock:
                idle = self._idle.setdefault(organisation, [])
                shell = idle.pop() if idle else None
            shell = shell or self._shell(organisation)
            answer = shell(command, given, seconds)
        except (OSError, paramiko.SSHException, EOFError) as error:
            self._forget(organisation)
            raise UnreachableError(f"{organisation}: {_short(error)}") from error
        idle.append(shell)
        return answer

    def _shell(self, organisation: str) -> Shell:
        connection = self.connection(organisation)
        with self._opening[organisation]:  # two at once would open two, and lose the first
            connection.open()
        return Shell(connection.transport.open_session(timeout=LOGIN_SECONDS))

    def place(self, organisation: str, path: str, text: str) -> None:
        """Put a file of root (0644) on a server, the old content or the new and never a part of it."""
        line = 'umask 022 && cat > "$1.part" && mv --force --no-target-directory "$1.part" "$1"'
        done = self.ask(organisation, "sh", "-c", line, "place", path, given=text)
        if done.exited:
            raise errors.HalfWayError(f"{organisation}: {path} cannot be written: {done.stderr.strip()}", "try again")

    def ask_all(self, organisations: Iterable[str], *command: str, seconds: float = 60) -> Mapping[str, Answer]:
        """Run one program on several servers at once; the answer of one that went away is its `UnreachableError`."""

        def one(organisation: str) -> Answer:
            try:
                return self.ask(organisation, *command, seconds=seconds)
            except UnreachableError as error:
                return error

        asked = list(organisations)
        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            return dict(zip(asked, pool.map(one, asked), strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        for organisation in list(self._connections):
            self._forget(organisation)


class Shell:
    """One process of root on a server that runs programs, one after another."""

    _PROGRAM = """
import json, subprocess, sys
for line in sys.stdin:
    command, given = json.loads(line)
    try:
        done = subprocess.run(command, input=given.encode("latin-1"), capture_output=True)
        answer = [done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")]
    except OSError as error:
        answer = [127, "", f"{error}\\n"]
    print(json.dumps(answer), flush=True)
"""

    def __init__(self, channel: paramiko.Channel) -> None:
        """Start it in a session of its own on an open connection."""
        self._channel = channel
        channel.settimeout(LOGIN_SECONDS)
        channel.exec_command(shlex.join(("sudo", "-n", "/usr/bin/python3", "-ISu", "-c", self._PROGRAM)))
        self._answers = channel.makefile("rb")

    def __call__(self, command: Sequence[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Run one program; returns exit code and outputs. Raises OSError, EOFError when there is no answer."""
        self._channel.settimeout(seconds)
        self._channel.sendall(json.dumps([list(command), given.decode("latin-1")]).encode() + b"\n")
        try:
            answer = self._answers.readline()
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {seconds:.0f} s") from error
        if not answer.endswith(b"\n"):  # nothing, or a part that was under way
            said: bytes = self._channel.makefile_stderr("rb").read()
            raise EOFError(said.decode(errors="replace") or "it ended the connection")
        code, stdout, stderr = json.loads(answer)
        return code, stdout.encode("latin-1"), stderr.encode("latin-1")


def control_folder(folder: Path) -> Path:
    """Where ssh keeps the sockets of open connections: short, since a socket's path has at most 108 bytes (unix(7))."""
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    place = Path(tempfile.gettempdir()) / f"werkplaats-{os.getuid()}-{digest}"
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise errors.RefusedError(f"{place} is not yours", "remove it; somebody else on this machine made it")
    return place


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """A server that is not in known_hosts yet is one of the inventory, by its fingerprint, or is refused."""

    def __init__(self, remotes: Remotes, server: Server) -> None:
        self._remotes = remotes
        self._server = server

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        self._remotes.learn(self._server, key)


def _another_key(server: Server, key: paramiko.PKey) -> UnreachableError:
    return UnreachableError(
        f"{server.host}:{server.port} shows host key {_fingerprint(key)}, the inventory says {server.host_key}",
        "ask the server's administrator by telephone which is right, and do not go on before that",
    )


def _fingerprint(key: paramiko.PKey) -> str:
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _short(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
