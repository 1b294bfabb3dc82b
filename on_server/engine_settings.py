"""Has the container engine read its settings, but never under a running station.

engine-settings apply   start the engine; restart one of ours when its settings changed and no container runs

A drop-in of docker.service keeps a copy of what the engine read when it started. Without it the engine is its owner's,
and is never restarted.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from on_server import programs

SETTINGS = Path("/etc/docker/daemon.json")
# The limit of the journal is journald's, not the engine's: it is read again at once.
JOURNAL = Path("/etc/systemd/journald.conf.d/60-werkplaats.conf")
JOURNALD = "systemd-journald.service"
READ = Path("/run/werkplaats-engine.json")
OURS = Path("/etc/systemd/system/docker.service.d/60-werkplaats.conf")
ENGINE = "docker.service"


def running() -> list[str]:
    """Return the names of the running containers."""
    return programs.run("docker", "ps", "--format", "{{.Names}}").split()


def journal() -> bool:
    """Have journald read its limit when the file is younger than journald; returns whether it was."""
    show = ("systemctl", "show", "--property=ExecMainStartTimestamp", "--timestamp=unix", "--value", JOURNALD)
    begun = programs.run(*show).strip().removeprefix("@")
    if not JOURNAL.exists() or JOURNAL.stat().st_mtime < int(begun or 0) + 1:
        return False
    programs.run("systemctl", "try-restart", JOURNALD)
    return True


def apply() -> None:
    """Bring the engine to its settings, and tell what was done."""
    changed = journal()
    if not programs.active(ENGINE):
        programs.run("systemctl", "start", ENGINE)
        programs.tell(True, "the engine was started")
    elif not OURS.exists():
        programs.tell(changed, "the engine is its owner's")
    elif READ.exists() and READ.read_bytes() == SETTINGS.read_bytes():
        programs.tell(changed, "the engine has read its settings")
    elif names := running():
        said = f"the engine has new settings and reads them at the next upgrade: {', '.join(names)} runs now"
        programs.tell(changed, said, waits=True)
    else:
        programs.run("systemctl", "restart", ENGINE)
        programs.tell(True, "the engine was restarted with its new settings")


def main() -> int:
    """Run the program."""
    if sys.argv[1:] != ["apply"]:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        apply()
    except subprocess.CalledProcessError as problem:
        sys.stderr.write(f"engine-settings: `{' '.join(problem.cmd)}` failed; see `journalctl -u docker`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
