"""From a file to a definition of whatever kind; all that cannot be understood is said at once, with its place."""

import dataclasses
import datetime
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pydantic

from network_topology import model, names, shapes, source, twin
from network_topology.federations.model import KINDS, Federation
from network_topology.violation import DefinitionError, KindError, UnknownNetworkError, Violation

__all__ = ["DefinitionError", "Reading", "find", "known", "read", "read_what_can_be", "regional_wanted"]

Definition = model.Definition | Federation

_MODELS: Mapping[str, type[Definition]] = {
    kind: shape for shape in get_args(Definition) for kind in get_args(shape.model_fields["kind"].annotation)
}
# A field → the kinds of network that have it, and what the others are.
_OF_KINDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "members": (KINDS, "has organisations, and refers to no other networks"),
    "organisations": ((model.REGIONAL,), "refers to the organisations of its members, and has none of its own"),
}
_CARDS = ("organisations", "processors", "members")  # mappings of which each entry is a card with fields of its own

# What takes the place of a value that cannot be read, so that the rules can look at all the others.
_STAND_INS: Mapping[str, Any] = {
    "network": "unreadable",
    "title": "unreadable",
    "coordinator": "unreadable",
    "technique": "unreadable",
    "release": "unreadable",
    "computing": (),
    "name": "unreadable",
    "domain": "public_health",
    "agreement": {"kind": "processing", "signed": datetime.date.min},
    "root": "unreadable",
    "members": {},
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """What could be read of a file: where something is wrong, the fields in `unreadable` hold stand-ins."""

    definition: Definition | None
    violations: tuple[Violation, ...] = ()
    unreadable: frozenset[str] = frozenset()


def read(path: Path) -> model.Definition:
    """The regional network in one file, not yet checked against the rules.

    Raises DefinitionError with every violation of YAML and of the model, KindError where the file is of a federation.
    """
    reading = read_what_can_be(path)
    if reading.violations or reading.definition is None:
        raise DefinitionError(reading.violations)
    if isinstance(reading.definition, Federation):
        raise regional_wanted(reading.definition)
    return reading.definition


def regional_wanted(federation: Federation) -> KindError:
    """What is said to who names a federation where only a regional network will do."""
    name, places = federation.network, federation.places
    text = f"{name} is a {federation.kind} network: it refers to regional networks, and has no servers"
    verbs = "`check`, `map`, `status`, `verify`, `accept` and `trust root`, `publish`, `revoke` and `reinstate`"
    made_here = names.twin(names.defined(name))
    remedy = (
        f"{verbs} work on {name}, and `up`, `rehearse` and `destroy` on its twin {made_here}; for all else name one of "
        "its members: "
    )
    at, members = places.at(("kind",)), ", ".join(federation.members) or "(none is named)"
    return KindError([Violation(places.path, *at, text, f"{remedy}{members}", rule="kind")])


def find(name: str, networks: Path) -> model.Definition:
    """The definition of a regional network by its name in a folder: `gerda`, or `gerda.sandbox` for its twin.

    Raises DefinitionError as `read` does, and where there is no network of that name.
    """
    definition = read(path_of(name, networks))
    return twin.sandbox_twin(definition) if names.is_sandbox(name) else definition


def path_of(name: str, networks: Path) -> Path:
    """The file in which a network, or the network whose twin it is, is defined. Raises UnknownNetworkError."""
    slug = names.defined(name)
    if slug not in (there := known(networks)):
        near = difflib.get_close_matches(slug, there, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"name one of: {', '.join(there) or '(none is defined)'}"
        text = f"no network {slug!r} is defined here"
        raise UnknownNetworkError([Violation(networks, 0, 0, text, remedy, rule="file")])
    return networks / slug / names.FILE


def known(networks: Path) -> tuple[str, ...]:
    """The networks that a folder of networks defines."""
    return tuple(
        sorted(path.parent.name for path in networks.glob(f"*/{names.FILE}") if names.is_slug(path.parent.name))
    )


def read_what_can_be(path: Path) -> Reading:
    """As much of a file as can be understood, with the violations of YAML and of the model; never raises."""
    try:
        tree, places, violations = source.read(path)
    except DefinitionError as error:
        return Reading(None, tuple(error.violations))
    noted = {(one.line, one.column) for one in violations}
    unreadable = {_field(keys) for keys, place in places.values.items() if place in noted}
    if mixed := _mixed(tree, places):
        return Reading(None, tuple(sorted((*violations, mixed))))
    # Where the kind cannot be read, a file that names members is taken for a federation.
    shape = _MODELS.get(str(tree.get("kind"))) or (Federation if "members" in tree else model.Definition)
    try:
        definition = shape.model_validate(tree)
    except pydantic.ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        shaped = [shapes.violation(one, places, tree, shape) for one in wrong]
        violations += [one for one in shaped if (one.line, one.column) not in noted]
        for one in wrong:
            unreadable |= _stand_in(tree, one["loc"], one["type"])
        try:
            definition = shape.model_validate(tree)
        except pydantic.ValidationError:
            return Reading(None, tuple(sorted(violations)))
    if names.is_sandbox(definition.network):
        text = f"{definition.network!r} is the name of a sandbox twin, and a twin follows from a definition"
        remedy = f"write `network: {names.defined(definition.network)}`"
        if isinstance(definition, model.Definition):
            remedy += "; its twin is then there by itself"
        violations.append(Violation(path, *places.at(("network",)), text, remedy, rule="twin"))
        unreadable.add("network")
    return Reading(definition.placed(places), tuple(sorted(violations)), frozenset(unreadable))


def _mixed(tree: Mapping[str, Any], places: source.Source) -> Violation | None:
    """A file of one kind by its word and of another by what it holds: no more is said, as the rest follows from it."""
    kind = str(tree.get("kind"))
    for field, (kinds, why) in _OF_KINDS.items():
        if field in tree and kind in _MODELS and kind not in kinds:
            text = f"{field!r} stands in a {kind} network, but that {why}"
            remedy = f"write {' or '.join(f'`kind: {one}`' for one in kinds)}, or remove it"
            return Violation(places.path, *places.at_key((field,)), text, remedy, rule="kind")
    return None


def _field(keys: source.Keys) -> str:
    """The field, of a definition or of a card in it, in which a value lies."""
    return str(keys[2] if len(keys) > 2 and keys[0] in _CARDS else keys[0])


def _stand_in(tree: dict[str, Any], keys: source.Keys, kind: str) -> set[str]:
    """Take an unreadable value out of the tree, or put a stand-in in its place; returns what can no longer be read.

    What an unknown key holds is not missed by any rule.
    """
    if kind == "extra_forbidden":
        parent: Any = tree
        for key in keys[:-1]:
            parent = parent.get(key, {}) if isinstance(parent, dict) else {}
        parent.pop(keys[-1], None)
        return set()
    in_card = len(keys) > 2 and keys[0] in _CARDS
    if len(keys) == 2 and keys[0] in _CARDS:
        tree[str(keys[0])].pop(keys[1], None)
        return {str(keys[0])}
    parent, field = (tree[str(keys[0])].get(keys[1], {}), str(keys[2])) if in_card else (tree, str(keys[0]))
    if field == "kind":
        parent[field] = KINDS[0] if "members" in tree else model.REGIONAL
    elif field in _STAND_INS and not (field == "agreement" and keys[0] == "organisations"):
        parent[field] = _STAND_INS[field]
    else:
        parent.pop(field, None)
    return {field}
