"""What programs that roles start do alike: run others, ask systemd, tell in one line what they did."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path


def run(*words: str) -> str:
    """Run a program and return what it printed; CalledProcessError with its words when it fails."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def active(unit: str) -> bool:
    """Return whether systemd runs a unit."""
    return subprocess.run(("systemctl", "is-active", "--quiet", unit), check=False).returncode == 0


def outdated(process: Path) -> bool:
    """Whether a process, in /proc, still runs a program or library that an upgrade has replaced (proc(5), maps)."""
    maps = (process / "maps").read_text(errors="replace").splitlines()
    return any(" /usr/" in line and line.endswith(" (deleted)") for line in maps)


def told(line: str) -> str:
    """The message of what another of our programs told (`tell`); "" where it told nothing."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        return str(json.loads(line)["message"])
    return ""


def tell(changed: bool, message: str, *, waits: bool = False) -> None:
    """Print what the role's task makes its result of; `waits`: not in force yet, and `message` says why."""
    sys.stdout.write(json.dumps({"changed": changed, "message": message, "waits": waits}) + "\n")
