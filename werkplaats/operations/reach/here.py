"""The server that this runs on: root's programs are started, and nobody logs in.

What makes a program root's is sudo, as over a login, and nothing at all where root runs this. No password is kept:
where sudo asks for one, it is sudo that asks, at the terminal of this command, and sudo that remembers.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from werkplaats.operations.reach import asking, lending, ssh_config
from werkplaats.operations.reach.servers import KEY_TYPE, KnownHosts, Server, UnreachableError
from werkplaats.operations.reach.shell import Shell

SUDO = ("sudo", "-n")
_QUIET: Any = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False}
HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key.pub")
REMEDY = (
    "let your login run everything here by `sudo -n`, without a password (NOPASSWD), or run this at a terminal, where "
    "sudo can ask for it, or as root"
)
# Of who runs this as root nothing comes along: sudo would clear it too, and DOCKER_HOST, say, would be another engine.
_CLEARED = (
    "/usr/bin/env",
    "-i",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "SHELL=/bin/sh",
    "USER=root",
    "LOGNAME=root",
)


def account() -> str:
    """Whose login runs this command, also where it runs it by sudo."""
    return (os.environ.get("SUDO_USER") if _is_root() else None) or pwd.getpwuid(os.geteuid()).pw_name


def as_root(user: str) -> tuple[str, ...]:
    """The words before a program that is to be root's; it is told that `user` called, as sudo tells of a login.

    Raises UnreachableError where this machine has no such account.
    """
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise UnreachableError(
            f"this machine has no account {user!r}", "write the operator's login there as `user` in servers.yml"
        ) from None
    told = (f"SUDO_USER={user}", f"SUDO_UID={found.pw_uid}", f"SUDO_GID={found.pw_gid}")
    return (*_CLEARED, *told) if _is_root() else (*SUDO, "/usr/bin/env", *told)


def _is_root() -> bool:
    return os.geteuid() == 0


class Here:
    """One server, which is this machine, in the words of `Connections`."""

    def __init__(self, server: Server, known: KnownHosts) -> None:
        self._server = server
        self._known = known
        self._turn = threading.Lock()
        self._relays: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        self._lending: lending.Lending | None = None

    def shell(self) -> Shell:
        """A process of root. Raises OSError, EOFError or UnreachableError where there is none."""
        if HOST_KEY.exists():
            self._known.require_same(self._server, _key(HOST_KEY.read_text(errors="replace")))
        root = as_root(self._server.user)
        try:
            return self._begun(root)
        except EOFError as error:
            if not str(error).startswith("sudo: "):
                raise
            if not self._asked():
                raise UnreachableError(str(error), REMEDY) from error
        return self._begun(root)

    def open_for_engine(self) -> None:
        """Have root's programs started for who has no terminal, where sudo would ask there what it knows here."""
        command = [*SUDO, "true"]
        if _is_root() or self._lending or subprocess.run(command, start_new_session=True, **_QUIET).returncode == 0:
            return
        self.shell().close()
        self._lending = lending.Lending(ssh_config.sockets_folder(self._known.path.parent), SUDO)

    def close(self) -> None:
        """Start nothing any more for others."""
        if self._lending:
            self._lending.close()

    def end(self) -> None:
        """End what was started, and start nothing any more."""
        self._ended.set()
        for relay in self._relays:
            relay.kill()

    def _begun(self, root: Sequence[str]) -> Shell:
        return Shell(("/bin/sh", "-c"), self._start, root)

    def _start(self, command: list[str], stderr: IO[bytes], **_: Any) -> subprocess.Popen[bytes]:
        """Start it as ssh would: what is returned passes its output on, and is all that a signal of ours ends.

        sudo is root's. And a program of root's is not ended in the middle by Ctrl-C at this terminal, here as there.
        """
        if self._ended.is_set():
            raise InterruptedError("interrupted")
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, process_group=0)
        threading.Thread(target=process.wait, daemon=True).start()  # nobody else does
        relay = subprocess.Popen(["cat"], stdin=process.stdout, stdout=pipe)
        cast(IO[bytes], process.stdout).close()
        relay.stdin = process.stdin  # at its end the program ends
        self._relays.append(relay)
        return relay

    def _asked(self) -> bool:
        """Whether somebody at the terminal gave sudo the password that it wants."""
        if not sys.stdin.isatty():
            return False
        with self._turn:
            if subprocess.run([*SUDO, "true"], **_QUIET).returncode == 0:
                return True  # somebody gave it to another thread, just now
            asking.tell(f"{self._server.organisation}: sudo asks for the password of your login, to be root here")
            return subprocess.run(["sudo", "-v"], check=False).returncode == 0


def _key(line: str) -> str:
    """The key itself, in Base64, of a line of a public one."""
    kind, _, rest = line.partition(" ")
    return rest.split()[0] if kind == KEY_TYPE and rest.strip() else ""
