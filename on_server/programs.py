"""What programs that roles start do alike: run others, ask systemd, tell in one line what they did."""

from __future__ import annotations

import json
import subprocess
import sys


def run(*words: str) -> str:
    """Run a program and return what it printed; CalledProcessError with its words when it fails."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def active(unit: str) -> bool:
    """Return whether systemd runs a unit."""
    return subprocess.run(("systemctl", "is-active", "--quiet", unit), check=False).returncode == 0


def tell(changed: bool, message: str, *, waits: bool = False) -> None:
    """Print what the role's task makes its result of; `waits`: not in force yet, and `message` says why."""
    sys.stdout.write(json.dumps({"changed": changed, "message": message, "waits": waits}) + "\n")
