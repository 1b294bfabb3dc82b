"""One file, or one network by its name, checked in full: what `werkplaats check` shows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from network_topology import context, load, model, names, questions, rules, twin
from network_topology.violation import Violation


@dataclasses.dataclass(frozen=True)
class Outcome:
    """`definition` is None where it has an error; `violations` also holds the warnings.

    `questions` are the ones that are right: an error in one stops neither the network nor the others.
    """

    definition: model.Definition | None
    violations: tuple[Violation, ...]
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)

    @property
    def errors(self) -> tuple[Violation, ...]:
        """The violations that are no mere warnings."""
        return tuple(one for one in self.violations if one.severity == "error")


def file(path: Path, known: context.Context, *, sandbox: bool = False) -> Outcome:
    """Everything that is wrong with one file, of YAML, model and rules together; never raises DefinitionError.

    With `sandbox` the definition's twin is checked.
    """
    reading = load.read_what_can_be(path)
    if reading.definition is None:
        return Outcome(None, reading.violations)
    definition = twin.sandbox_twin(reading.definition) if sandbox else reading.definition
    found = tuple(sorted((*reading.violations, *rules.check(definition, known, reading.unreadable))))
    sound = all(one.severity == "warning" for one in found)
    return Outcome(definition if sound else None, found)


def network(name: str, networks: Path, known: context.Context) -> Outcome:
    """A network by its name in a folder of networks, `gerda` or `gerda.sandbox`, with its questions.

    Raises UnknownNetworkError where none of that name is defined.
    """
    path = load.path_of(name, networks)
    found = file(path, known, sandbox=names.is_sandbox(name))
    if found.definition is None:
        return found
    asked = questions.check(found.definition, path, known)
    return Outcome(found.definition, (*found.violations, *asked.violations), asked.questions)
