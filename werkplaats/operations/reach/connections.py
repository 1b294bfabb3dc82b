"""Logins to servers by the operator's own OpenSSH: its configuration, agent, tokens and jumps count as they are."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from base import together
from werkplaats.operations.reach import asking, heard, ssh_config
from werkplaats.operations.reach.servers import KEY_TYPE, KnownHosts, Server, UnreachableError
from werkplaats.operations.reach.shell import LOGIN_SECONDS, Shell

AGAIN_SECONDS = 0.2
SILENT_SECONDS = 5.0  # after which it is said for whom is waited
ALIVE_SECONDS = 10.0  # for an answer over a connection that is open already: no login is waited for
ASKED_SECONDS = 900  # that a connection stays open for which somebody was asked, as long as a password of sudo counts
UNKNOWN = "Host key verification failed"
DENIED = "Permission denied"
# What ssh says where a server ends the connection before it says who it is: sshd does so by chance while more logins
# are under way than it takes, of whomever (MaxStartups, sshd_config(5)).
TURNED_AWAY = "kex_exchange_identification: "
# What ssh says, below TURNED_AWAY, of whom it calls over a host that is jumped over, where that one lets it nowhere.
NOBODY = "by UNKNOWN port"
LATE = "timed out"
UNHEARD = f"{LATE} during banner exchange"  # it took the call, and did not say who it is while ssh waited
TURNED_AWAY_SECONDS = (0.2, 1.0, 3.0)  # after which such a login is tried again


class Connections:
    """To the servers of one operator, as `config`, which names `known`, says; ssh keeps one open to each for all."""

    def __init__(self, servers: Iterable[Server], config: Path, known: KnownHosts) -> None:
        self._servers = {server.organisation: server for server in servers}
        self._config = config
        self._known = known
        self._sockets = ssh_config.sockets_folder(known.path.parent)
        self._asks = asking.on_terminal(self._sockets)
        self._turn = threading.Lock()
        self._used: set[str] = set()  # names over whose connections something ran
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = threading.Event()
        self._starting = threading.Lock()

    def probe(self, patience: float, keep: Callable[[str, Shell], None] | None = None) -> dict[str, str]:
        """Ask every server for its host key and log in; returns the reason for each that cannot be reached.

        `patience` is how many seconds a server may take to come up. `keep` is given the process of root of each that
        has one at once: more is looked at only of the others. Where this is interrupted, no ssh of it goes on.
        """
        deadline = time.monotonic() + patience
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        try:
            tries = {one: pool.submit(self._try, server, deadline, keep) for one, server in self._servers.items()}
            _, late = concurrent.futures.wait(tries.values(), SILENT_SECONDS)
            if late and self._asks:
                waited = (_about(self._servers[one]) for one, tried in tries.items() if tried in late)
                asking.tell(f"no answer yet of {'; '.join(waited)}")
            together.hear(late)
            found = {organisation: tried.result() for organisation, tried in tries.items()}
        except BaseException:
            self.end()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        return {organisation: reason for organisation, reason in found.items() if reason}

    def open_for_engine(self, organisations: Iterable[str]) -> None:
        """Have a connection for whoever uses the engine, where only who sits at the terminal can make one."""
        for organisation in sorted(filter(self._asked, organisations)):
            self._enter(self._servers[organisation], ssh_config.alias(organisation, ssh_config.ENGINE))

    def close(self) -> None:
        """Ask nobody any more; the connections stay, for the next command."""
        if self._asks:
            self._asks.close()

    def end(self) -> None:
        """End every login that is under way, and every connection as soon as nobody uses it."""
        with self._starting:
            self._ended.set()
        self.close()
        for process in list(self._running):
            _kill(process)
        for name in list(self._used):  # who is on the way in still adds
            subprocess.run(self._control(name, "stop"), capture_output=True, check=False)

    def shell(self, organisation: str) -> Shell:
        """A process of root on a server. Raises OSError or EOFError where there is none."""
        try:
            return self._shell(self._servers[organisation])
        except (OSError, EOFError) as error:
            if UNHEARD not in str(error):
                raise
            return self._shell(self._servers[organisation])  # it was too busy: once more

    def _shell(self, server: Server) -> Shell:
        name = server.organisation
        if not self._known.has(server):
            self._learn(server)
        # Its connection may be gone, and by itself no program can make another.
        if self._asked(name) and (said := self._enter(server, name)):
            raise EOFError(said)
        try:
            return self._begun(server)
        except EOFError as error:
            if not _turned_away(str(error)):
                raise
            self._said(server, [*self._ssh(name), "true"])  # what it says, the next one says again
            return self._begun(server)

    def _begun(self, server: Server) -> Shell:
        started: list[subprocess.Popen[bytes]] = []

        def start(command: list[str], **streams: Any) -> subprocess.Popen[bytes]:
            started.append(self._start(server, command, {ssh_config.UNASKED: "1"}, **streams))
            return started[0]

        self._used.add(server.organisation)
        try:
            return Shell(self._ssh(server.organisation), start)
        finally:
            self._running.difference_update(started)

    def _try(self, server: Server, deadline: float, keep: Callable[[str, Shell], None] | None) -> str:
        while True:
            try:
                self._login(server, keep)
            except UnreachableError as error:
                return str(error)
            except OSError as error:
                if time.monotonic() >= deadline or self._ended.is_set():
                    return f"cannot be reached at {server.user}@{server.host}:{server.port}: {error}"
                _wait_for(server, deadline, self._ended)
            else:
                return ""

    def _login(self, server: Server, keep: Callable[[str, Shell], None] | None) -> None:
        if not self._known.has(server):
            self._learn(server)
        name = server.organisation
        refused = ""
        if keep and not self._asked(name):
            try:
                return keep(name, self._begun(server))
            except EOFError as error:
                refused = str(error)
            if LATE in refused:
                raise OSError(refused)  # it had all the time that a login has
        self._answers(server, ssh_config.alias(name, ssh_config.ENGINE))
        if self._answers(server, name):
            return None
        said = self._enter(server, name, refused)
        if UNKNOWN in said and self._known.has(server):
            self._known.forget(server)  # it shows another key than it did: which one is told by who looks anew
            self._learn(server)
        if said:
            raise OSError(said)
        return None

    def _enter(self, server: Server, name: str, refused: str = "") -> str:
        """Log in under one of a server's names; returns what ssh says where that fails.

        `refused` is what it said of a login that could ask nobody, where one was made just now.
        """
        self._used.add(name)
        # sshd counts failed logins against whoever calls (PerSourcePenalties, sshd_config(5)): a server that is known
        # to ask gets none that cannot answer.
        asks = self._asked(server.organisation) or (self._asks is not None and DENIED in refused)
        said = DENIED if asks else self._said(server, [*self._ssh(name), "true"])
        if DENIED in said and self._asks:
            # A passphrase, a code: one server after another, since none waits for an answer longer than some minutes.
            with self._turn:
                stays = (f"ControlPersist={ASKED_SECONDS}", "BatchMode=no")
                said = self._said(server, [*self._ssh(name, *stays), "true"], seconds=None)
            if not said:
                self._mark(server.organisation).touch()
        return said

    def _mark(self, organisation: str) -> Path:
        """There where a server asked something once: later commands find one of its connections open, not the other."""
        return self._sockets / f"asked-{organisation}"

    def _asked(self, organisation: str) -> bool:
        return self._asks is not None and self._mark(organisation).exists()

    def _answers(self, server: Server, name: str) -> bool:
        """Whether a connection is open and answers; one over which nothing comes is left to who uses it still."""
        if self._said(server, self._control(name, "check")):
            return False
        self._used.add(name)
        if self._said(server, [*self._ssh(name), "true"], seconds=ALIVE_SECONDS):
            self._said(server, self._control(name, "stop"))
            return False
        return True

    def _learn(self, server: Server) -> None:
        """Have a server show its host key, over whatever jumps there are, and say nothing else to it.

        Raises UnreachableError for another key than the inventory's, OSError where there is no answer.
        """
        said, words = self._shown(server, "BatchMode=yes")
        if len(words) < 3 and DENIED in said and server.jump and self._asks:
            with self._turn:  # what is jumped over asks something
                said, words = self._shown(server, "BatchMode=no")
            if len(words) >= 3:
                self._mark(server.organisation).touch()
        if len(words) < 3 and server.jump and UNKNOWN in said:
            raise UnreachableError(
                f"{server.jump}, which is jumped over, shows a host key that is not in your known_hosts: {said}",
                "ask its administrator which is right, log in to it once with ssh, and compare",
            )
        if len(words) < 3:
            raise OSError(said or "it shows no host key")
        self._known.learn(server, words[2])

    def _shown(self, server: Server, mode: str) -> tuple[str, list[str]]:
        """What ssh says, and the words of the line of known_hosts that it would write of who answers."""
        with tempfile.TemporaryDirectory() as folder:
            shown = Path(folder, "shown")
            unknown = (
                mode,
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
            )
            seconds = None if mode == "BatchMode=no" else LOGIN_SECONDS
            said = self._said(server, [*self._ssh(server.organisation, *unknown), "true"], seconds=seconds)
            return said, shown.read_text().split() if shown.exists() else []

    def _ssh(self, name: str, *options: str) -> list[str]:
        return ["ssh", *(f"-o{option}" for option in options), "-F", str(self._config), "--", name]

    def _control(self, name: str, word: str) -> list[str]:
        return ["ssh", "-O", word, "-F", str(self._config), "--", name]

    def _said(self, server: Server, command: list[str], *, seconds: float | None = LOGIN_SECONDS) -> str:
        """What ssh says of a login that fails; empty where it does not. Without `seconds` somebody is asked."""
        said = self._said_once(server, command, seconds)
        for wait in TURNED_AWAY_SECONDS:
            if not _turned_away(said) or self._ended.wait(wait):
                break
            said = self._said_once(server, command, seconds)
        return said

    def _said_once(self, server: Server, command: list[str], seconds: float | None) -> str:
        unasked = {} if seconds is None else {ssh_config.UNASKED: "1"}
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            # In a session of its own it has no terminal: ssh on the way to a jump host would ask there by itself.
            streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": stderr, "start_new_session": True}
            try:
                process = self._start(server, command, unasked, **streams)
            except InterruptedError as error:
                return str(error)
            limit = heard.Limit((stdout, stderr), lambda: _kill(process))
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.wait()
                return f"no answer within {seconds:.0f} s"
            finally:
                limit.close()
                self._running.discard(process)
            if not process.returncode:
                return ""
            if limit.passed:
                return limit.sentence
            said = (short(heard.last(output)) for output in (stderr, stdout))
            return next(filter(None, said), f"its login ends with {process.returncode}")

    def _start(
        self, server: Server, command: list[str], unasked: Mapping[str, str], **how: Any
    ) -> subprocess.Popen[bytes]:
        """Start an ssh that `end` ends. Raises InterruptedError after that."""
        with self._starting:
            if self._ended.is_set():
                raise InterruptedError("interrupted")
            process = subprocess.Popen(command, env=os.environ | unasked | {asking.ABOUT: _about(server)}, **how)
            self._running.add(process)
        return process


def _turned_away(said: str) -> bool:
    """Whether a login ended by chance: tried again, a refusal of a host on the way would be one more failed login.

    sshd lets nobody in for a while who has too many of these (PerSourcePenalties, sshd_config(5)).
    """
    return said.count(TURNED_AWAY) > said.count(NOBODY)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With the ssh that it started on its way to a jump host."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()  # one that shares our session


def _about(server: Server) -> str:
    over = f", over {server.jump}" if server.jump else ""
    return f"{server.organisation} ({server.user}@{server.host}:{server.port}{over})"


def short(said: bytes) -> str:
    """The last lines of what ssh or a server says, on one line."""
    lines = said.decode(errors="replace").split("\n")
    return " ".join(" ".join(lines[-6:]).split())[-300:]


def _wait_for(server: Server, deadline: float, ended: threading.Event) -> None:
    """Until something listens, where that is to be seen from here: a process of ssh for each look would cost much."""
    ended.wait(AGAIN_SECONDS)
    while not server.jump and time.monotonic() < deadline and not ended.is_set():
        with contextlib.suppress(OSError), socket.create_connection((server.host, server.port), 1):
            return
        ended.wait(AGAIN_SECONDS)
