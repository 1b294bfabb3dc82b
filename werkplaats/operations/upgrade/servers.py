"""Servers get newer packages: of the gateway, of Debian, of the engine, and a reboot where one is needed."""

from __future__ import annotations

from collections.abc import Sequence

from base import errors
from werkplaats.operations import progress
from werkplaats.operations.bring_up import stations
from werkplaats.operations.reach import remote
from werkplaats.operations.upgrade import keeping, packages
from werkplaats.operations.upgrade.drain import Drain
from werkplaats.operations.upgrade.failure import Code, StoppedError
from werkplaats.operations.upgrade.machine import Keep
from werkplaats.operations.upgrade.state import Step

ROUNDS = 3
"""Times that a server is looked at anew: what was brought may want a reboot, and more is not expected."""


class Packages:
    """A `machine.Mover` of the servers of this operator."""

    def __init__(self, remotes: remote.Remotes, drain_seconds: int, say: progress.Say) -> None:
        self._remotes = remotes
        self._seconds = drain_seconds
        self._say = say
        self._drain = Drain(remotes, say)

    def left(self, wave: Sequence[str]) -> list[str]:
        """Whose server has something to be brought."""
        return [one for one in wave if self._steps(one)]

    def _steps(self, organisation: str) -> list[packages.Step]:
        found, lost = packages.look(self._remotes, [organisation])
        for one, error in lost.items():
            raise StoppedError(Code.PACKAGES, one, str(error))
        return packages.steps(found[organisation])

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """One server after the other."""
        for organisation in moves:
            for _ in range(ROUNDS):
                if not (steps := self._steps(organisation)):
                    break
                for step in steps:
                    self._take(organisation, step, keep)
            else:
                raise StoppedError(Code.PACKAGES, organisation, f"after {ROUNDS} times it still wants {steps[0]}")
            keep(organisation, Step.STARTS)
            self._started(organisation)

    def _take(self, organisation: str, step: packages.Step, keep: Keep) -> None:
        if step.drain:
            keep(organisation, Step.DRAINS)
            self._drain.wait([organisation], self._seconds)
        keep(organisation, Step.PACKAGES)
        try:
            packages.run(self._remotes, organisation, step, self._say)
        except (errors.RefusedError, errors.TakenBackError, errors.HalfWayError) as error:
            raise StoppedError(Code.PACKAGES, organisation, str(error).removeprefix(f"{organisation}: ")) from error
        finally:
            if step.drain:
                self._drain.end([organisation])

    def _started(self, organisation: str) -> None:
        stations.wait(self._remotes, [organisation], lambda _: None)
        if wrong := keeping.silent(self._remotes, organisation):
            raise StoppedError(Code.START, organisation, f"has its newer packages, and {wrong}")


class Back(Packages):
    """The way back of the gateway and of the engine, from files that each server kept; all else has none."""

    def __init__(self, remotes: remote.Remotes, drain_seconds: int, say: progress.Say) -> None:
        super().__init__(remotes, drain_seconds, say)
        self._went = set[str]()

    def left(self, wave: Sequence[str]) -> list[str]:
        """Everybody once: a server that kept nothing says so, and stays as it is."""
        return [one for one in wave if one not in self._went]

    def move(self, moves: Sequence[str], keep: Keep) -> None:
        """One server after the other."""
        for organisation in moves:
            for part in packages.WAY_BACK:
                step = packages.Step(part, part, drain=part == "engine", way_back=True)
                self._back(organisation, step, keep)
            self._went.add(organisation)
            keep(organisation, Step.STARTS)
            self._started(organisation)

    def _back(self, organisation: str, step: packages.Step, keep: Keep) -> None:
        if step.drain:
            keep(organisation, Step.DRAINS)
            self._drain.wait([organisation], self._seconds)
        keep(organisation, Step.PACKAGES)
        try:
            packages.back(self._remotes, organisation, step, self._say)
        except errors.RefusedError as error:
            self._say(str(error))
        except (errors.TakenBackError, errors.HalfWayError) as error:
            raise StoppedError(Code.PACKAGES, organisation, str(error).removeprefix(f"{organisation}: ")) from error
        finally:
            if step.drain:
                self._drain.end([organisation])
