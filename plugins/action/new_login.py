"""Runs a program on a server as root over a login of its own, and streams a file from here into it.

Over a login of its own, because that is what shall be proved (a changed sshd still lets us in), or because the open
connection would cost more: Mitogen carries files through Python, and Ansible's copy leaves one on the server.

On a server that is this machine there is no login: the program is started by the Python of root's that runs the tasks,
with the file as its input. That proves no way in.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from werkplaats.operations.reach import heard

SECONDS = 900
DENIED = "Permission denied"
SSH_FAILED = 255  # ssh(1): it ends with this where it failed itself, and not the program that it ran
# What the command that runs this playbook says where somebody sits at its terminal: ssh asks there, about what this
# names, and keeps the connection as long as that command does.
ASKING, ABOUT, UNASKED = "WERKPLAATS_ASKING", "WERKPLAATS_ASKED_ABOUT", "WERKPLAATS_UNASKED"
ASKS = ("-o", "BatchMode=no", "-o", "ControlPersist=900")


def ssh_command(variables: Mapping[str, Any], *, for_engine: bool = False, asks: bool = False) -> list[str]:
    """Return how the inventory's variables say to reach a server with the ssh program.

    `for_engine`: over the login that whoever uses the engine afterwards takes as well, if `engine_host` names one.
    `asks`: somebody answers what ssh asks.
    """
    key, user, port = (variables.get(f"ansible_{name}") for name in ("ssh_private_key_file", "user", "port"))
    shared = variables.get("engine_host") if for_engine else None
    host = str(shared or variables.get("ansible_host") or variables["inventory_hostname"])
    alone = () if shared else ("-o", "ControlMaster=no", "-o", "ControlPath=none")
    return [
        # The first value that ssh sees counts. Compression costs four times what loading an image costs.
        *("ssh", *(ASKS if asks else ("-o", "BatchMode=yes")), "-o", "Compression=no", *alone),
        *shlex.split(str(variables.get("ansible_ssh_common_args", ""))),
        *(("-i", str(key)) if key else ()),
        *(("-p", str(port)) if port else ()),
        f"{user}@{host}" if user else host,
    ]


class ActionModule(ActionBase):  # type: ignore[misc]
    """`new_login: {argv: [program, …], given: <file here>, for_engine: true}`; counts as a change.

    Fails with the program's words.
    """

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Log in and run it; in check mode say only that it would be run."""
        result: dict[str, Any] = super().run(tmp, task_vars) | {"changed": True}
        given = Path(self._task.args.get("given") or "/dev/null")
        if not given.exists():
            return result | {"failed": True, "changed": False, "msg": f"{given} is missing; build or fetch it first"}
        if self._task.check_mode:
            return result
        if (task_vars or {}).get("ansible_connection") == "local":
            return result | self._here(given)
        command = shlex.join(["sudo", "-n", *(str(word) for word in self._task.args["argv"])])
        done = self._login(given, command, task_vars or {}, asks=False)
        if done.returncode == SSH_FAILED and DENIED in done.stderr and ASKING in os.environ:
            done = self._login(given, command, task_vars or {}, asks=True)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split()) or f"`{command}` ended with {done.returncode}"
            return result | {"failed": True, "msg": said}
        return result | {"stdout": done.stdout}

    def _here(self, given: Path) -> dict[str, Any]:
        words = shlex.join(str(word) for word in self._task.args["argv"])
        line = f"exec timeout {SECONDS} {words} < {shlex.quote(str(given.resolve()))}"
        done = self._low_level_execute_command(line, executable="/bin/sh")
        if done["rc"]:
            said = " ".join((done["stderr"] or done["stdout"]).split()) or f"`{words}` ended with {done['rc']}"
            return {"failed": True, "msg": said}
        return {"stdout": done["stdout"].replace("\r\n", "\n")}  # as of a terminal, which Mitogen imitates

    def _login(
        self, given: Path, command: str, variables: Mapping[str, Any], *, asks: bool
    ) -> subprocess.CompletedProcess[str]:
        ssh = ssh_command(variables, for_engine=bool(self._task.args.get("for_engine")), asks=asks)
        about = {ABOUT: f"{variables['inventory_hostname']}, a new login"}
        environment = os.environ | about | ({} if asks else {UNASKED: "1"})
        with given.open("rb") as stream:
            return heard.run([*ssh, command], SECONDS, given=stream, environment=environment)
