"""Where our programs lie on a server, and which command starts which: one package, and a starter a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

LIBRARY = "/usr/local/lib/werkplaats"
PACKAGE = "on_server"
# Command → module of the package whose main() it starts. sshd, units and people know commands by these paths.
COMMANDS = {
    "/usr/local/bin/station": "station_command.cli",
    "/usr/local/bin/station-account": "station_command.account",
    "/usr/local/sbin/engine-settings": "engine_settings",
    "/usr/local/sbin/gateway-reload": "gateway.reload",
    "/usr/local/sbin/guarded-change": "guard",
    "/usr/local/sbin/station-cut": "gateway.cut",
}


def program_files(folder: str) -> dict[str, list[dict[str, Any]]]:
    """Return what `server_part` writes of the package in `folder`, and renders for its commands.

    Keys are `written` and `rendered`. Raises AnsibleFilterError where the package is not.
    """
    modules = sorted(Path(folder).rglob("*.py"))
    if not modules:
        raise AnsibleFilterError(f"{folder} is missing; take a complete copy of this project")
    return {
        "written": [
            {"path": f"{LIBRARY}/{PACKAGE}/{module.relative_to(folder).as_posix()}", "source": str(module)}
            for module in modules
        ],
        "rendered": [
            {
                "template": "starter.j2",
                "path": path,
                "variables": {"library": LIBRARY, "module": f"{PACKAGE}.{module}"},
            }
            for path, module in COMMANDS.items()
        ],
    }


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filter by name."""
        return {"program_files": program_files}
