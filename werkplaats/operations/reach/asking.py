"""What ssh asks (a passphrase, a code) and tells (touch that token): one at a time, at the terminal of this command.

Every ssh under this process asks here, also one on the way to a jump host, and those of Ansible and Pulumi: by the
program that `$SSH_ASKPASS` names (ssh(1)). By themselves they would all ask at the same terminal at once.
"""

from __future__ import annotations

import atexit
import contextlib
import getpass
import os
import socket
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from base import errors, files, values

PROGRAM = Path(__file__).with_name("askpass.py")
WHERE, ABOUT = "WERKPLAATS_ASKING", "WERKPLAATS_ASKED_ABOUT"
OF_A_KEY = "Enter passphrase for"


class Asking:
    """Answers ssh from when it is made until it is closed; `folder` is one that is ours alone."""

    def __init__(self, folder: Path, *, ask: Callable[[str], str] = getpass.getpass) -> None:
        for left in folder.glob("ask-*"):
            if not files.is_alive(int(left.name.split("-")[1])):
                left.unlink(missing_ok=True)
        self._path = folder / f"ask-{os.getpid()}-{id(self):x}"
        self._ask = ask
        self._turn = threading.Lock()
        self._closed = False
        self._passphrases: dict[str, str] = {}
        self._given: set[tuple[int, str]] = set()
        self._before = dict(os.environ)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self._path))
        self._listening.listen(128)
        threading.Thread(target=self._serve, daemon=True).start()
        os.environ |= {"SSH_ASKPASS": str(PROGRAM), "SSH_ASKPASS_REQUIRE": "force", WHERE: str(self._path)}
        # Who is asked when this process is interrupted would be left with a terminal that shows nothing typed.
        atexit.register(termios.tcsetattr, sys.stdin.fileno(), termios.TCSANOW, termios.tcgetattr(sys.stdin.fileno()))

    def close(self) -> None:
        """Answer nobody any more."""
        self._closed = True
        self._path.unlink(missing_ok=True)
        for name in ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", WHERE):
            os.environ.pop(name, None)
            os.environ |= {name: self._before[name]} if name in self._before else {}
        with contextlib.suppress(OSError):  # nobody called
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._closed:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=(line,), daemon=True).start()

    def _hear(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError, ValueError):  # ssh has given up
            match values.mapping(line.makefile().readline()):
                case {"about": str(about), "question": str(question), "process": int(process), "tells": bool(tells)}:
                    answer = self.answer(about, question, process, tells=tells)
                    if answer is not None:
                        line.sendall(f"{answer}\n".encode())

    def answer(self, about: str, question: str, process: int, *, tells: bool) -> str | None:
        """What is answered to the ssh of that process id; None where nobody shall.

        A passphrase is asked once for a key, and again when the same ssh asks again, since then it was wrong.
        """
        with self._turn:
            if self._closed or "yes/no" in question:  # whether to trust a host that nobody compared
                return None
            again = (process, question) in self._given
            self._given.add((process, question))
            if not again and question in self._passphrases:
                return self._passphrases[question]
            tell(f"{about or 'ssh'}: {question.strip() if tells else 'asks'}")
            if tells:
                return ""
            try:
                found = self._ask(errors.printable(question))
            except EOFError:
                return None
            if question.startswith(OF_A_KEY):
                self._passphrases[question] = found
            return found


def on_terminal(folder: Path) -> Asking | None:
    """Who answers ssh, where somebody sits at a terminal."""
    return Asking(folder) if sys.stdin.isatty() else None


def tell(text: str) -> None:
    """A line to who sits at the terminal."""
    print(errors.printable(text), file=sys.stderr, flush=True)
