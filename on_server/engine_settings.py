"""Has the container engine read its settings, but never under a running station.

engine-settings apply   start the engine; restart it when its settings changed and no container runs

docker.service keeps a copy of what the engine read when it started.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SETTINGS = Path("/etc/docker/daemon.json")
# The limit of the journal is journald's, not the engine's: it is read again at once.
JOURNAL = Path("/etc/systemd/journald.conf.d/60-werkplaats.conf")
JOURNALD = "systemd-journald.service"
READ = Path("/run/werkplaats-engine.json")


def active() -> bool:
    """Return whether the engine runs."""
    return subprocess.run(["systemctl", "is-active", "--quiet", "docker.service"], check=False).returncode == 0


def running() -> list[str]:
    """Return the names of the running containers."""
    names = ["docker", "ps", "--format", "{{.Names}}"]
    return subprocess.run(names, check=True, capture_output=True, text=True).stdout.split()


def journal() -> bool:
    """Have journald read its limit when the file is younger than journald; returns whether it was."""
    show = ["systemctl", "show", "--property=ExecMainStartTimestamp", "--timestamp=unix", "--value", JOURNALD]
    begun = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip().removeprefix("@")
    if not JOURNAL.exists() or JOURNAL.stat().st_mtime < int(begun or 0) + 1:
        return False
    subprocess.run(["systemctl", "try-restart", JOURNALD], check=True)
    return True


def apply() -> dict[str, object]:
    """Bring the engine to its settings; returns changed, waits, message."""
    changed = journal()
    if not active():
        subprocess.run(["systemctl", "start", "docker.service"], check=True, capture_output=True)
        return {"changed": True, "waits": False, "message": "the engine was started"}
    if READ.exists() and READ.read_bytes() == SETTINGS.read_bytes():
        return {"changed": changed, "waits": False, "message": "the engine has read its settings"}
    if names := running():
        said = f"the engine has new settings and reads them at the next upgrade: {', '.join(names)} runs now"
        return {"changed": changed, "waits": True, "message": said}
    subprocess.run(["systemctl", "restart", "docker.service"], check=True, capture_output=True)
    return {"changed": True, "waits": False, "message": "the engine was restarted with its new settings"}


def main() -> int:
    """Run the program."""
    if sys.argv[1:] != ["apply"]:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        sys.stdout.write(json.dumps(apply()) + "\n")
    except subprocess.CalledProcessError as problem:
        sys.stderr.write(f"engine-settings: `{' '.join(problem.cmd)}` failed; see `journalctl -u docker`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
