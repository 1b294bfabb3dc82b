"""Servers get newer packages: of the gateway, of Debian, of the engine, and a reboot where one is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import stations
from werkplaats.operations.reach import remote, servers
from werkplaats.operations.upgrade import keeping, packages
from werkplaats.operations.upgrade.drain import Drain
from werkplaats.operations.upgrade.failure import Code, StoppedError
from werkplaats.operations.upgrade.machine import Keep
from werkplaats.operations.upgrade.state import Step

ROUNDS = 3
"""Times that a server is looked at anew: what was brought may want a reboot, and more is not expected."""
Do = Callable[[remote.Remotes, str, packages.Step, progress.Say], dict[str, Any]]


class _Servers:
    """What both ways have in common: one step on one server, drained where no session should run meanwhile."""

    def __init__(self, remotes: remote.Remotes, drain_seconds: int, say: progress.Say) -> None:
        self._remotes = remotes
        self._seconds = drain_seconds
        self._say = say
        self._drain = Drain(remotes, say)

    def bring(self, moves: Sequence[str]) -> None:
        """Nothing: a server fetches its packages itself, in a step of its own."""

    def _take(self, organisation: str, step: packages.Step, keep: Keep, do: Do, part: str = "") -> dict[str, Any]:
        if step.drain:
            keep(organisation, Step.DRAINS)
        with self._drain.held([organisation], self._seconds) if step.drain else contextlib.nullcontext():
            keep(organisation, Step.PACKAGES, part)
            try:
                return do(self._remotes, organisation, step, self._say)
            except (errors.RefusedError, errors.TakenBackError, errors.HalfWayError) as error:
                raise StoppedError(Code.PACKAGES, organisation, str(error).removeprefix(f"{organisation}: ")) from error

    def _started(self, organisation: str, keep: Keep) -> None:
        self._drain.end([organisation])  # of a run that was killed after it
        keep(organisation, Step.STARTS)
        stations.wait(self._remotes, [organisation], lambda _: None)
        if wrong := keeping.silent(self._remotes, organisation):
            raise StoppedError(Code.START, organisation, f"has other packages, and {wrong}")


class Packages(_Servers):
    """A `machine.Mover` of the servers of this operator."""

    def left(self, wave: Sequence[str]) -> list[str]:
        """Whose server has something to be brought, by lists that it fetches anew: somebody may have mended them."""
        return [one for one in wave if self._steps(one, refresh=True)]

    def _steps(self, organisation: str, *, refresh: bool = False) -> list[packages.Step]:
        found, lost = packages.look(self._remotes, [organisation], refresh=refresh)
        for one, error in lost.items():
            code = Code.UNREACHABLE if isinstance(error, servers.UnreachableError) else Code.PACKAGES
            raise StoppedError(code, one, str(error).removeprefix(f"{one}: "))
        return packages.steps(found[organisation])

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """One server after the other."""
        for organisation in moves:
            for _ in range(ROUNDS):
                if not (steps := self._steps(organisation)):
                    break
                self._all(organisation, steps, keep)
            else:
                raise StoppedError(Code.PACKAGES, organisation, f"after {ROUNDS} times it still wants {steps[0]}")
            self._started(organisation, keep)

    def _all(self, organisation: str, steps: Sequence[packages.Step], keep: Keep) -> None:
        lost = set[str]()  # parts of which the server has no package of before
        for step in steps:
            part = step.brought if step.name not in lost else ""
            done = self._take(organisation, step, keep, packages.run, part)
            for name, why in done.get("no_way_back", {}).items():
                self._say(f"{organisation}: there is no way back of {name}: {why}")
                lost.add(str(step.part))


class Back(_Servers):
    """A `machine.Mover` back, of what an upgrade `brought` (organisation → part and packages), from kept files."""

    def __init__(
        self, remotes: remote.Remotes, drain_seconds: int, say: progress.Say, brought: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(remotes, drain_seconds, say)
        self._brought = brought
        self._went = set[str]()

    def left(self, wave: Sequence[str]) -> list[str]:
        """Everybody once: what went back already stays as it is."""
        return [one for one in wave if one not in self._went]

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """One server after the other."""
        for organisation in moves:
            for step in packages.taking_back(self._brought[organisation]):
                self._take(organisation, step, keep, packages.back)
            self._went.add(organisation)
            self._started(organisation, keep)
