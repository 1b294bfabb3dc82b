"""Ask all servers of an operator, and have programs run on them as root."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeAlias

import on_server
from base import errors, together
from on_server.follow import instead
from werkplaats.operations.reach import ssh_config
from werkplaats.operations.reach.servers import KnownHosts, Server, UnreachableError
from werkplaats.operations.reach.shell import Shell
from werkplaats.operations.reach.ways import Ways

INSTEAD = Path(on_server.__file__).with_name("follow") / "instead.py"
SUDO = (
    "let your login run everything there by `sudo -n`: without a password (NOPASSWD), and without a terminal "
    "(`Defaults:LOGIN !requiretty`)"
)


@dataclasses.dataclass(frozen=True)
class Done:
    """What a program on a server printed, and its exit code."""

    stdout: str = ""
    stderr: str = ""
    exited: int = 0


Answer: TypeAlias = Done | UnreachableError


class Remotes:
    """All servers of one operator in one network; `config` is the ssh_config by which everything reaches them.

    `folder` is where `known_hosts` lies. Programs run one after another in a process of root that stays.
    """

    def __init__(self, servers: Iterable[Server], folder: Path, config: Path) -> None:
        self.servers = {server.organisation: server for server in servers}
        self.config = config
        self.known_hosts = folder / "known_hosts"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ssh_config.write(config, self.servers.values(), self.known_hosts)
        self._ways = Ways(self.servers.values(), config, KnownHosts(self.known_hosts))
        self._idle: dict[str, list[Shell]] = {}
        self._lock = threading.Lock()

    def probe(self, *, patience: float = 0.0) -> dict[str, str]:
        """Log in to every server; returns the reason for each that cannot be reached.

        `patience` is how many seconds a server may take to come up (a server that was just made).
        """
        return self._without(self._ways.probe(patience))

    def begin(self) -> dict[str, str]:
        """As `probe`, for who runs programs on all servers next: who answers at once has its process of root then."""
        return self._without(self._ways.probe(0, self._keep))

    def _keep(self, organisation: str, shell: Shell) -> None:
        with self._lock:
            self._idle.setdefault(organisation, []).append(shell)

    def _without(self, lost: dict[str, str]) -> dict[str, str]:
        for organisation in lost:
            self._end(organisation)
        return lost

    def open_for_engine(self, organisations: Iterable[str]) -> None:
        """Log in for whoever uses the engines next, where a server asks something of who sits at the terminal."""
        self._ways.open_for_engine(organisations)

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
            shell = shell or self._ways.shell(organisation)
            answer = shell(command, given, seconds)
        except UnreachableError as error:
            raise UnreachableError(f"{organisation}: {error.what}", error.remedy) from error
        except (OSError, EOFError) as error:
            self._end(organisation)
            why = " ".join(str(error).split()) or type(error).__name__
            raise UnreachableError(f"{organisation}: {why}", SUDO if why.startswith("sudo: ") else "") from error
        idle.append(shell)
        return answer

    def place(self, organisation: str, path: str, text: str) -> None:
        """Put a file of root (0644) on a server, the old content or the new and never a part of it."""
        line = 'mkdir -p "${1%/*}" && cat > "$1.part" && mv --force --no-target-directory "$1.part" "$1"'
        done = self.ask(organisation, "sh", "-c", line, "place", path, given=text)
        if done.exited:
            raise errors.HalfWayError(f"{organisation}: {path} cannot be written: {done.stderr.strip()}", "try again")

    def replace(self, organisation: str, path: str, before: str | None, text: str, lock: str) -> None:
        """As `place`, while nobody else there has the lock, over what is still as it was `before` (None: nothing).

        Raises RefusedError where something else lies there by now.
        """
        given, seconds = json.dumps({"before": before, "text": text}), instead.SECONDS + 30
        words = ("python3", "-IS", "-c", INSTEAD.read_text(), path, lock)
        done = self.ask(organisation, *words, given=given, seconds=seconds)
        if done.exited == instead.OTHER:
            raise errors.RefusedError(f"{organisation}: {done.stderr.strip()}", "run it again, and read what it is now")
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
        return dict(zip(asked, together.each(one, asked), strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End every process; the connections are ssh's, which closes them when nobody has used them for a while.

        Where somebody interrupts, they end too.
        """
        for organisation in list(self._idle):
            self._end(organisation)
        if kind is KeyboardInterrupt:
            self._ways.end()
        self._ways.close()

    def _end(self, organisation: str) -> None:
        with self._lock:
            idle = self._idle.pop(organisation, [])
        for shell in idle:
            shell.close()
