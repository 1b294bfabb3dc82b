"""The agreed questions of a network: files `questions/<name>.yml` beside its definition, owned by the data stewards.

What a station knows of a question is a document that holds all that a steward consents to: who takes part, who could
read what, on which grounds and until when. A difference in any of it is another question.
"""

import copy
import dataclasses
import datetime
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pydantic

from network_topology import context, model, shapes, source, tables
from network_topology.compiling import compiled
from network_topology.rules import questions as rules
from network_topology.rules.questions import taking_part
from network_topology.violation import DefinitionError, Violation

__all__ = ["Outcome", "check", "document", "file", "require", "taking_part"]

FOLDER = "questions"
Document = dict[str, Any]

# What takes the place of a field that cannot be read, so that the rules can look at all the others.
_STAND_INS: Mapping[str, Any] = {
    "analysis": "unreadable",
    "purpose": "unreadable",
    "fields": {},
    "contributes": (),
    "results_to": (),
    "minimum_cell": 0,
    "minimum_contributors": 0,
    "term": {"until": datetime.date.max, "at_most": "unlimited"},
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The questions that are right, by name, and everything that is wrong with any, warnings too."""

    questions: Mapping[str, model.Question]
    violations: tuple[Violation, ...]
    figures: Mapping[str, tables.Table] = dataclasses.field(default_factory=dict)
    """The tables that these name."""


def check(definition: model.Definition, network_file: Path, known: context.Context) -> Outcome:
    """Read and check every question beside a network's file; never raises.

    A question that is wrong is left out: the network and its other questions go on without it.
    """
    good: dict[str, model.Question] = {}
    there, found = tables.read(network_file.parent / tables.FOLDER)
    for path in sorted((network_file.parent / FOLDER).glob("*")):
        if path.suffix != ".yml" or not path.name.isprintable():
            text = f"{path.name!r} lies here, and a question is a file of which the name ends in .yml"
            found.append(Violation(path.parent, 0, 0, text, "rename or remove it", rule="file"))
            continue
        asked, violations = file(path, definition, known, there)
        found += violations
        if asked is not None:
            good[path.stem] = asked
    named = {tables.named_by(asked.parameters) for asked in good.values()}
    return Outcome(good, tuple(found), {name: one for name, one in there.items() if name in named})


def file(
    path: Path,
    definition: model.Definition,
    known: context.Context,
    there: Mapping[str, tables.Table] = tables.NONE,
) -> tuple[model.Question | None, list[Violation]]:
    """One question, None where it has an error, and its violations in the order of the file."""
    try:
        tree, places, violations = source.read(path)
    except DefinitionError as error:
        return None, list(error.violations)
    tree |= {"parameters": _listed(tree.get("parameters", {}))}
    if isinstance(tree["parameters"], dict):
        try:
            tree["parameters"] = tables.referring(tree["parameters"], there)
        except tables.TableError as error:
            place = places.at(("parameters", tables.PARAMETER))
            remedy = f"put CBS's file there, or name one of those: {', '.join(sorted(there)) or '(none)'}"
            violations.append(Violation(path, *place, str(error), remedy, rule="table"))
    wrong = _wrong(tree)
    noted = {(one.line, one.column) for one in violations}
    shaped = [shapes.violation(one, places, tree, model.Question) for one in wrong]
    violations += [one for one in shaped if (one.line, one.column) not in noted]
    unreadable = {str(one["loc"][0]) for one in wrong}
    asked = model.Question.model_validate(_readable(tree, unreadable))
    question = rules.Question(path.stem, asked, definition, places, there)
    readable = [rule for rule in rules.TABLE if not rule.reads & unreadable]
    found = sorted([*violations, *(one for rule in readable for one in rule.violations(question, known))])
    return (None if any(one.severity == "error" for one in found) else asked), found


def _wrong(tree: Mapping[str, Any]) -> list[Any]:
    """What pydantic finds wrong with the shape of a question; see shapes.violation."""
    try:
        model.Question.model_validate(tree)
    except pydantic.ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def _readable(tree: Mapping[str, Any], unreadable: Set[str]) -> dict[str, Any]:
    """The fields that can be read, and stand-ins for the others that a question must have."""
    return {**_STAND_INS, **{name: value for name, value in tree.items() if name not in unreadable}}


def _listed(value: Any) -> Any:
    """Plain values of JSON: what an analysis gets is the same from a file and from a publication."""
    if isinstance(value, tuple):
        return [_listed(one) for one in value]
    if isinstance(value, dict):
        return {key: _listed(one) for key, one in value.items()}
    return value


def require(
    name: str, asked: model.Question, definition: model.Definition, there: Mapping[str, tables.Table] = tables.NONE
) -> None:
    """Refuse a question that breaks a rule which needs no knowledge from outside. Raises DefinitionError, TableError.

    `there`: the tables that were published with it.
    """
    tables.require(asked.parameters, there)
    question = rules.Question(name, asked, definition, source.Source(Path(f"{FOLDER}/{name}.json")))
    nothing = context.Context(datetime.date.max, {}, {})
    found = [one for rule in rules.TABLE if not rule.outside for one in rule.violations(question, nothing)]
    if errors := [one for one in found if one.severity == "error"]:
        raise DefinitionError(errors)


def document(
    name: str,
    asked: model.Question,
    definition: model.Definition,
    network: compiled.CompiledNetwork,
    key_digests: Mapping[str, str],
) -> Document:
    """What a station is told of a question; `key_digests`: organisation → digest of its statement key.

    It names those who take part and nobody else: who joins elsewhere makes it no other question. Raises LookupError
    naming those who have no statement key.
    """
    people = taking_part(asked, network.computes)
    if missing := [slug for slug in people if slug not in key_digests]:
        raise LookupError(f"{', '.join(missing)} has no certificate yet, or no longer")
    ids = {slug: network.stations[slug].id for slug in people}
    return {
        "network": network.network,
        "question": name,
        "purpose": asked.purpose,
        "analysis": asked.analysis,
        "parameters": copy.deepcopy(asked.parameters),
        "fields": dict(asked.fields),
        "contributors": sorted(ids[slug] for slug in asked.contributes),
        "results": sorted(ids[slug] for slug in asked.results_to),
        "computing": [ids[slug] for slug in network.computing],
        "threshold": network.threshold,
        **compiled.named_alternates([[ids[slug] for slug in one] for one in network.computing_alternates]),
        "operators": {ids[slug]: network.stations[slug].operated_by for slug in people},
        "statement_keys": {ids[slug]: key_digests[slug] for slug in people},
        "minimum_cell": asked.minimum_cell,
        "minimum_contributors": asked.minimum_contributors,
        "dpia_annex": asked.dpia_annex.isoformat() if asked.dpia_annex else None,
        "agreements": {ids[slug]: _agreement(definition.stations[slug].agreement) for slug in people},
        "until": asked.term.until.isoformat(),
        "at_most": asked.term.at_most,
    }


def _agreement(agreement: model.Agreement | None) -> Document:
    if agreement is None:
        return {"kind": None, "signed": None, "until": None}
    until = agreement.until.isoformat() if agreement.until else None
    return {"kind": agreement.kind, "signed": agreement.signed.isoformat(), "until": until}
