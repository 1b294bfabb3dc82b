"""What pydantic finds wrong with the shape of a file, in a sentence with its place and a remedy."""

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from network_topology import model, source
from network_topology.federations import model as federations
from network_topology.violation import Violation

Root = type[pydantic.BaseModel]

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


def violation(wrong: Any, places: source.Source, tree: Mapping[str, Any], root: Root = model.Definition) -> Violation:
    """One thing that pydantic found in a file of the model `root`, in a sentence."""
    kind, keys = wrong["type"], tuple(wrong["loc"])
    if len(keys) > 1 and keys[-1] == "[key]":  # what pydantic appends for a name of a mapping; alone it is one itself
        keys = keys[:-1]
    name, where = source.short(str(keys[-1])), _where(keys[:-1])
    if kind == "missing":
        remedy = f"add it: {_description(keys, root)}"
        return Violation(places.path, *places.at(keys), f"{where}{name!r} is missing", remedy, rule="missing")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, _fields(keys[:-1], root), n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"remove it; known are {', '.join(_fields(keys[:-1], root))}"
        return Violation(places.path, *places.at_key(keys), f"{where}{name!r} is unknown", remedy, rule="unknown")
    if kind == "literal_error":
        allowed = wrong["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        allowed = ", ".join((model.REGIONAL, *federations.KINDS)) if keys == ("kind",) else allowed
        text, remedy = (
            f"{source.short(_value(tree, keys))!r} is not one of the known values",
            f"write one of: {allowed}",
        )
    else:
        text, remedy = _SHAPES.get(kind, (wrong["msg"], f"correct it: {_description(keys, root)}"))
    return Violation(places.path, *places.at(keys), f"{where}{name!r}: {text}", remedy, rule="shape")


# A card is one entry of these mappings: the word for it in a sentence.
_CARDS: Mapping[str, str] = {"organisations": "organisation", "members": "member"}


def _where(parents: source.Keys) -> str:
    if len(parents) >= 2 and (card := _CARDS.get(str(parents[0]))):
        inner = "".join(f"{key}: " for key in parents[2:])
        return f"{card} {str(parents[1])!r}: {inner}"
    return "".join(f"{key}: " for key in parents)


def _model_at(keys: source.Keys, root: Root) -> Root:
    """The part of the model in which the keys below a place are fields: of an entry of a mapping, that entry's."""
    found, rest = root, iter(keys)
    for key in rest:
        if field := found.model_fields.get(str(key)):
            found = next(_models(field.annotation), found)
            if typing.get_origin(field.annotation) is dict:
                next(rest, None)  # the name of the entry
    return found


def _models(annotation: Any) -> Iterator[Root]:
    """The models in an annotation, as in `Gateway | None` or `dict[str, Organisation]`."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _fields(keys: source.Keys, root: Root) -> list[str]:
    return list(_model_at(keys, root).model_fields)


def _description(keys: source.Keys, root: Root) -> str:
    field = _model_at(keys[:-1], root).model_fields.get(str(keys[-1]))
    text = " ".join((field.description or "").split()) if field else ""
    return text[:1].lower() + text[1:].rstrip(".")


def _value(tree: Any, keys: source.Keys) -> Any:
    for key in keys:
        tree = tree[key]
    return str(tree)
