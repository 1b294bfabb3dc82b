"""A list of steps in the making: each has a number, and waits for those that it names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from network_topology import context, model

NONE = "none"
EVERYBODY, COORDINATOR = "every operator", "coordinator"
ROOT, RELEASES, STEWARDS = "root holders", "release holders", "stewards of who takes part"


@dataclasses.dataclass(frozen=True)
class Step:
    """One step. `after` are the numbers of those that it waits for; `run` are commands for who does it.

    `sessions` says in words what becomes of them, and `possible` whether they are possible from here on. `publishes`
    is the number of the definition that is published by it, from 1.
    """

    number: int
    what: str
    who: str
    after: tuple[int, ...]
    sessions: str = NONE
    possible: bool = True
    run: tuple[str, ...] = ()
    publishes: int | None = None


class Listing:
    """Steps as they are found. `last` are those that whatever comes next waits for."""

    def __init__(
        self,
        network: str,
        questions: Mapping[str, model.Question],
        known: context.Context | None,
    ) -> None:
        self.network, self.questions, self.known = network, questions, known
        self.steps: list[Step] = []
        self.last: tuple[int, ...] = ()

    @property
    def next(self) -> int:
        """The number of the step that is added next."""
        return len(self.steps) + 1

    def add(self, who: str, what: str, *run: str, **more: Any) -> int:
        """Add a step that all later ones wait for; `run` are the words after `werkplaats`, `{}` in them the network.

        `more` are other fields of the step. Returns its number.
        """
        number = self.aside(who, what, *run, **{"after": self.last, **more})
        self.last = (number,)
        return number

    def aside(self, who: str, what: str, *run: str, after: Sequence[int], **more: Any) -> int:
        """Add a step for which nobody waits but who names it."""
        commands = tuple(f"werkplaats {one.replace('{}', self.network)}" for one in run)
        found = Step(self.next, what, who, tuple(after), run=commands)
        self.steps.append(dataclasses.replace(found, **more))
        return found.number
