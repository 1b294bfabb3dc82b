"""Steps of a runbook, and the case that they are taken in.

A step is judged by what is there, never by what a file says was done: so a run that was cut off goes on where the world
is. It says how it is undone, or why it cannot be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from runbooks.framework import seen
from werkplaats.operations import progress
from werkplaats.operations.home import networks
from werkplaats.operations.reach import remote

STEP_SECONDS = 60.0
Kept = Mapping[str, str]
"""What a way back needs: names and codes, never anybody's data, since it stands in the record."""


@dataclasses.dataclass(frozen=True)
class Case:
    """An incident at hand: which network, and whom or what it is about.

    `look` looks at the whole network anew; `look_at` at one server, without the links between stations.
    """

    network: networks.Network
    remotes: remote.Remotes
    subject: str
    say: progress.Say
    look: Callable[[], seen.Seen]
    look_at: Callable[[str], seen.Server]

    def server(self) -> seen.Server:
        """The server that this is about, looked at anew."""
        return self.look_at(self.subject)

    def on(self, *command: str, seconds: float = 60, given: str = "") -> remote.Done:
        """Run a program as root on the server that this is about, whatever its exit code. Raises UnreachableError."""
        return self.remotes.ask(self.subject, *command, seconds=seconds, given=given)

    def must(self, *command: str, seconds: float = 60) -> str:
        """The same of one that must not fail; returns what it said. Raises StepError."""
        done = self.on(*command, seconds=seconds)
        if done.exited:
            raise StepError(f"`{' '.join(command)}` ended with {done.exited}: {seen.text(done.stderr or done.stdout)}")
        return done.stdout


class StepError(Exception):
    """A step could not be taken; the text says why."""


def _nothing(_: Case) -> Kept:
    return {}


@dataclasses.dataclass(frozen=True)
class Step:
    """One step. Without `run` it changes nothing: it is looked whether it is `done`, which `by_hand` others see to.

    `done`: whether what it is for is there now. `before` tells, before `run`, what `rollback` will need.
    `decides`: what a person says yes to, by typing the subject; for what cannot be undone, or is somebody's choice.
    `whole`: it works on the whole network, and takes its lock. `patience`: seconds until it must show.
    """

    key: str
    words: str
    done: Callable[[Case], bool]
    run: Callable[[Case], None] | None = None
    before: Callable[[Case], Kept] = _nothing
    rollback: Callable[[Case, Kept], None] | None = None
    no_way_back: str = ""
    by_hand: str = ""
    decides: str = ""
    whole: bool = False
    patience: float = STEP_SECONDS

    def __post_init__(self) -> None:
        if self.run and bool(self.rollback) == bool(self.no_way_back):
            raise ValueError(f"{self.key}: a step that changes something has a way back, or the reason why it has none")
        if not self.run and not self.by_hand:
            raise ValueError(f"{self.key}: what nobody runs is done by hand: say by whom and how")

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.run is not None
