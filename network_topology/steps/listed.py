"""The steps from one definition to another, in order: what, who, what each waits for, and what sessions do."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml

from network_topology import context, diff, model
from network_topology.steps import between, rounds
from network_topology.steps.listing import COORDINATOR, NONE, Listing, Step
from network_topology.steps.rounds import Beside

__all__ = ["NONE", "Beside", "Plan", "Step", "as_yaml", "plan"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """The steps, and the definitions that are published on the way; the last of these is the one aimed at."""

    before: model.Definition | None
    steps: tuple[Step, ...]
    definitions: tuple[model.Definition, ...]

    @property
    def differences(self) -> list[list[diff.Change]]:
        """What is otherwise in each definition than in the one before it."""
        return [diff.changes(*pair) for pair in zip((self.before, *self.definitions), self.definitions, strict=False)]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return told(self.steps, self.differences, self.definitions)


def told(
    steps: Iterable[Step], differences: Iterable[Iterable[diff.Change]], definitions: Iterable[model.Network]
) -> dict[str, Any]:
    """Steps and definitions as plain values."""
    return {
        "steps": [dataclasses.asdict(one) for one in steps],
        "definitions": [
            {
                "changes": [dataclasses.asdict(one) for one in changes],
                "definition": definition.model_dump(mode="json", exclude_defaults=True),
            }
            for changes, definition in zip(differences, definitions, strict=True)
        ],
    }


def as_yaml(definition: model.Network) -> str:
    """A definition as its author would write it, without the comments."""
    written = _lists(definition.model_dump(exclude_defaults=True))
    return "---\n" + yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=120)


def _lists(value: Any) -> Any:
    """YAML knows lists, and no tuples."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, tuple) else value


def plan(
    old: model.Definition | None,
    new: model.Definition,
    known: context.Context | None = None,
    *,
    beside: Collection[Beside] = (),
    questions: Mapping[str, model.Question] | None = None,
    at_once: bool = False,
) -> Plan:
    """The steps from what is published, None where nothing is, to `new`; none where both are the same.

    `beside`: what changes besides. `questions` are the agreed ones, to name those that wait. `at_once`: in one
    publication, also where sessions stop for it.
    """
    found = (new,) if at_once or old is None else between.definitions(old, new, known)
    chain = found or ((new,) if beside else ())
    listing, before = Listing(new.network, questions or {}, known), old
    for number, definition in enumerate(chain, start=1):
        also = frozenset(beside) if number == 1 else frozenset[Beside]()
        rounds.take(listing, before, definition, number, len(chain), also)
        before = definition
    if "ca" in beside:
        rounds.drop(listing)
    if chain:
        listing.add(COORDINATOR, "verify every check and link, by a joint computation", "verify {}")
    return Plan(old, tuple(listing.steps), chain)
