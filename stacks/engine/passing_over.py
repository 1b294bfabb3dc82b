#!/usr/bin/env -S python3 -IS
"""The `ssh` that the engine finds first: what a login prints by itself is passed over, up to where a program begins.

Docker speaks HTTP with `docker system dial-stdio` on a server, which the login's shell starts; a line that a .bashrc
prints would be its first answer. Arguments are ssh's, and the process becomes ssh: whoever started it ends that.

The engine is root's, and whoever uses it uses it by sudo: no login needs its group. Where ssh's configuration says that
the server is this machine, the process becomes the program.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import NoReturn

MOST_BEFORE = 2**20  # bytes that a login prints before the program begins
_AT_ONCE = 65536
_HERE = ["#", "here"]  # as werkplaats/operations/reach/ssh_config.py writes it
_LENDING = "WERKPLAATS_LENDING"  # see werkplaats/operations/reach/lending.py
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The engine meant is root's, whatever path or engine the login has for its own work.
_ENGINE = f"/usr/bin/env --unset=DOCKER_HOST DOCKER_CONTEXT=default PATH={_PATH}"
_LINE = "echo {begins}; exec sudo -n {engine} {command}"


def main() -> NoReturn:
    """Become ssh; the process that passes its output on ends with 1 where no program began."""
    words = sys.argv[1:]
    if words[-3:-2] == ["--"] and _here(words):
        _run_here(f"exec {_ENGINE} {words[-1]}")
    ssh = _next()
    if words[-3:-2] != ["--"]:  # as docker/cli has it; the login to a host that is jumped over runs nothing there
        _become(ssh, words)
    begins = os.urandom(16).hex()
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(0)
        os.close(writing)
        sys.exit(_pass_on(reading, begins.encode() + b"\n"))
    os.dup2(writing, 1)
    line = _LINE.format(engine=_ENGINE, begins=begins, command=words[-1])
    # For whatever shell the login has: `sh` alone reads the line.
    _become(ssh, [*words[:-1], shlex.join(("/bin/sh", "-c", line))])


def _here(words: list[str]) -> bool:
    """Whether the configuration that is named says of the server that it is this machine."""
    lines: list[str] = []
    with contextlib.suppress(ValueError, OSError):  # ssh says what is wrong with it
        lines = Path(words[words.index("-F") + 1]).read_text(errors="replace").splitlines()
    named: list[str] = []
    for line in map(str.split, lines):
        named = line[1:] if line[:1] in (["Host"], ["Match"]) else named
        if line == _HERE and any(fnmatch.fnmatchcase(words[-2], one) for one in named):
            return True
    return False


def _run_here(line: str) -> NoReturn:
    """By sudo, unless by root; where sudo knows the password at a terminal alone, by who was started there."""
    words = ["/bin/sh", "-c", line]
    if os.geteuid() == 0:
        _become(words[0], words[1:])
    if _LENDING not in os.environ:
        os.execvp("sudo", ["sudo", "-n", *words])  # noqa: S606 - as a login finds it
    with socket.socket(socket.AF_UNIX) as lending:
        lending.connect(os.environ[_LENDING])
        socket.send_fds(lending, [json.dumps(words).encode()], [0, 1, 2])
        sys.exit(int(lending.recv(16) or b"1"))


def _become(program: str, words: list[str]) -> NoReturn:
    os.execv(program, [program, *words])  # noqa: S606 - as whoever asked for ssh asked


def _next() -> str:
    """The `ssh` that would be found without this one."""
    for folder in os.get_exec_path():
        path = Path(folder, "ssh")
        if os.access(path, os.X_OK) and not path.samefile(__file__):
            return str(path)
    sys.exit("there is no ssh on PATH; install OpenSSH's client")


def _pass_on(reading: int, begins: bytes) -> int:
    before, found, rest = b"", b"", b""
    while not found:
        data = os.read(reading, _AT_ONCE)
        before += data
        if not data or len(before) > MOST_BEFORE:
            break
        before, found, rest = before.partition(begins)
    if not found:
        much = f"its login prints more than {MOST_BEFORE // 2**20} MiB before any program begins\n".encode()
        os.write(2, much if len(before) > MOST_BEFORE else before[-2000:])
        return 1
    while rest := rest or os.read(reading, _AT_ONCE):
        rest = rest[os.write(1, rest) :]
    return 0


if __name__ == "__main__":
    main()
