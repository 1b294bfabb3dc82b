"""Asks a server for its facts and compares its clock with the controller's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase


def clock_difference(sent: float, clock: float, received: float) -> float:
    """Return how many seconds a clock that was read somewhere between sent and received is off, at the least.

    0 when the reading lies between the two: a slow connection is no wrong clock.
    """
    return max(sent - clock, clock - received, 0.0)


def ranges(people: Any) -> dict[str, list[str]]:
    """Return the ranges that each account with keys is used from; {} for people that the role refuses anyhow."""
    if not isinstance(people, Mapping) or not all(isinstance(given, Mapping) for given in people.values()):
        return {}
    return {account: list(given.get("from") or ()) for account, given in people.items() if given.get("keys")}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Call the module and add `clock_difference` (seconds) to its facts."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the facts."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        args["people"] = ranges(args.get("people") or {})
        sent = time.time()
        result: dict[str, Any] = self._execute_module("server_facts", module_args=args, task_vars=task_vars)
        if result.get("failed"):
            return result
        match result:
            case {"ansible_facts": {"server": {"clock": float(clock)} as server}}:
                server["clock_difference"] = clock_difference(sent, clock, time.time())
                return result
        return {"failed": True, "msg": "it answers no facts of a server; is its Python Debian's own?"}
