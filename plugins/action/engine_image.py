"""Brings an image to the engine of a server: the archive streams over ssh into `docker load`, and no copy stays.

Ansible's copy would write the archive on the server first, and Mitogen carries files through Python.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

SECONDS = 900


def ssh_command(variables: Mapping[str, Any]) -> list[str]:
    """Return how the inventory's variables say to reach a server with the ssh program."""
    key = variables.get("ansible_ssh_private_key_file")
    return [
        # A connection of its own: that of Mitogen compresses, which costs four times what loading the image costs.
        *("ssh", "-o", "BatchMode=yes", "-o", "Compression=no", "-o", "ControlPath=none"),
        *shlex.split(str(variables.get("ansible_ssh_common_args", ""))),
        *(("-i", str(key)) if key else ()),
        *("-p", str(variables.get("ansible_port", 22))),
        f"{variables['ansible_user']}@{variables['ansible_host']}",
    ]


class ActionModule(ActionBase):  # type: ignore[misc]
    """`engine_image: {id: sha256:…, archive: <path here>}`; fails when the archive holds another image."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Load the image; the caller asks only where the engine lacks it."""
        result: dict[str, Any] = super().run(tmp, task_vars) | {"changed": True}
        if self._task.check_mode:
            return result
        reach = ssh_command(task_vars or {})
        wanted = str(self._task.args["id"])
        if not Path(self._task.args["archive"]).is_file():
            missing = f"{self._task.args['archive']} is missing; build or fetch the release first"
            return result | {"failed": True, "changed": False, "msg": missing}
        with Path(self._task.args["archive"]).open("rb") as archive:
            loaded = _run([*reach, "sudo", "-n", "docker", "image", "load", "--quiet"], archive)
        if loaded.returncode:
            return result | {"failed": True, "msg": f"the engine did not load the image: {loaded.stderr.strip()}"}
        asked = _run([*reach, "sudo", "-n", "docker", "image", "inspect", "--format", "ok", wanted], subprocess.DEVNULL)
        if asked.returncode:
            return result | {"failed": True, "msg": f"the archive does not hold {wanted}: {loaded.stdout.strip()}"}
        return result


def _run(command: list[str], given: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=given, capture_output=True, text=True, timeout=SECONDS, check=False)
