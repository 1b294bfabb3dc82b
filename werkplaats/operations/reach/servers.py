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
from typing import Any

from base import errors, files
from werkplaats.operations.reach import windows

KEY_TYPE = "ssh-ed25519"


@dataclasses.dataclass(frozen=True)
class Server:
    """How one operator reaches one server; `key` is a private key file, or None for the ssh agent and config.

    `here`: it is the machine that this runs on; then it has no host and no host key, and `user` is whose login it is.
    `people`: account (steward, scientist) → `keys`, lines of public keys, and `from`, the ranges that they come from.
    `managed`: part (accounts, sshd, firewall, time, engine, journal, updates) → whether it is ours to set; what is not
    named is.
    `seen_from`: ranges from which callers of the mesh arrive, where what is in front of the server translates them.
    `follower_every`: seconds between two looks for what is published; None for the usual ones.
    `updates_within`: days within which it has a security update; None for the usual ones.
    `upgrades`: what its operator says yes to beforehand; None where each release waits for a yes.
    `backup`: of its station, as the inventory has it: to, recipients, every, keep, data; None for none.
    `monitoring`: what it tells of its station: every, exporter, address, port, tell; None for nothing.
    """

    organisation: str
    host: str
    host_key: str
    user: str = "beheer"
    port: int = 22
    jump: str | None = None
    key: Path | None = None
    people: Mapping[str, Mapping[str, Sequence[str]]] = dataclasses.field(default_factory=dict)
    managed: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    seen_from: Sequence[str] = ()
    follower_every: int | None = None
    updates_within: int | None = None
    upgrades: windows.Rule | None = None
    backup: Mapping[str, Any] | None = None
    monitoring: Mapping[str, Any] | None = None
    here: bool = False


class UnreachableError(errors.WerkplaatsError):
    """A server that does not answer, or answers with another host key."""


class KnownHosts:
    """The host keys that servers showed and that have the fingerprints of the inventory, in the file `path`.

    By organisation: two servers behind two jump hosts may have one address.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f"{path.name}.lock")

    def has(self, server: Server) -> bool:
        """Whether the key of the inventory is kept; another one of this server is forgotten."""
        with files.only_one(self._lock):
            kept = self._read()
            key = kept.get(server.organisation)
            if key is not None and fingerprint(key) != server.host_key:
                self._write({name: other for name, other in kept.items() if name != server.organisation})
        return key is not None and fingerprint(key) == server.host_key

    def forget(self, server: Server) -> None:
        """Keep no key of this server."""
        with files.only_one(self._lock):
            self._write({name: key for name, key in self._read().items() if name != server.organisation})

    def learn(self, server: Server, key: str) -> None:
        """Keep the key (Base64) that a server showed, and no other of it, where the inventory has its fingerprint.

        Raises UnreachableError; nothing but the key exchange has passed before.
        """
        if fingerprint(key) != server.host_key:
            raise UnreachableError(
                f"{server.host}:{server.port} shows host key {fingerprint(key)}, the inventory says {server.host_key}",
                "ask the server's administrator by telephone which is right, and do not go on before that",
            )
        with files.only_one(self._lock):
            self._write(self._read() | {server.organisation: key})

    def require_same(self, server: Server, key: str) -> None:
        """Keep the key (Base64) that this machine has, which is that server; raises UnreachableError for another one.

        Where it was reached from elsewhere before, its vault knows it: one that is copied to a third machine would have
        that one made into the server.
        """
        with files.only_one(self._lock):
            kept = self._read()
            if (before := kept.get(server.organisation)) is None:
                self._write(kept | {server.organisation: key})
        if before not in (None, key):
            raise UnreachableError(
                f"this machine has host key {fingerprint(key)}, and the server of {server.organisation} had "
                f"{fingerprint(before or '')}",
                "write in servers.yml how that one is reached (`host`, `host_key`); where it was made anew, take its "
                f"line out of {self.path}",
            )

    def _read(self) -> dict[str, str]:
        """Keys by name; a line that cannot be read is none, since the inventory says which keys are right."""
        self.path.touch(mode=0o600)
        rows = (line.split() for line in self.path.read_text(errors="replace").splitlines())
        return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == KEY_TYPE and fingerprint(row[2])}

    def _write(self, keys: Mapping[str, str]) -> None:
        text = "".join(f"{name} {KEY_TYPE} {key}\n" for name, key in keys.items())
        files.write_atomically(self.path, text.encode(), mode=0o600)


def fingerprint(key: str) -> str:
    """As `ssh-keygen -l` says it; empty for what is no key."""
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except ValueError:
        return ""
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
