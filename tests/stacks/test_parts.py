"""The folders that a station's containers see are those that its code uses and that a role makes."""

from __future__ import annotations

from pathlib import Path

import yaml

from stacks import parts
from station_image.runtime.base.folders import Folders

ROOT = Path(__file__).resolve().parents[2]
AGENT = parts.PARTS[0]


def used() -> dict[str, Path]:
    """Every folder of the runtime, by its name there."""
    folders = Folders(Path("/station"))
    found = {name: getattr(folders, name) for name, value in vars(Folders).items() if isinstance(value, property)}
    return {
        "data": folders.data("n", "griep").parent.parent,
        **{name: path.parent if path.suffix == ".sock" else path for name, path in found.items()},
    }


def test_the_agent_sees_every_folder_that_its_code_uses_and_no_other() -> None:
    assert {str(path) for path in used().values()} == {mount.target for mount in AGENT.mounts}


def test_the_agent_cannot_write_what_people_decide_or_bring() -> None:
    read_only = {mount.target for mount in AGENT.mounts if mount.read_only}
    assert read_only == {f"/station/{name}" for name in ("allowances", "data/in", "networks.d", "peers")}


def test_a_role_makes_every_folder_that_is_mounted() -> None:
    defaults = yaml.safe_load((ROOT / "roles/station_folders/defaults/main.yml").read_text())
    made = {folder["path"] for folder in defaults["station_folders_made"]}
    assert {mount.source for part in parts.PARTS for mount in part.mounts} <= made
