"""Pulumi by hand, on the state of `werkplaats up` (stacks/README.md): how it starts, and whether somebody is at it."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from base import files, values


def write(path: Path, variables: Mapping[str, str], programs: Iterable[Path], *command: str) -> None:
    """Write a program that runs a command with these variables, and with folders of programs first on PATH."""
    lines = (
        "#!/bin/sh\n",
        "# Written by `werkplaats up`; see stacks/README.md.\n",
        *(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()),
        f'export PATH={shlex.quote(":".join(map(str, programs)))}:"$PATH"\n',
        f'exec {shlex.join(command)} "$@"\n',
    )
    files.write_atomically(path, "".join(lines).encode(), mode=0o700)


def holder(state: Path, ended: Collection[int]) -> str:
    """Who holds a lock on a state, "" where nobody who lives does; `ended` are processes that were just killed."""
    for path in (state / ".pulumi" / "locks").rglob("*.json"):
        try:
            lock = values.mapping(path.read_bytes())
            host, pid, who, since = (lock[key] for key in ("hostname", "pid", "username", "timestamp"))
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # let go of meanwhile, or cut short by a kill
            continue
        if host == platform.node() and pid not in ended and _is_engine(pid):
            return f"process {pid} of {who}, since {since} (`pulumi` by hand)"
    return ""


def _is_engine(pid: int) -> bool:
    """Whether this process runs Pulumi; one that has died and still waits for its parent does not (proc(5))."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name == "pulumi"
    except PermissionError:
        return True  # it lives and is another account's, which nobody but that account can say more of
    except OSError:
        return False
