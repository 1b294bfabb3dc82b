"""Waits until whoever started the playbook says with which station a prepared server goes on, or that it does not.

Between keys made on a server and a gateway that uses them lie steps of other people: approving, publishing, accepting.
Where one operator takes them all, the play waits for them, so that no server is logged in to and read a second time.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

PAUSE = 0.1


class ActionModule(ActionBase):  # type: ignore[misc]
    """`awaited_station: {folder: <where the answers are put>}`: returns `station`, null when the server is done."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Say that this server waits, and wait."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        host = str((task_vars or {})["inventory_hostname"])
        folder = Path(self._task.args["folder"])
        answer = folder / f"{host}.json"
        with Path(os.environ["WERKPLAATS_EVENTS"]).open("a") as events:
            events.write(json.dumps({"host": host, "status": "waits"}) + "\n")
        while not answer.exists():
            if not folder.exists():  # the run that would have answered is over
                return result | {"failed": True, "msg": "the run ended before it said how to go on; run it again"}
            time.sleep(PAUSE)
        return result | {"station": json.loads(answer.read_text())}
