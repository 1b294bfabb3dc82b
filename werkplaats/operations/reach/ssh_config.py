"""One ssh_config for a network, which everything reads that logs in: ssh, sftp, Ansible, Pulumi's provider.

A server is reached under its organisation's name (`ssh -F ssh_config gelre`), one that is away too. Two more names of
each say for what: `gelre.engine` for whoever uses the engine, `gelre.people` for accounts that are not the operator's.
Each purpose has a shared connection of its own. It keeps the groups of its login: whoever needs one that the roles gave
opens another.

Who asks for a server that is here is told that nobody logs in to it; the `ssh` that the engine finds runs its line
here.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from base import errors, files
from werkplaats.operations.reach.servers import Server

CONNECT_SECONDS = 20  # a login may look up the name of who calls, and ask a directory
# In the environment of an ssh that asks nobody anything: then none that it starts on its way does, and sends no answers
# that nobody gave to a host that is jumped over.
UNASKED = "WERKPLAATS_UNASKED"
# A comment to ssh, for stacks/engine/passing_over.py: a word of our own would take an IgnoreUnknown, of which ssh takes
# the first, and the operator's may have another.
HERE = "here"
ENGINE, PEOPLE = "engine", "people"
RUN_USER = Path("/run/user")
# A socket's path has at most 108 bytes, the last of them zero (unix(7)). Ours are named "/e", then %C of 40 digits
# and whose they are, and while ssh makes one it has 17 more.
_WHOSE = 6
_LONGEST = 107 - len("/e") - 40 - _WHOSE - 17
_HEAD = "# Written by werkplaats, from servers.yml: what is changed here is lost.\n"
OWN = ("~/.ssh/config", "/etc/ssh/ssh_config")  # what these say of a host counts too, after what is said here


def alias(organisation: str, purpose: str) -> str:
    """The name of an organisation's server for one purpose."""
    return f"{organisation}.{purpose}"


def render(servers: Iterable[Server], known_hosts: Path, sockets: Path) -> str:
    """The text of the configuration; `sockets` is a folder for the shared connections."""
    known = list(servers)
    names = [server.organisation for server in known]
    blocks: list[tuple[str, Mapping[str, object]]] = [(f'Match exec "printenv {UNASKED}"', {"BatchMode": "yes"})]
    for server in known:
        if server.here:
            blocks.append((f"Host {_any(server.organisation)}", _here(server)))
            continue
        operator_s = f"{server.organisation} {alias(server.organisation, ENGINE)}"
        people = {"ControlPath": _socket(sockets, "p", server), "IdentitiesOnly": "yes"}
        blocks += [
            (f"Host {operator_s}", _login(server)),
            (f"Host {alias(server.organisation, ENGINE)}", {"ControlPath": _socket(sockets, "e", server)}),
            (f"Host {alias(server.organisation, PEOPLE)}", people),
            (f"Host {_any(server.organisation)}", _place(server) | {"ControlPath": _socket(sockets, "r", server)}),
        ]
    if names:
        blocks.append((f"Host {' '.join(map(_any, names))}", _shared(known_hosts)))
    # `final` has all of it read once more, for the names and addresses that servers really have.
    blocks += [("Match final", {}), ("Host *", {"Include": " ".join(OWN)})]
    lines = ((head, *(f"  {key} {value}" for key, value in settings.items())) for head, settings in blocks)
    return _HEAD + "".join(f"{line}\n" for block in lines for line in block)


def _any(organisation: str) -> str:
    return f"{organisation} {organisation}.*"


def _here(server: Server) -> dict[str, object]:
    said = f"echo {server.organisation} is this machine: nobody logs in to it >&2"
    return {"#": HERE, "ProxyCommand": f"/bin/sh -c '{said}; exit 1'"}


def _socket(folder: Path, purpose: str, server: Server) -> str:
    """Of a connection to this server and no other: %C says nothing of jump hosts, behind which addresses repeat."""
    whose = repr((server.organisation, server.jump, server.host_key))
    return _quoted(folder, f"{purpose}%C{hashlib.sha256(whose.encode()).hexdigest()[:_WHOSE]}")


