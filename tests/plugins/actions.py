"""Action plugins without a playbook and without a server: what they ask of it is noted, and answered by the test."""

from __future__ import annotations

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


def run(
    plugin: ModuleType, asked: Asked, *, role: Path | None = None, check: bool = False, **args: Any
) -> dict[str, Any]:
    """Run the action of a plugin on the server `een`, in a role's folder."""
    found = SimpleNamespace(_role_path=str(role), get_name=lambda: "tested") if role else None
    task = SimpleNamespace(_role=found, args=args, check_mode=check, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="nowhere"))
    action = plugin.ActionModule(task, connection, None, None, None, None)
    action._execute_module = asked
    variables = {"inventory_hostname": "een", "ansible_user": "beheer", "ansible_host": "192.0.2.1"}
    result: dict[str, Any] = action.run(task_vars=variables)
    return result
