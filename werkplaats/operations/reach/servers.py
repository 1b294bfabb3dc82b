"""The servers that one operator runs, as its inventory says, and their host keys: strict, always.

The inventory names a server's host key by its fingerprint, as it came by telephone or letter. OpenSSH and Ansible
want the key itself: the one that the server shows at the first login is compared with it, and kept in `known_hosts`.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import paramiko

from base import errors, files

KEY_TYPE = "ssh-ed25519"


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


class KnownHosts:
    """The host keys that servers showed and that have the fingerprints of the inventory, in the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")

    def policy(self, server: Server) -> paramiko.MissingHostKeyPolicy:
        """What paramiko asks about a key of this server that is not in the file."""
        return _Pinned(self, server)

    def forget_other(self, server: Server) -> None:
        """Remove a key of a server that the inventory does not name any more."""
        with files.only_one(self._lock):
            known = self._read()
            entry = known.lookup(server.known_as)
            if entry and not (KEY_TYPE in entry and _fingerprint(entry[KEY_TYPE]) == server.host_key):
                del known[server.known_as]
                self._write(known)

    def learn(self, server: Server, key: paramiko.PKey) -> None:
        """Keep the key that a server showed, and no other of it, where it has the fingerprint of the inventory.

        Raises UnreachableError; nothing but the key exchange has passed before.
        """
        if key.get_name() != KEY_TYPE or _fingerprint(key) != server.host_key:
            raise another_key(server, key)
        with files.only_one(self._lock):
            known = self._read()
            if known.lookup(server.known_as):
                del known[server.known_as]
            known.add(server.known_as, KEY_TYPE, key)
            self._write(known)

    def _read(self) -> paramiko.HostKeys:
        """What is kept; of a file that cannot be read nothing is, since the inventory says which keys are right."""
        self.path.touch(mode=0o600)
        try:
            return paramiko.HostKeys(str(self.path))
        except (paramiko.hostkeys.InvalidHostKey, ValueError):
            self._write(nothing := paramiko.HostKeys())
            return nothing

    def _write(self, known: paramiko.HostKeys) -> None:
        lines = (f"{host} {kind} {key.get_base64()}\n" for host, keys in known.items() for kind, key in keys.items())
        files.write_atomically(self.path, "".join(lines).encode(), mode=0o600)


class _Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """A server that is not in known_hosts yet is one of the inventory, by its fingerprint, or is refused."""

    def __init__(self, known: KnownHosts, server: Server) -> None:
        self._known = known
        self._server = server

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        self._known.learn(self._server, key)


def another_key(server: Server, key: paramiko.PKey) -> UnreachableError:
    """What is said of a server that shows this key, which is not the one of the inventory."""
    return UnreachableError(
        f"{server.host}:{server.port} shows host key {_fingerprint(key)}, the inventory says {server.host_key}",
        "ask the server's administrator by telephone which is right, and do not go on before that",
    )


def _fingerprint(key: paramiko.PKey) -> str:
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
