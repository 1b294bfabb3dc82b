"""One file, or one network by its name, checked in full: what `werkplaats check` shows."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from network_topology import context, load, model, names, questions, rules, tables, twin
from network_topology.federations import rules as federation_rules
from network_topology.federations import twin as twins
from network_topology.federations.joined import joined
from network_topology.federations.model import Federation
from network_topology.federations.resolved import Resolved, resolve
from network_topology.rules import computing
from network_topology.violation import Violation


@dataclasses.dataclass(frozen=True)
class Outcome:
    """`definition` is None where it has an error; `violations` also holds the warnings.

    `questions` are the ones that are right: an error in one stops neither the network nor the others. Where the file is
    of a federation that has no error, `federation` is that, with its members, and `definition` is None.
    """

    definition: model.Definition | None
    violations: tuple[Violation, ...]
    questions: Mapping[str, model.Question] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)
    federation: Resolved | None = None

    @property
    def errors(self) -> tuple[Violation, ...]:
        """The violations that are no mere warnings."""
        return tuple(one for one in self.violations if one.severity == "error")


def file(path: Path, known: context.Context, *, sandbox: bool = False, networks: Path | None = None) -> Outcome:
    """Everything that is wrong with one file, of YAML, model and rules together; never raises DefinitionError.

    With `sandbox` the twin of a regional network is checked; a federation is checked as it is. Its members are looked
    for in the folder `networks`, without one in that in which the file's own folder lies.
    """
    reading = load.read_what_can_be(path)
    if reading.definition is None:
        return Outcome(None, reading.violations)
    if isinstance(reading.definition, Federation):
        return _federation(reading.definition, reading, known, networks or path.parent.parent)
    definition = twin.sandbox_twin(reading.definition) if sandbox else reading.definition
    found = tuple(sorted((*reading.violations, *rules.check(definition, known, reading.unreadable))))
    return Outcome(definition if _sound(found) else None, found)


def _federation(federation: Federation, reading: load.Reading, known: context.Context, networks: Path) -> Outcome:
    known = dataclasses.replace(known, networks=_members(federation, known, networks))
    found = tuple(sorted((*reading.violations, *federation_rules.check(federation, known, reading.unreadable))))
    resolved = resolve(federation, known) if _sound(found) else None
    return Outcome(None, found, federation=resolved)


def _members(federation: Federation, known: context.Context, networks: Path) -> dict[str, model.Network | None]:
    """What is defined here of what a federation names; a member that is a federation itself is not looked into."""
    found: dict[str, model.Network | None] = {}
    for slug in sorted({*federation.members} & {*load.known(networks)}):
        reading = load.read_what_can_be(networks / slug / names.FILE)
        one = reading.definition
        wrong = [*reading.violations, *(rules.check(one, known) if isinstance(one, model.Definition) else ())]
        # These have rules of the federation, which say more than that the definition cannot be used.
        others = (each for each in wrong if each.rule not in _OF_FEDERATION)
        found[slug] = one if _sound(others) else None
    return found


_OF_FEDERATION = {computing.technique_known.name, computing.release_exists.name}


def _sound(found: Iterable[Violation]) -> bool:
    return all(one.severity == "warning" for one in found)


def network(name: str, networks: Path, known: context.Context) -> Outcome:
    """A network by its name in a folder of networks, `gerda` or `gerda.sandbox`, with its questions.

    Raises UnknownNetworkError where none of that name is defined.
    """
    return _with_questions(load.path_of(name, networks), known, sandbox=names.is_sandbox(name))


def path(one: Path, known: context.Context) -> Outcome:
    """What lies at a path, for editors and commit hooks: a definition with its questions, or one question alone.

    A question lies in the folder `questions` beside its network's file. Where that file is missing or wrong, nothing
    can be said of the question.
    """
    if one.parent.name != questions.FOLDER:
        return _with_questions(one, known)
    network_file = one.parent.parent / names.FILE
    found = file(network_file, known)
    if (definition := _asked_of(found)) is None:
        text = f"the question belongs to {network_file}, which cannot be used"
        return Outcome(None, (Violation(one, 0, 0, text, f"werkplaats check {network_file}", rule="file"),))
    there, wrong = tables.read(network_file.parent / tables.FOLDER)
    question, violations = questions.file(one, definition, known, there)
    asked = {} if question is None else {one.stem: question}
    return Outcome(found.definition, (*wrong, *violations), asked, there, found.federation)


def _with_questions(network_file: Path, known: context.Context, *, sandbox: bool = False) -> Outcome:
    found = file(network_file, known, sandbox=sandbox)
    definition = _asked_of(found)
    if definition is None:
        return found
    asked = questions.check(definition, network_file, known)
    found = dataclasses.replace(
        found, violations=(*found.violations, *asked.violations), questions=asked.questions, figures=asked.figures
    )
    return _twin(found) if sandbox else found


def _asked_of(found: Outcome) -> model.Definition | None:
    """The definition to whose organisations questions are put; None where there is none that can be used."""
    return joined(found.federation) if found.federation else found.definition


def _twin(found: Outcome) -> Outcome:
    """The twin of a federation, and the questions of that; what is wrong is the same. A regional network is one."""
    if found.federation is None:
        return found
    asked = {name: twins.asked_of_twin(one) for name, one in found.questions.items()}
    return dataclasses.replace(found, federation=twins.sandbox_twin(found.federation), questions=asked)
