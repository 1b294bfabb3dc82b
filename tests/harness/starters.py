"""The commands of a server as the role starts them, with the package of this checkout."""

from __future__ import annotations

from pathlib import Path

from plugins.action import server_part
from plugins.filter import baseline

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/baseline"


def starter(command: str) -> str:
    """The text of the starter of a command ("station")."""
    rendered = baseline.program_files(str(ROOT / baseline.PACKAGE))["rendered"]
    [spec] = [spec for spec in rendered if Path(spec["path"]).name == command]
    template = server_part.environment(ROLE / "templates").get_template(spec["template"])
    return template.render(spec["variables"] | {"library": str(ROOT)})
