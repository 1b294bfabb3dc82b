"""An older release, made of this tree: its runtime with the constants of the release before in `base/contract.py`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.harness.stations import ROOT

PROTOCOLS = ("PROTOCOL_VERSIONS = (2, 3)", "PROTOCOL_VERSIONS = (2,)")
FORMAT = ('OPENED = Stored("state/runs.json", 4)', 'OPENED = Stored("state/runs.json", 3)')


def make(folder: Path, *changes: tuple[str, str]) -> Path:
    """A folder with `station_image/`, in which each of `changes` stands in place of what is here; PROTOCOLS, FORMAT."""
    shutil.copytree(ROOT / "station_image", folder / "station_image", ignore=shutil.ignore_patterns("__pycache__"))
    contract = folder / "station_image" / "runtime" / "base" / "contract.py"
    text = contract.read_text()
    for before, after in changes or (PROTOCOLS, FORMAT):
        assert before in text, f"{before} stands nowhere in {contract}"
        text = text.replace(before, after)
    contract.write_text(text)
    return folder
