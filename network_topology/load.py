"""From a file to a definition; everything that cannot be understood is said at once, with its place."""

import dataclasses
import datetime
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from network_topology import model, names, source, twin
from network_topology.violation import DefinitionError, Violation

__all__ = ["DefinitionError", "Reading", "find", "known", "read", "read_what_can_be"]

# What takes the place of a value that cannot be read, so that the rules can look at all the others.
_STAND_INS: Mapping[str, Any] = {
    "network": "unreadable",
    "kind": "regional",
    "title": "unreadable",
    "coordinator": "unreadable",
    "technique": "unreadable",
    "release": "unreadable",
    "computing": (),
    "name": "unreadable",
    "domain": "public_health",
    "agreement": {"kind": "processing", "signed": datetime.date.min},
}

# pydantic's name of what is wrong → what stands there instead, and the remedy
_SHAPES: Mapping[str, tuple[str, str]] = {
    "string_type": ("text is expected here", "write text, in quotes where it looks like a number or a date"),
    "int_type": ("a whole number is expected here", "write digits without quotes"),
    "bool_type": ("yes or no is expected here", "write true or false, without quotes"),
    "date_type": ("a day is expected here", "write year-month-day without quotes, as in 2026-02-14"),
    "tuple_type": ("a list is expected here", "write the items between square brackets, as in [gelre, sensire]"),
    "dict_type": ("a mapping is expected here", "write lines of the form `key: value` below it, indented"),
    "model_type": ("a mapping is expected here", "write lines of the form `key: value` below it, indented"),
    "none_required": ("nothing is expected here", "remove it"),
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """What could be read of a file: where something is wrong, the fields in `unreadable` hold stand-ins."""

    definition: model.Definition | None
    violations: tuple[Violation, ...] = ()
    unreadable: frozenset[str] = frozenset()


def read(path: Path) -> model.Definition:
    """The definition in one file, not yet checked against the rules.

    Raises DefinitionError with every violation of YAML and of the model.
    """
    reading = read_what_can_be(path)
    if reading.violations or reading.definition is None:
        raise DefinitionError(reading.violations)
    return reading.definition


def find(name: str, networks: Path) -> model.Definition:
    """The definition of a network by its name in a folder of networks: `gerda`, or `gerda.sandbox` for its twin.

    Raises DefinitionError as `read` does, and where there is no network of that name.
    """
    definition = read(path_of(name, networks))
    return twin.sandbox_twin(definition) if names.is_sandbox(name) else definition


def path_of(name: str, networks: Path) -> Path:
    """The file in which a network, or the network whose twin it is, is defined. Raises DefinitionError."""
    slug = names.defined(name)
    if slug not in (there := known(networks)):
        near = difflib.get_close_matches(slug, there, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"name one of: {', '.join(there) or '(none is defined)'}"
        raise DefinitionError([Violation(networks, 0, 0, f"no network {slug!r} is defined here", remedy, rule="file")])
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
    try:
        definition = model.Definition.model_validate(tree)
    except pydantic.ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        shaped = [_violation(one, places, tree) for one in wrong]
        violations += [one for one in shaped if (one.line, one.column) not in noted]
        for one in wrong:
            unreadable |= _stand_in(tree, one["loc"], one["type"])
        try:
            definition = model.Definition.model_validate(tree)
        except pydantic.ValidationError:
            return Reading(None, tuple(sorted(violations)))
    if names.is_sandbox(definition.network):
        text = f"{definition.network!r} is the name of a sandbox twin, and a twin follows from a definition"
        remedy = f"write `network: {names.defined(definition.network)}`; its twin is then there by itself"
        violations.append(Violation(path, *places.at(("network",)), text, remedy, rule="twin"))
        unreadable.add("network")
    return Reading(definition.placed(places), tuple(sorted(violations)), frozenset(unreadable))


def _field(keys: source.Keys) -> str:
    """The field, of a definition or of the card of an organisation, in which a value lies."""
    return str(keys[2] if len(keys) > 2 and keys[0] in ("organisations", "processors") else keys[0])


def _violation(wrong: Any, places: source.Source, tree: Mapping[str, Any]) -> Violation:
    """One thing that pydantic found, in a sentence."""
    kind, keys = wrong["type"], tuple(wrong["loc"])
    if keys[-1:] == ("[key]",):
        keys = keys[:-1]
    name, where = source.short(str(keys[-1])), _where(keys[:-1])
    if kind == "missing":
        remedy = f"add it: {_description(keys)}"
        return Violation(places.path, *places.at(keys), f"{where}{name!r} is missing", remedy, rule="missing")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, _fields(keys[:-1]), n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"remove it; known are {', '.join(_fields(keys[:-1]))}"
        return Violation(places.path, *places.at_key(keys), f"{where}{name!r} is unknown", remedy, rule="unknown")
    if kind == "literal_error":
        allowed = wrong["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        text, remedy = (
            f"{source.short(_value(tree, keys))!r} is not one of the known values",
            f"write one of: {allowed}",
        )
    else:
        text, remedy = _SHAPES.get(kind, (wrong["msg"], f"correct it: {_description(keys)}"))
    return Violation(places.path, *places.at(keys), f"{where}{name!r}: {text}", remedy, rule="shape")


def _where(parents: source.Keys) -> str:
    if len(parents) >= 2 and parents[0] == "organisations":
        inner = "".join(f"{key}: " for key in parents[2:])
        return f"organisation {str(parents[1])!r}: {inner}"
    return "".join(f"{key}: " for key in parents)


def _model_at(keys: source.Keys) -> type[pydantic.BaseModel]:
    """The part of the model in which the keys below a place are fields."""
    inner: Mapping[str, type[pydantic.BaseModel]] = {"gateway": model.Gateway, "agreement": model.Agreement}
    if len(keys) < 2 or keys[0] not in ("organisations", "processors"):
        return model.Definition
    if len(keys) > 2:
        return inner.get(str(keys[2]), model.Organisation)
    return model.Organisation if keys[0] == "organisations" else model.Processor


def _fields(keys: source.Keys) -> list[str]:
    return list(_model_at(keys).model_fields)


def _description(keys: source.Keys) -> str:
    field = _model_at(keys[:-1]).model_fields.get(str(keys[-1]))
    text = " ".join((field.description or "").split()) if field else ""
    return text[:1].lower() + text[1:].rstrip(".")


def _value(tree: Any, keys: source.Keys) -> Any:
    for key in keys:
        tree = tree[key]
    return str(tree)


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
    in_card = len(keys) > 2 and keys[0] in ("organisations", "processors")
    if len(keys) == 2 and keys[0] in ("organisations", "processors"):
        tree[str(keys[0])].pop(keys[1], None)
        return {str(keys[0])}
    parent, field = (tree[str(keys[0])].get(keys[1], {}), str(keys[2])) if in_card else (tree, str(keys[0]))
    if field in _STAND_INS and not (field == "agreement" and keys[0] == "organisations"):
        parent[field] = _STAND_INS[field]
    else:
        parent.pop(field, None)
    return {field}
