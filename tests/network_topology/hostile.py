"""Definitions that lean on what could break out of a file: odd where that is allowed, and spoilt anywhere.

Where a text stands in a model is found by a walk over the model, so that no field is forgotten.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import pydantic
from hypothesis import strategies as st

from network_topology import model
from tests.network_topology.definitions import SIGNED, trees
from tests.publication.odd import HOSTILE

Place = tuple[Any, ...]
BREAKS = (
    *HOSTILE,
    *("\n    server x 192.0.2.1:1", "\nbackend x", " #", "# x", '"', "'", "{", "}", "{ x }", "\\", "|", ";", ",", "%"),
    *(
        "%%",
        "%u",
        "%[env(HOME)]",
        "{% for x in y %}",
        "{{ lookup('pipe', 'id') }}",
        "%\n}",
        "%eth0",
        "\r",
        "\x85",
        "\v",
    ),
)
# Sound, and more than an author would think of.
TEXTS = st.one_of(
    st.sampled_from(
        ["'t Huis", '"Zorg" {x}', "{{ 7 * 7 }}", "a # b", "$(id)", "%u %n", "; rm", "} accept", "\\", "é", "yes", "0"]
    ),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
)
NAMES = st.sampled_from(
    ["mesh.{}.example", "1.{}.example", "{}.xn--p1ai", "a.b.c.d.e.{}.nl", f"{'a' * 63}.{{}}.example", "9-9.{}.x0"]
)
PORTS = st.sampled_from([1, 21, 23, 443, 1023, 1024, 8443, 65535])
RANGES = st.sampled_from(
    [
        "192.0.2.{}/32", "198.51.100.0/24", "10.0.0.0/8", "2001:db8::{}/128", "2001:db8:{}::/48", "2001:DB8::/32",
        "203.0.113.128/25", "::ffff:c000:200/120", "64:ff9b::{}/128", "fd00:{}::/64",
    ]
)  # fmt: skip
PLACES = st.sampled_from(
    ["http://a.b", "https://p.xn--p1ai:65535/~x/.y-_/", "http://192.0.2.80/", "https://[2001:db8::80]:1/a/b"]
)
ADDRESSES = st.sampled_from(["192.0.2.{}", "2001:db8::{}", "2001:DB8::{}", "2001:0db8:0:0::{}", "fd00::{}"])


@st.composite
def sound(draw: st.DrawFn) -> dict[str, Any]:
    """A tree of a definition, of which nearly all pass the rules."""
    tree = draw(trees())
    tree["title"] = draw(TEXTS)
    if draw(st.booleans()):
        tree["publication_url"] = draw(PLACES)
    tree["processors"]["company"]["name"] = f"{draw(TEXTS)} 1"
    for number, card in enumerate(tree["organisations"].values(), 1):
        card["name"] = f"{draw(TEXTS)} {number + 1}"
        ranges = tuple(draw(RANGES).format(number) for _ in range(draw(st.integers(1, 3))))
        card["agreement"] = {**SIGNED}
        if "gateway" not in card:
            card["egress"] = ranges
            continue
        card["gateway"] = {"name": draw(NAMES).format(f"o{number}"), "port": draw(PORTS), "egress": ranges}
        if draw(st.booleans()):
            card["gateway"]["addresses"] = (draw(ADDRESSES).format(number),)
    return tree


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A sound tree of which one text, wherever in it, is spoilt."""
    tree = draw(sound())
    place = draw(st.sampled_from(list(texts(model.Definition.model_validate(tree)))))
    text = place[-1] if KEY in place else at(tree, place)
    result: dict[str, Any] = put(tree, place, draw(spoilt_text(text)))
    return result


@st.composite
def spoilt_text(draw: st.DrawFn, text: str) -> str:
    """A text with something put into it, at its end mostly, or another instead."""
    breaking = draw(st.sampled_from(BREAKS))
    where = draw(st.sampled_from([len(text), 0, len(text) // 2, -1]))
    return breaking if where < 0 else text[:where] + breaking + text[where:]


KEY = object()  # before the last word of a place: the key itself is the text


def texts(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of all texts in a model, keys of mappings too."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, pydantic.BaseModel):
        for name in sorted(value.model_fields_set):
            yield from texts(getattr(value, name), (*place, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield (*place, KEY, name)
            yield from texts(inner, (*place, name))
    elif isinstance(value, tuple | list):
        for number, inner in enumerate(value):
            yield from texts(inner, (*place, number))


def at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def put(tree: Any, place: Place, text: str) -> Any:
    """The same tree with another text at a place."""
    if not place:
        return text
    if place[0] is KEY:
        return {text if key == place[1] else key: inner for key, inner in tree.items()}
    if isinstance(tree, dict):
        return {**tree, place[0]: put(tree[place[0]], place[1:], text)}
    return type(tree)(put(one, place[1:], text) if n == place[0] else one for n, one in enumerate(tree))


def fields(root: type[pydantic.BaseModel]) -> set[str]:
    """`Model.field` of each field below a model that holds a text."""
    found: set[str] = set()
    for name, field in root.model_fields.items():
        for inner in _types(field.annotation):
            if isinstance(inner, type) and issubclass(inner, pydantic.BaseModel):
                found |= fields(inner)
            elif inner is str or isinstance(inner, str):
                found.add(f"{root.__name__}.{name}")
    return found


def _types(annotation: Any) -> Iterator[Any]:
    inner = typing.get_args(annotation)
    yield from (part for one in inner for part in _types(one)) if inner else (annotation,)


def reached(value: Any, place: Place) -> str:
    """`Model.field` in which a place lies."""
    found = ""
    for key in place:
        if key is KEY:
            break
        if isinstance(value, pydantic.BaseModel):
            found, value = f"{type(value).__name__}.{key}", getattr(value, key)
        else:
            value = value[key]
    return found
