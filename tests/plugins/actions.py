"""Action plugins without a playbook and without a server: what they ask of it is noted, and answered by the test."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


class Asked:
    """What an action asked of the server: (module, arguments) in order; `answers` by module, else nothing changed."""

    def __init__(self, **answers: dict[str, Any]) -> None:
        self.modules: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def __call__(self, name: str, module_args: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.modules.append((name, module_args))
        return self._answers.get(name, {"changed": False, "msg": "as it should be"})

    def line(self, line: str, executable: str) -> dict[str, Any]:
        """Run a line as Mitogen does on this machine."""
        done = subprocess.run([executable, "-c", line], capture_output=True, text=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout.replace("\n", "\r\n"), "stderr": done.stderr}


def run(
    plugin: ModuleType,
    asked: Asked,
    *,
    role: Path | None = None,
    check: bool = False,
    connection: str = "ssh",
    **args: Any,
) -> dict[str, Any]:
    """Run the action of a plugin on the server `een`, in a role's folder."""
    found = SimpleNamespace(_role_path=str(role), get_name=lambda: "tested") if role else None
    task = SimpleNamespace(_role=found, args=args, check_mode=check, async_val=0)
    line = SimpleNamespace(_shell=SimpleNamespace(tmpdir="nowhere"))
    action = plugin.ActionModule(task, line, None, None, None, None)
    action._execute_module = asked
    action._low_level_execute_command = asked.line
    variables = {"inventory_hostname": "een", "ansible_user": "beheer", "ansible_host": "192.0.2.1"}
    variables["ansible_connection"] = connection
    result: dict[str, Any] = action.run(task_vars=variables)
    return result
