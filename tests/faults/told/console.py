"""What the administrator of a server does at its own console, where no sshd is in between."""

from __future__ import annotations

import subprocess

from network_topology import names
from tests.faults.told.walk import Walk
from tests.harness import servers

RULE = "/etc/ssh/sshd_config.d/00-nobody.conf"
# Whoever is in already would stay, and so would what begins over that connection.
ENDED = "pkill --full '^sshd[-a-z]*: .+@' || true"
NOBODY = f"echo 'AllowUsers nobody-at-all' > {RULE} && systemctl reload ssh && ({ENDED})"
EVERYBODY = f"rm --force {RULE} && systemctl reload ssh"


def locks_out(walk: Walk) -> None:
    """Change sshd so that nobody logs in any more, and end who is."""
    _at_the_console(walk, NOBODY)


def lets_in(walk: Walk) -> None:
    """Take that away again."""
    _at_the_console(walk, EVERYBODY)


def _at_the_console(walk: Walk, line: str) -> None:
    container = f"{names.twin(walk.network.name)}.{walk.target}"
    first = servers.docker("inspect", "--format", "{{.State.Pid}}", container)  # its engine starts nothing in it here
    subprocess.run(["nsenter", "--target", first, "--all", "sh", "-c", line], check=True, timeout=60)