def _quoted(folder: Path, name: str = "") -> str:
    """A path as ssh_config(5) takes it: only in `name` its tokens (%C) stand for something.

    Raises UsageError for a path that cannot be written there.
    """
    text = str(folder)
    if not text.isprintable() or '"' in text:
        raise errors.UsageError(f"the path {text!r} has a character that ssh's configuration cannot hold", "rename it")
    return f'"{text.replace("%", "%%")}{name and "/" + name}"'


def _login(server: Server) -> dict[str, object]:
    key: dict[str, object] = {"IdentityFile": _quoted(server.key), "IdentitiesOnly": "yes"} if server.key else {}
    return {"User": server.user, **key}


def _place(server: Server) -> dict[str, object]:
    jump: dict[str, object] = {"ProxyJump": server.jump} if server.jump else {}
    return {"HostName": server.host, "Port": server.port, "HostKeyAlias": server.organisation, **jump}


def _shared(known_hosts: Path) -> dict[str, object]:
    return {
        "UserKnownHostsFile": _quoted(known_hosts),
        # Only what the inventory pins counts, whatever else this operator's ssh would believe.
        "StrictHostKeyChecking": "yes",
        "GlobalKnownHostsFile": "none",
        "KnownHostsCommand": "none",
        "VerifyHostKeyDNS": "no",
        "UpdateHostKeys": "no",
        "CanonicalizeHostname": "no",
        # What this operator's ssh does at every login elsewhere is nothing that a station's root may use.
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
        "RemoteCommand": "none",
        "RequestTTY": "auto",
        "ControlMaster": "auto",
        "ControlPersist": 60,
        # Hardware does AES: an image of 60 MB costs a quarter less than with the usual cipher, as safely.
        "Ciphers": "^aes256-gcm@openssh.com",
        "ConnectTimeout": CONNECT_SECONDS,
        "ServerAliveInterval": 5,
        "BatchMode": "yes",
    }


def write(path: Path, servers: Iterable[Server], known_hosts: Path) -> None:
    """Write the configuration of these servers, unless it is there already; it stays, for an administrator's own ssh.

    Raises RefusedError where the folder for sockets is somebody else's.
    """
    text = render(servers, known_hosts, sockets_folder(known_hosts.parent)).encode()
    if not path.exists() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_atomically(path, text, mode=0o600)


def sockets_folder(folder: Path) -> Path:
    """Where ssh keeps the sockets of open connections of `folder`; nobody else can have made it first.

    OpenSSH joins whatever socket lies there, and does not look whose it is. Raises RefusedError.
    """
    place = _own_folder() / f"werk-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    if len(os.fsencode(place)) > _LONGEST:
        raise errors.RefusedError(
            f"{place} is too long for a socket of ssh: it may have {_LONGEST} bytes",
            "let XDG_RUNTIME_DIR name a folder of yours with a shorter name and mode 0700",
        )
    try:
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        if not os.path.lexists(place):
            what = f"the folder {place} for sockets of ssh cannot be made: {error.strerror}"
            raise errors.RefusedError(what, f"make {place.parent} a folder that you may write in") from error
    if not _is_ours_alone(place):
        away = shlex.join(("mv", "--no-target-directory", str(place), f"{place}.away"))
        raise errors.RefusedError(f"{place} is not a folder of yours alone (mode 0700)", f"move it away: {away}")
    return place


def _own_folder() -> Path:
    """Of this login, where it has one: cron and sudo do not say so, though it is there (pam_systemd(8))."""
    places = (Path(os.environ.get("XDG_RUNTIME_DIR", "")), RUN_USER / str(os.getuid()))
    return next((one for one in places if one.is_absolute() and _is_ours_alone(one)), Path.home() / ".ssh")


def _is_ours_alone(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700
