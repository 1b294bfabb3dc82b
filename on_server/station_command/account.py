"""What sshd starts for the accounts `steward` and `scientist`: a few verbs of `station`, and sftp for the scientist.

station-account ACCOUNT      what was asked is in SSH_ORIGINAL_COMMAND; without it, says what can be asked
"""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from on_server.station_command import agent, allowing, cli, confine
from on_server.station_command.agent import RefusedError, StationError
from on_server.station_command.words import plain, say

STATION = "/usr/local/bin/station"
DATA = "/var/lib/werkplaats/data/in"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
# What sshd hands over when sftp is asked: the words of `Subsystem sftp` in its configuration.
SFTP = {"sftp-server", "internal-sftp"}
# Links would lead out of the folder; the rest no client for files needs. setstat stays: WinSCP keeps times with it.
SFTP_DENIED = "symlink,hardlink,lsetstat,copy-data,users-groups-by-id"
# What any program reads to start and to tell names and times.
SYSTEM = ("/usr", "/etc/group", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd")
VERBS = {
    "steward": ("questions", "allow", "refuse", "results", "register", "status", "went-back", "agree"),
    "scientist": ("questions", "data", "propose", "results", "status"),
}
UMASK = 0o027


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what this account may, and nothing else."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1 or arguments[0] not in VERBS:
        return _refused("this is for the accounts steward and scientist")
    account = arguments[0]
    os.umask(UMASK)
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8", "STATION_ACCOUNT": account}
    try:
        words = asked(account, os.environ.get("SSH_ORIGINAL_COMMAND", ""))
        if not words:
            _help(account)
            return agent.DONE
        if words[0] == "sftp":
            return _sftp(environment)
        if words[0] in ("data", "propose"):
            hand_over(Path(DATA))
    except StationError as error:
        return _refused(str(error))
    return _become(["station", *words], environment)


def asked(account: str, command: str) -> list[str]:
    """The verb with its options, ["sftp"], or nothing where help is wanted. Raises RefusedError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RefusedError(f"{command[:60]!r} cannot be read ({error}); quote it") from error
    if words and Path(words[0]).name in SFTP:
        if account != "scientist":
            raise RefusedError("files are brought by the account scientist")
        return ["sftp"]
    words = words[words[:1] == ["station"] :]
    if words in ([], ["help"], ["--help"], ["-h"]):
        return []
    if words[0] == "help":
        words = [words[1], "--help"]
    if words[0] not in VERBS[account]:
        raise RefusedError(f"{account} cannot do {words[0][:60]!r}; it can: {', '.join(VERBS[account])}, help")
    return words


def make_folders(root: Path, path: str) -> None:
    """A folder per network and question that this organisation contributes to; the group comes from above."""
    status = agent.ask(path, {"verb": "status"}, lambda _: None)
    here = {name: row["station"] for name, row in status.get("networks", {}).items()}
    for row in agent.questions(path):
        network, name = str(row["network"]), str(row["question"])
        safe = allowing.NAME.fullmatch(name) and allowing.NAME.fullmatch(network)
        if safe and here.get(network) in row["document"]["contributors"]:
            (root / network).mkdir(mode=0o750, exist_ok=True)
            (root / network / name).mkdir(mode=0o750, exist_ok=True)


def hand_over(root: Path) -> None:
    """Let the station read what lies in the folders: a client may have kept its own, narrower rights on a file."""
    for file in (*root.glob("*"), *root.glob("*/*")):
        if stat.S_ISREG(file.lstat().st_mode):
            own = "each network has a folder of its own, and each question one in it"
            move = f"`rename {file.relative_to(root)} {_place(root, file)}/{file.name}` in sftp, or remove it"
            print(plain(f"{file}: no session reads it there, {own}; {move}"), file=sys.stderr)
    for file in root.glob("*/*/*"):
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            continue
        if stat.S_IMODE(found.st_mode) != 0o640:
            file.chmod(0o640)
        if found.st_gid != root.stat().st_gid:
            again = "remove that folder, connect again and bring the files again"
            print(plain(f"{file}: the station cannot read it, its folder lost its group; {again}"), file=sys.stderr)


def _place(root: Path, file: Path) -> str:
    """Where a file belongs that lies beside the folders of questions, as far as its place tells."""
    if file.parent == root:
        return "NETWORK/QUESTION"
    of_network = any(path.is_dir() for path in file.parent.iterdir())
    return (
        f"{file.parent.name}/QUESTION" if of_network else f"NETWORK/{file.parent.name}"
    )  # else: of an earlier release


def _sftp(environment: dict[str, str]) -> int:
    root = Path(DATA)
    try:
        make_folders(root, agent.SOCKET)
    except StationError as error:
        print(plain(f"station-account: no new folders were made: {error}"), file=sys.stderr)
    _narrow(root)
    command = [SFTP_SERVER, "-d", DATA, "-u", f"{UMASK:03o}", "-P", SFTP_DENIED]
    # A connection that breaks must not keep the files from being handed over.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    code = subprocess.run(command, env=environment, check=False).returncode
    hand_over(root)
    return code


def _narrow(root: Path) -> None:
    """Leave sftp the folders of questions and the results beside them, and not whatever any account may read."""
    reads = (*SYSTEM, SFTP_SERVER, str(root.with_name("out")))
    try:
        confine.only(dict.fromkeys(reads, confine.READ) | dict.fromkeys((str(root), "/dev/null"), confine.WRITE))
    except OSError as error:
        print(plain(f"station-account: sftp is not narrowed to its folders: {error}"), file=sys.stderr)


def _become(words: list[str], environment: dict[str, str]) -> NoReturn:
    os.execve(STATION, words, environment)  # noqa: S606  a list of words, and no shell, is what is wanted


def _help(account: str) -> None:
    say(f"{account} can ask this station:")
    for verb in cli.VERBS:
        if verb.name in VERBS[account]:
            say(f"  {verb.name:<15} {verb.help}")
    say("  help VERB       its options")
    if account == "scientist":
        say("and bring files over sftp, in the folder of their question")


def _refused(why: str) -> int:
    print(plain(f"station-account: {why}"), file=sys.stderr)
    return agent.REFUSED
