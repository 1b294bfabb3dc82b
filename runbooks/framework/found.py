"""All incidents, by walking the folders of this package: to add a file is to add an incident."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from base import errors
from runbooks.framework import incident

ROOT = Path(__file__).parents[1]
NO_GROUPS = {Path(__file__).parent.name, "drills"}


def names() -> list[str]:
    """Their names, without importing any."""
    return sorted(path.stem.replace("_", "-") for path in _files())


@functools.cache
def every() -> tuple[incident.Incident, ...]:
    """All of them, in alphabetical order of their names."""
    modules = [importlib.import_module(f"runbooks.{path.parent.name}.{path.stem}") for path in _files()]
    return tuple(sorted(map(incident.of, modules), key=lambda one: one.name))


def find(name: str) -> incident.Incident:
    """The one of this name. Raises UsageError."""
    for one in every():
        if one.name == name:
            return one
    raise errors.UsageError(f"there is no incident {name!r}", f"there are: {', '.join(names())}")


def _files() -> list[Path]:
    found = [path for path in ROOT.glob("*/*.py") if path.parent.name not in NO_GROUPS and path.name != "__init__.py"]
    return sorted(found, key=lambda path: path.stem)
