"""Pulumi's state as it lies in a folder: found, copied and mended without starting the engine."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

STACK = "network"  # one stack per state folder, and the folder is the network's


def path(state: Path, project: str) -> Path:
    """Where the state of a project is."""
    return state / ".pulumi" / "stacks" / project / f"{STACK}.json"


def copy(state: Path, folder: Path, more: Iterable[str]) -> None:
    """Copy what there is to read of a state, and files beside it that are named by `more`.

    Each of these files is replaced whole, and some are gone meanwhile.
    """
    for found in (*map(state.joinpath, more), *state.glob(".pulumi/*.yaml"), *state.glob(".pulumi/stacks/*/*")):
        copied = folder / found.relative_to(state)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(found, copied)


def mend(state: Path) -> list[Path]:
    """Go back to the engine's own copy of the state where a kill cut its writing short; returns what was mended.

    Without a good copy it goes: what was made and is in no state is found on the servers by its labels. Where there is
    none at all, the stack was removed, or the kill came just before the writing, and again labels tell what there is.
    """
    mended = []
    for folder in (state / ".pulumi" / "stacks").glob("*/"):
        written, backup = folder / f"{STACK}.json", folder / f"{STACK}.json.bak"
        if not written.exists() or _is_json(written):
            continue
        for one, before in ((written, backup), (_attributes(written), _attributes(backup))):
            one.unlink(missing_ok=True)
            if _is_json(backup) and before.exists():
                shutil.copyfile(before, one)
        mended.append(written)
    return mended


def _attributes(of: Path) -> Path:
    return of.with_name(f"{of.name}.attrs")


def _is_json(of: Path) -> bool:
    try:
        json.loads(of.read_bytes())
    except (OSError, ValueError):
        return False
    return True
