"""Session ids that were answered before: none is answered twice, not after a restart either."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ..base import files
from ..base.journal import note


class Seen:
    """Ids with the time until which they must be remembered; in the file `path`."""

    def __init__(self, path: Path, keep: float) -> None:
        self._path = path
        self._keep = keep
        try:
            self._until = {str(key): float(value) for key, value in json.loads(path.read_text()).items()}
        except FileNotFoundError:
            self._until = {}
        except (ValueError, AttributeError, TypeError):
            note("state-unreadable", path=path)
            self._until = {}

    def add(self, key: str) -> bool:
        """Remember `key`; False when it was there."""
        now = time.time()
        if self._until.get(key, 0.0) > now:
            return False
        self._until = {name: until for name, until in self._until.items() if until > now}
        self._until[key] = now + self._keep
        files.replace(self._path, json.dumps(self._until))
        return True
