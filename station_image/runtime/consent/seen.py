"""Session ids that were answered before: none is answered twice, not after a restart either.

Where nobody can read what was answered, nothing is: a proposal that somebody kept would run a second time.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from ..base import files
from ..base.journal import note
from ..base.refusal import RefusedError


class Seen:
    """Ids with the time until which they must be remembered; in the file `path`."""

    def __init__(self, path: Path, keep: float) -> None:
        self._path = path
        self._keep = keep
        self._until: dict[str, float] = {}
        self.problem = ""
        try:
            self._until = _read(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
            self.problem = (
                f"{path.name}: which sessions ran lately cannot be read; this station's operator removes the file "
                f"{math.ceil(keep / 60)} minutes after the last session or later, and starts the agent again: "
                "docker restart station-agent"
            )
            note("state-unreadable", path=path, why=type(error).__name__)

    def add(self, key: str) -> bool:
        """Remember `key`; False when it was there. Raises RefusedError where nobody knows whether it was."""
        if self.problem:
            raise RefusedError(self.problem)
        now = time.time()
        if self._until.get(key, 0.0) > now:
            return False
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._until[key] = now + self._keep
        files.replace(self._path, json.dumps(self._until))
        return True


def _read(path: Path) -> dict[str, float]:
    found = {str(key): float(value) for key, value in json.loads(files.read(path)).items()}
    if not all(map(math.isfinite, found.values())):
        raise ValueError("a time that is none")
    return found
