"""Where the parts of the host's programs lie on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

PROGRAMS = ("station", "station-account")
PACKAGE = "station_command"


def host_program_files(folder: str) -> list[dict[str, str]]:
    """Return path, source and mode of the programs in `folder` and of the package that they start."""
    programs = [
        {"path": f"/usr/local/bin/{name}", "source": str(Path(folder) / name), "mode": "0755"} for name in PROGRAMS
    ]
    modules = sorted((Path(folder) / PACKAGE).glob("*.py"))
    if not modules:
        raise AnsibleFilterError(f"{folder}/{PACKAGE} is missing; take a complete copy of this project")
    return programs + [
        {"path": f"/usr/local/lib/werkplaats/{PACKAGE}/{module.name}", "source": str(module), "mode": "0644"}
        for module in modules
    ]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return the filter by name."""
        return {"host_program_files": host_program_files}
