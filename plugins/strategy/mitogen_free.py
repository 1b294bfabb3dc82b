"""Makes Mitogen's `free` strategy known to Ansible, whichever virtual environment Mitogen is installed in.

Ansible finds strategies by folder, and Mitogen's folder differs per machine; a configuration file cannot ask Python
where a package lies.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import gc
import os
import signal
from collections.abc import Mapping
from typing import Any

import ansible_mitogen.loaders
import ansible_mitogen.strategy

# Of a result: what roles, the callback and Ansible itself read of it. `ansible_stats`, say, is none of these: it is
# added up in Ansible's own process, which a number in its place ends, for all servers.
KNOWN = {"changed", "failed", "skipped", "unreachable", "exception", "msg", "rc", "stdout", "stderr", "module_stderr"}
KNOWN |= {"diff", "waits", "placed", "programs", "results", "attempts", "retries", "failed_when_result"}
KNOWN |= {"false_condition", "skip_reason", "skipped_reason", "warnings", "deprecations"}
# By the module that finds them. Any other that a server sends would stand beside them, as if a module had found it.
FACTS = {"server", "station_identity"}
INTERNAL = "_ansible_"  # Ansible's own marks: it has taken out of an answer what begins so
Base: Any = ansible_mitogen.loaders.strategy_loader.get("free", class_only=True)

PR_SET_PDEATHSIG = 1  # prctl(2)


@functools.cache
def end_workers_with(process: int) -> None:
    """Have every process that this one forks from now on end when this one ends, however that happens.

    A worker that waits for an answer over Mitogen's connections never hears that they are gone, and waits for ever.
    """
    prctl = ctypes.CDLL(None).prctl

    def in_child() -> None:
        if os.getppid() == process:  # what a worker forks is its own
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    os.register_at_fork(after_in_child=in_child)


def known(result: Mapping[str, Any]) -> dict[str, Any]:
    """What is taken of a result: a server may answer any module's call with anything."""
    found = {name: value for name, value in result.items() if name in KNOWN or name.startswith(INTERNAL)}
    facts = result.get("ansible_facts")
    if isinstance(facts, Mapping) and (taken := {name: facts[name] for name in FACTS & facts.keys()}):
        found["ansible_facts"] = taken
    return found


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, Base):  # type: ignore[misc]
    """Each server goes through the play at its own speed, over one Mitogen connection."""

    def run(self, iterator: Any, play_context: Any, result: Any = 0) -> Any:
        """Run the play. Every task is a fork: what the collector does not look at again, forks need not copy."""
        gc.freeze()
        return super().run(iterator, play_context, result)

    def _queue_task(self, *given: Any) -> Any:
        """Give a task to a new worker; Mitogen's process for connections, which ends by itself, is there by now."""
        end_workers_with(os.getpid())
        return super()._queue_task(*given)

    def _convert_wire_task_result_to_raw(self, wire_task_result: Any) -> Any:
        """Take a worker's result: the one way by which what servers answer comes into this process."""
        taken = dataclasses.replace(wire_task_result, return_data=known(wire_task_result.return_data))
        return super()._convert_wire_task_result_to_raw(taken)
