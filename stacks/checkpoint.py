"""Pulumi's state as it lies in a folder: found, copied and mended without starting the engine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from base import values

STACK = "network"  # one stack per state folder, and the folder is the network's
FOLDER = ".pulumi"


def path(state: Path, project: str) -> Path:
    """Where the state of a project is."""
    return state / ".pulumi" / "stacks" / project / f"{STACK}.json"


def read(path: Path) -> tuple[int, dict[str, Any] | None]:
    """The version of a state and its deployment, None where nothing was made; OSError, ValueError where it is none."""
    match values.parsed(path.read_bytes()):
        case {"version": int(version), "checkpoint": dict(checkpoint)}:
            latest = checkpoint.get("latest")
        case _:
            raise ValueError("it is no state")
    match latest:
        case None:
            return version, None
        case dict() if isinstance(latest.get("resources") or [], list):
            pass
        case _:
            raise ValueError("its deployment is none")
    if not all(isinstance(one, dict) and isinstance(one.get("urn"), str) for one in latest.get("resources") or ()):
        raise ValueError("a resource of it has no name")
    return version, latest


def blank(state: Path, project: str) -> bool:
    """Whether a state knows of nothing, in its file nor in the copy that `mend` goes back to.

    So it is before a first run, and where it was lost. Not after a run that was killed: the engine writes what it is
    about to make before it asks for it, and the stack itself before that.
    """
    written = path(state, project)
    for one in (written, written.with_name(f"{written.name}.bak")):
        try:
            return not (read(one)[1] or {}).get("resources")
        except FileNotFoundError:
            return True
        except (OSError, ValueError):
            continue
    return True


def copy(state: Path, folder: Path, more: Iterable[str]) -> None:
    """Copy what there is to read of a state, and files beside it that are named by `more`.

    Each of these files is replaced whole, and some are gone meanwhile.
    """
    for found in (*map(state.joinpath, more), *state.glob(".pulumi/*.yaml"), *state.glob(".pulumi/stacks/*/*")):
        copied = folder / found.relative_to(state)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(found, copied)


def place(made: Path, state: Path) -> None:
    """Put a state that was made elsewhere where there is none, whole or not at all."""
    here, beside = state / FOLDER, state / f"{FOLDER}.new"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(made / here.name, beside)
    beside.rename(here)


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
        values.parsed(of.read_bytes())
    except (OSError, ValueError):
        return False
    return True
