"""Tells `werkplaats up` what happens, one JSON line per event, and people only what they should look at."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import Any, TextIO

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: werkplaats
type: stdout
short_description: One JSON line per event to the file in WERKPLAATS_EVENTS; people see changes and failures
description:
  - An event has host, role, task, status (ok, changed, skipped, failed, unreachable), changed, seconds and message.
  - Without WERKPLAATS_EVENTS only the lines for people are printed.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

QUIET = ("ok", "skipped")
# What Ansible says around the sentence of a filter of ours: where in its own works it came up.
AROUND = re.compile(r"^Task failed: .*?The filter plugin '[\w.]+' failed: ")


def sentence(result: dict[str, Any]) -> str:
    """Return the sentence in a result: a module's msg, or what a program said on its way out."""
    lines = str(result.get("module_stderr") or "").strip().splitlines()
    # Of a module that broke off, Ansible says only that no result came; the last line of its traceback says why.
    if lines and "deserialization failed" in str(result.get("msg")):
        return lines[-1].strip()
    for name in ("msg", "stderr", "stdout", "module_stderr", "exception"):
        said = result.get(name)
        if name == "msg" and said == "non-zero return code":
            continue
        if said:
            return AROUND.sub("", " ".join(said.split())) if isinstance(said, str) else json.dumps(said, default=str)
    return ""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes events and the few lines for people."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "werkplaats"

    def __init__(self) -> None:
        super().__init__()
        name = os.environ.get("WERKPLAATS_EVENTS")
        # Line by line and never rewritten: who follows the file, or reads the pipe, sees each event at once.
        self._events: TextIO | None = open(name, "a", buffering=1, encoding="utf-8") if name else None  # noqa: SIM115, PTH123
        self._started: dict[tuple[str, str], float] = {}

    def _tell(self, status: str, result: Any, message: str | None = None) -> None:
        task, host = result._task, result._host.get_name()
        begun = self._started.pop((host, task._uuid), None)
        role = task._role.get_name() if task._role else ""
        said = sentence(result._result) if message is None else message
        event = {
            "host": host,
            "role": role,
            "task": task.name or task.action,
            "status": status,
            "changed": status == "changed",
            "seconds": round(time.monotonic() - begun, 3) if begun else 0.0,
            "message": said,
        }
        self._write(event)
        if status not in QUIET or result._result.get("waits"):
            self._display.display(f"{host}: {role}: {event['task']}: {status}: {said}")
            for part in self._differences(result):
                self._display.display(part)

    def _write(self, event: dict[str, Any]) -> None:
        """Write an event; where who follows the run is gone, the run ends: nobody waits for it, or holds its lock."""
        if self._events:
            try:
                self._events.write(json.dumps(event, ensure_ascii=False) + "\n")
            except BrokenPipeError:
                os.kill(os.getpid(), signal.SIGTERM)

    def _differences(self, result: Any) -> list[str]:
        diff = result._result.get("diff") if result._task.diff else None
        return [self._get_diff(diff)] if diff else []

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Say which playbook begins."""
        self._write({"status": "start", "playbook": playbook._file_name})

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Remember when a task began on a host."""
        self._started[(host.get_name(), task._uuid)] = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Tell a task that did its work."""
        self._tell("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Tell a task that had nothing to do."""
        self._tell("skipped", result, "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Tell a task that failed, with its sentence."""
        self._tell("ok" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Tell a server that does not answer, with ssh's own words."""
        self._tell("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Tell per host how it ended."""
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            numbers = {name: int(value) for name, value in summary.items()}
            self._write({"status": "end", "host": host, "summary": numbers})
            bad = summary["failures"] or summary["unreachable"]
            state = "not finished" if bad else f"{summary['changed']} changed"
            self._display.display(f"{host}: {state}, {summary['ok']} tasks")
        if self._events:
            self._events.close()
            self._events = None
