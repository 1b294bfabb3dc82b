"""What our drop-in tells sshd, and sshd's settings as they will be with it, or without it, while nothing is written.

The role `baseline` places this text; `access` asks sshd what people get by it, before it lies there.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

PATH = "/etc/ssh/sshd_config.d/0-werkplaats.conf"
CONFIG = "/etc/ssh/sshd_config"
SESSIONS = 64  # whoever uses the engine asks it over one connection, with a session a question
PEOPLE = ("steward", "scientist")
COMMAND = "/usr/local/bin/station-account"
KEYS = "/etc/werkplaats/people/%u"
# That sshd starts one program for people, and takes their keys from root's file: what it must say of them, whoever sets
# it. The command is set beside the file of keys, so that not even an edited one gives a shell.
CLOSED = {
    "AuthorizedKeysFile": KEYS,
    "AuthorizedKeysCommand": "none",
    "TrustedUserCAKeys": "none",
    "AuthenticationMethods": "publickey",
    "AllowAgentForwarding": "no",
    "AllowStreamLocalForwarding": "no",
    "AllowTcpForwarding": "no",
    "PermitTTY": "no",
    "PermitTunnel": "no",
    "PermitUserRC": "no",
    "X11Forwarding": "no",
}
# That it lets them in, whatever it says of others.
OPEN = {
    "AllowUsers": " ".join(PEOPLE),
    "AllowGroups": "*",
    "ChrootDirectory": "none",
    "PubkeyAuthentication": "yes",
}
_TEXT = """\
# Made by the role baseline; becomes {path} through guarded-change.
# Everything here is about three logins and nobody else: a block counts before what is said outside of blocks, and of
# two blocks the first.

# sshd 10.0 ends by a segmentation fault where a block has a Subsystem and there is none outside.
Subsystem werkplaats-none /usr/sbin/nologin

# The engine is asked over one connection with a session per question.
Match User {login}
    MaxSessions {sessions}

# Accounts for one command each. What follows holds to the end of this file only. The command is forced here too, so
# that not even an edited file of keys gives a shell. ForceCommand expands no %u, hence a block per account.
Match User {people}
{settings}
Match User steward
    ForceCommand {command} steward
Match User scientist
    Subsystem sftp internal-sftp
    ForceCommand {command} scientist
"""


def text(login: str) -> str:
    """The drop-in; `login` is whoever uses the engine."""
    settings = "\n".join(f"    {name} {value}" for name, value in (OPEN | CLOSED).items())
    words = {"path": PATH, "sessions": SESSIONS, "people": ",".join(PEOPLE), "command": COMMAND}
    return _TEXT.format(**words, login=pattern(login), settings=settings)


def owner_s(login: str) -> str:
    """The same for an owner to set, whose `Subsystem sftp` stands outside of blocks."""
    said = text(login).splitlines()
    kept = [line for line in said if line and not line.startswith("#") and "Subsystem" not in line]
    return "\n".join(["Subsystem sftp internal-sftp", *kept, ""])


def pattern(login: str) -> str:
    """The pattern of sshd that stands for a login; a directory's may hold what has a meaning in its settings."""
    return re.sub(r"[^A-Za-z0-9_.-]", "?", login)


def wanted(account: str) -> dict[str, str]:
    """What `sshd -T` must say of an account that people use."""
    found = {name.lower(): value for name, value in CLOSED.items()}
    return found | {"forcecommand": f"{COMMAND} {account}"}


def unread(config: str = CONFIG, drop_in: str = PATH) -> str:
    """Why sshd would not read the drop-in for every login; "" where it does (sshd_config(5), Include and Match)."""
    below = ""
    for words in lines(config):
        keyword, *values = _split(words)
        if keyword.lower() == "match":
            below = "" if [value.lower() for value in values] == ["all"] else " ".join(words)
        for value in values if keyword.lower() == "include" else ():
            where = str(Path(drop_in).parents[1] / value)
            if fnmatch.fnmatchcase(drop_in, where):
                return below and f"{config} has its Include below `{below}`; move that line to the top of the file"
            if not below and any(not unread(name, drop_in) for name in glob.glob(where)):  # noqa: PTH207  absolute
                return ""
    line = f"Include {Path(drop_in).parent}/*.conf"
    return f"{config} does not read {Path(drop_in).parent}; write as its first line `{line}`"


@contextlib.contextmanager
def in_force(said: str, config: str = CONFIG, drop_in: str = PATH) -> Iterator[str]:
    """The path of sshd's settings as they will be when the drop-in says this; "" says that there is none.

    The path is "" where that cannot be told: another file than sshd's own reads the folder. Both lie in memory.
    """
    with contextlib.ExitStack() as files:
        ours = files.enter_context(_in_memory(said)) if said else ""
        made, found = [], False
        for line in _text(config).splitlines():
            keyword, *values = _split(line.split()) or [""]
            reads = [str(Path(drop_in).parents[1] / value.strip('"')) for value in values]
            if keyword.lower() == "include" and any(fnmatch.fnmatchcase(drop_in, one) for one in reads):
                named = sorted({name for one in reads for name in glob.glob(one)} - {drop_in})  # noqa: PTH207
                before = [name for name in named if name < drop_in]
                after = named[len(before) :]
                paths = [*before, *[ours] * bool(ours and not found), *after]
                made.append("Include " + " ".join(f'"{path}"' for path in paths) if paths else "")
                found = True
            else:
                made.append(line)
        yield files.enter_context(_in_memory("\n".join([*made, ""]))) if found else ""


@contextlib.contextmanager
def _in_memory(said: str) -> Iterator[str]:
    """The path of a file that is on no disk and goes with this process."""
    number = os.memfd_create("werkplaats")
    try:
        os.write(number, said.encode(errors="surrogateescape"))
        yield f"/proc/{os.getpid()}/fd/{number}"
    finally:
        os.close(number)


def _text(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text(errors="surrogateescape")
    return ""


def _split(words: Iterable[str]) -> list[str]:
    """Keyword and values of a line; sshd takes a `=` between them too."""
    return " ".join(words).replace("=", " ", 1).split()


def lines(path: str) -> Iterator[list[str]]:
    """The words of each line of a file that says something."""
    for line in _text(path).splitlines():
        with contextlib.suppress(ValueError):  # a quote that nobody closed
            if words := shlex.split(line, comments=True):
                yield words
